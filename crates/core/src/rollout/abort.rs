//! Putting back what a killed or interrupted deploy left.

use super::{
    ground::Ground,
    observe::{AppState, Observed},
    refusal::Refusal,
    wish::Wish,
};
use crate::{
    dokku::{capabilities::Capabilities, config, ps},
    event::{Event, Report},
    host::{Answer, Follow, HostError, Push, PushOutcome, Stream},
    journal::{self, Journal, Phase, differing},
};

/// What an abort found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aborted {
    /// No deploy is under way and none was left unfinished.
    Nothing,
    /// The journal's changes are put back.
    PutBack {
        /// The run that had left them.
        journal: Box<Journal>,
        /// The new version had gone live before the run ended, and still serves.
        is_new_live: bool,
    },
}

/// Puts back what the app's deploy journal says.
///
/// A run that had gone live already is left live: only the journal goes.
pub fn abort(
    wish: &Wish,
    observed: &Observed,
    ground: Ground<'_>,
    report: &mut dyn Report,
) -> Result<Aborted, AbortError> {
    let Some(app) = &observed.app else {
        return Ok(Aborted::Nothing);
    };
    let capabilities = &observed.capabilities;
    let is_held = capabilities.skip_deploy.is_set(&app.ps, &app.variables);
    let journal = match Journal::of(&app.variables) {
        Ok(None) => return Ok(Aborted::Nothing),
        Ok(Some(journal)) => journal,
        Err(bad) => {
            report.event(Event::Warning(&format!(
                "{bad}: it is removed; what it had changed is not known"
            )));
            if is_held {
                ask(ground, &capabilities.skip_deploy.clear(&wish.app))?;
            }
            remove_journal(wish, ground)?;
            return Err(AbortError::Unreadable(bad.to_string()));
        }
    };
    let is_new_live = is_new_live(&journal, app);
    if is_new_live != Some(true) {
        put_back(wish, app, capabilities, &journal, ground, report)?;
    }
    if is_new_live.is_none() {
        report.event(Event::Warning(&format!(
            "which version serves is not known: the deploy of {} may have gone live before it ended",
            journal.commit.get(..7).unwrap_or(&journal.commit)
        )));
    }
    let is_new_live = is_new_live == Some(true);
    if is_held || restores_image(&journal).is_some() {
        ask(ground, &capabilities.skip_deploy.clear(&wish.app))?;
    }
    remove_journal(wish, ground)?;
    Ok(Aborted::PutBack {
        journal: Box::new(journal),
        is_new_live,
    })
}

/// Whether what the run deployed serves, by the images that run; `None`: that is not known.
fn is_new_live(journal: &Journal, app: &AppState) -> Option<bool> {
    match journal.phase {
        Phase::Checking => return Some(true),
        Phase::Preparing | Phase::Holding | Phase::Tasks => return Some(false),
        // Dokku switches by itself, and goes on with that when nobody is there any more.
        Phase::Building | Phase::Switching | Phase::Restoring => {}
    }
    if app.container_ids().is_empty() {
        return Some(false);
    }
    let recorded = app.history.as_ref().ok()?.current()?.image.as_ref()?;
    Some(*recorded != app.running_image()?)
}

/// The commit whose image has to be put back: the run may have built another.
fn restores_image(journal: &Journal) -> Option<&str> {
    let has_built = journal.phase != Phase::Preparing;
    journal.previous.as_deref().filter(|_| has_built)
}

/// Why an abort did not put everything back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AbortError {
    /// The host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A refusal of Dokku or git on the way.
    #[error("{0}")]
    Failed(String),
    /// The journal was unreadable; it was removed, so that the next deploy can begin.
    #[error("{0}; it was removed without putting anything back: look at the app's variables")]
    Unreadable(String),
    /// Not now.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

fn put_back(
    wish: &Wish,
    app: &AppState,
    capabilities: &Capabilities,
    journal: &Journal,
    ground: Ground<'_>,
    report: &mut dyn Report,
) -> Result<(), AbortError> {
    let (set, unset) = differing(&journal.undo, &app.variables);
    if let Some(previous) = restores_image(journal) {
        restore_image(wish, app, capabilities, journal, previous, ground, report)?;
    }
    if !set.is_empty() {
        ask(ground, &capabilities.set_variables.command(&wish.app, &set))?;
    }
    if !unset.is_empty() {
        ask(ground, &config::unset(&wish.app, &unset))?;
    }
    Ok(())
}

/// Builds the earlier commit again without going live, so that no restart runs the other image.
fn restore_image(
    wish: &Wish,
    app: &AppState,
    capabilities: &Capabilities,
    journal: &Journal,
    previous: &str,
    ground: Ground<'_>,
    report: &mut dyn Report,
) -> Result<(), AbortError> {
    report.event(Event::Step(
        "Putting the earlier version's image back, without going live",
    ));
    // The journal first: where this abort ends early, the hold has to be known to the next run.
    let restoring = Journal::beat(Phase::Restoring, ground.clock.now());
    ask(
        ground,
        &capabilities.set_variables.command(&wish.app, &restoring),
    )?;
    ask(ground, &capabilities.skip_deploy.set(&wish.app))?;
    let push = Push {
        app: wish.app.clone(),
        commit: previous.to_owned(),
        branch: app.git.deploy_branch.clone(),
        // The run may have been killed before its push: where Dokku tells what the branch is at, that
        // is what may be replaced.
        force_with_lease: Some(app.git.deployed().unwrap_or(&journal.commit).to_owned()),
    };
    let mut teller = Teller { report };
    match ground.host.push(&push, &mut teller)? {
        PushOutcome::Accepted => Ok(()),
        PushOutcome::UpToDate => match ground.host.follow(&ps::rebuild(&wish.app), &mut teller)? {
            0 => Ok(()),
            status => Err(AbortError::Failed(format!(
                "building the earlier version again failed with status {status}; {UNTIL_MENDED}"
            ))),
        },
        PushOutcome::Rejected { reason } => Err(AbortError::Failed(format!(
            "the host rejected the push of the earlier commit {previous} ({reason}); {UNTIL_MENDED}"
        ))),
    }
}

fn remove_journal(wish: &Wish, ground: Ground<'_>) -> Result<(), AbortError> {
    let keys: Vec<String> = journal::KEYS.iter().map(|&key| key.to_owned()).collect();
    ask(ground, &config::unset(&wish.app, &keys)).map(drop)
}

fn ask(ground: Ground<'_>, command: &crate::command::DokkuCommand) -> Result<Answer, AbortError> {
    Ok(ground.host.ask(command).and_then(Answer::accepted)?)
}

/// What holds, and what helps, as long as the earlier image is not back.
const UNTIL_MENDED: &str = "nothing that is pushed goes live until this is in order. If a build is still \
     under way there, abort again when it has ended; `dokku-cli deploy --resume` deploys over it";

struct Teller<'a> {
    report: &'a mut dyn Report,
}

impl Follow for Teller<'_> {
    fn line(&mut self, from: Stream, line: &str) {
        self.report.event(Event::Output {
            source: "build",
            from,
            line,
        });
    }
}
