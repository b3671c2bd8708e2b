//! Which dump goes where: a pure function of what was found and what was asked for.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Found;
use crate::{
    app::{AppName, Environment},
    backup::{Reason, StoredName},
    dump::Engine,
    service::{ServiceKind, ServiceName},
};

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Only {
    /// One app; without it all but previews.
    pub app: Option<AppName>,
    /// Services of this kind; without it all.
    pub kind: Option<ServiceKind>,
    /// The service of this name; without it all.
    pub service: Option<ServiceName>,
}

/// A dump to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The service and its app.
    pub of: Found,
    /// The engine of its dumps.
    pub engine: Engine,
    /// The service's name where the file's name has to tell it: the app has several of the kind.
    pub told: Option<ServiceName>,
}

impl Job {
    /// The name of its backup, begun at `time`.
    pub fn name(&self, reason: Reason, time: Timestamp, is_encrypted: bool) -> StoredName {
        StoredName {
            kind: self.of.kind,
            app: self.of.app.clone(),
            reason,
            time,
            service: self.told.clone(),
            is_encrypted,
        }
    }
}

/// A service that was asked for and cannot be backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The service and its app.
    pub of: Found,
    /// Why not.
    pub why: String,
}

/// What will be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Planned {
    /// Dumps to be taken.
    pub jobs: Vec<Job>,
    /// Services whose dumps nobody could check: each counts as a failure.
    pub impossible: Vec<Skipped>,
}

/// Plans. An app that is named is backed up even if it is a preview.
pub fn plan(found: &[Found], only: &Only) -> Planned {
    let mut counts: BTreeMap<(&AppName, ServiceKind), usize> = BTreeMap::new();
    for one in found {
        *counts.entry((&one.app, one.kind)).or_default() += 1;
    }
    let mut planned = Planned::default();
    for of in found {
        let is_meant = match &only.app {
            Some(app) => of.app == *app,
            None => Environment::of_app(&of.app) != Environment::Preview,
        } && only.kind.is_none_or(|kind| of.kind == kind)
            && only.service.as_ref().is_none_or(|name| of.service == *name);
        if !is_meant {
            continue;
        }
        let Some(engine) = Engine::of(of.kind) else {
            planned.impossible.push(Skipped {
                of: of.clone(),
                why: format!(
                    "backups of {} are not possible yet: this program cannot tell whether its dumps are whole",
                    of.kind
                ),
            });
            continue;
        };
        let is_one_of_several = counts
            .get(&(&of.app, of.kind))
            .is_some_and(|count| *count > 1);
        let is_usual = of.service == ServiceName::of(of.kind, &of.app);
        planned.jobs.push(Job {
            of: of.clone(),
            engine,
            told: (is_one_of_several && !is_usual).then(|| of.service.clone()),
        });
    }
    planned
}
