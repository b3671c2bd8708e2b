//! Who changes the deploy journal on the host.
//!
//! Where this system's plugin is, each change is one compare-and-set there. Elsewhere, and with an
//! older plugin, the journal is a matter of looking, writing and looking again.

use std::collections::BTreeMap;

use super::ground::Ground;
use crate::{
    app::AppName,
    dokku::{
        capabilities::{Capabilities, SetVariables},
        config,
        deploy_system::{self, PluginError},
    },
    host::{Answer, HostError},
    journal::{self, Journal, Phase},
    plugin_protocol::{JournalRequest, Journaling},
    secret::Secret,
};

/// How the journal of an app is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeper {
    /// By the plugin on the host.
    Plugin,
    /// By setting variables.
    Variables(SetVariables),
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kept {
    /// It was done.
    Done,
    /// The journal is another run's, or gone.
    Lost {
        /// Whose it is, where that is known.
        by: Option<String>,
    },
}

impl Keeper {
    pub fn of(capabilities: &Capabilities) -> Self {
        match capabilities.deploy_system {
            Some(_) => Self::Plugin,
            None => Self::Variables(capabilities.set_variables),
        }
    }

    /// Shows that the run lives and is in `phase`, if the journal is still its own.
    pub fn beat(
        self,
        app: &AppName,
        journal: &Journal,
        phase: Phase,
        ground: Ground<'_>,
    ) -> Result<Kept, HostError> {
        match self {
            Self::Plugin => ask(app, &JournalRequest::beat(journal, phase), ground)
                .map_err(|error| told(error, app, ground)),
            Self::Variables(set) => {
                let beat = Journal::beat(phase, ground.clock.now());
                if_held(app, journal, ground, || write(set, app, &beat, ground))
            }
        }
    }

    /// Removes the journal.
    pub fn drop(
        self,
        app: &AppName,
        journal: &Journal,
        ground: Ground<'_>,
    ) -> Result<Kept, HostError> {
        match self {
            Self::Plugin => ask(app, &JournalRequest::drop(journal), ground)
                .map_err(|error| told(error, app, ground)),
            Self::Variables(_) => {
                let unset = config::unset(app, &journal::KEYS);
                ground.host.ask(&unset).and_then(Answer::accepted)?;
                Ok(Kept::Done)
            }
        }
    }
}

/// Whether the journal is still the run's.
pub(super) fn look(
    app: &AppName,
    journal: &Journal,
    ground: Ground<'_>,
) -> Result<Kept, HostError> {
    if_held(app, journal, ground, || Ok(()))
}

fn if_held(
    app: &AppName,
    journal: &Journal,
    ground: Ground<'_>,
    act: impl FnOnce() -> Result<(), HostError>,
) -> Result<Kept, HostError> {
    let answer = ground.host.ask(&config::export(app))?;
    let held = config::read_export(&answer)?.unwrap_or_default();
    if journal.is_held_in(&held) {
        act()?;
        return Ok(Kept::Done);
    }
    let by = Journal::of(&held).ok().flatten().map(|journal| journal.by);
    Ok(Kept::Lost { by })
}

/// Has the plugin write the journal; `None`: the plugin there is too old to know how.
pub(super) fn take_by_plugin(
    app: &AppName,
    journal: &Journal,
    over: Option<&str>,
    ground: Ground<'_>,
) -> Result<Option<Kept>, HostError> {
    match ask(app, &JournalRequest::take(journal, over), ground) {
        Ok(kept) => Ok(Some(kept)),
        Err(PluginError::Lacking(_)) => Ok(None),
        Err(error) => Err(told(error, app, ground)),
    }
}

fn ask(app: &AppName, request: &JournalRequest, ground: Ground<'_>) -> Result<Kept, PluginError> {
    let answer = ground.host.ask(&deploy_system::journal(app, request))?;
    Ok(match deploy_system::read(&answer, ground.host.name())? {
        Journaling::Done => Kept::Done,
        Journaling::Nothing => Kept::Lost { by: None },
        Journaling::Other { by } => Kept::Lost { by: Some(by) },
    })
}

/// The plugin's no as one of the host.
fn told(error: PluginError, app: &AppName, ground: Ground<'_>) -> HostError {
    match error {
        PluginError::Host(error) | PluginError::Lacking(error) => error,
        PluginError::Mismatch(_) | PluginError::Fault(_) => HostError::Refused {
            command: format!("deploy-system:journal {app}"),
            status: 1,
            stderr: format!(
                "the plugin deploy-system on {}: {error}",
                ground.host.name()
            ),
        },
    }
}

/// Sets variables, without a restart.
pub(super) fn write(
    set: SetVariables,
    app: &AppName,
    variables: &BTreeMap<String, Secret>,
    ground: Ground<'_>,
) -> Result<(), HostError> {
    let command = set.command(app, variables);
    ground
        .host
        .ask(&command)
        .and_then(Answer::accepted)
        .map(drop)
}
