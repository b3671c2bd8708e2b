//! Entries from what the domain knows of an operation.

use super::{Action, AuditEntry, Origin, Status, key};
use crate::{
    app::{AppName, Environment},
    clock::stamp,
    deployment::{Commit, Deployment, Outcome, Serving},
    lock::Lock,
};

impl AuditEntry {
    /// A deploy that has ended, well or not.
    pub fn of_deployment(deployment: &Deployment, origin: &Origin) -> Self {
        let (status, note) = match &deployment.outcome {
            Outcome::Live => (Status::Success, String::new()),
            Outcome::Unchanged => (
                Status::Success,
                "it served already; nothing had to be changed".to_owned(),
            ),
            Outcome::Failed { why, .. } => (Status::Failure, why.clone()),
            Outcome::Unknown { why, .. } => (Status::Unknown, why.clone()),
            Outcome::Refused { why } => (Status::Refused, why.clone()),
            Outcome::Interrupted { at, .. } => (Status::Cancelled, format!("stopped in {at}")),
        };
        let mut entry = Self::of_deploy(
            &deployment.app,
            deployment.environment,
            &deployment.commit,
            status.clone(),
            origin,
        )
        .note(&note);
        entry.finish(status, deployment.started, deployment.finished);
        entry.url = deployment.url.clone().unwrap_or_default();
        if let Some(previous) = &deployment.previous_sha {
            entry.set(key::PREVIOUS_SHA, previous.as_str());
        }
        if let Some(version) = deployment.version {
            entry.set(key::RELEASE, version);
        }
        if let Outcome::Failed { at, .. }
        | Outcome::Unknown { at, .. }
        | Outcome::Interrupted { at, .. } = &deployment.outcome
        {
            entry.set(key::STAGE, at.to_string());
        }
        entry.set(key::SERVING, serving(&deployment.serving));
        if !deployment.warnings.is_empty() {
            let warnings = deployment.warnings.iter().take(10);
            let warnings: Vec<String> = warnings.map(|text| super::cut(text, 300)).collect();
            entry.set(key::WARNINGS, warnings);
        }
        entry
    }

    /// A deploy of which nothing is known yet but what is to be deployed.
    pub fn of_deploy(
        app: &AppName,
        environment: Environment,
        commit: &Commit,
        status: Status,
        origin: &Origin,
    ) -> Self {
        let mut entry = Self::of_app(Action::of_deploy(environment), app, status, origin);
        environment.as_str().clone_into(&mut entry.environment);
        entry.set_commit(&commit.sha, &commit.subject, origin);
        if let Some(branch) = &commit.branch {
            entry.set(key::BRANCH, branch.as_str());
        }
        entry
    }

    /// A lock that was set. `replaced` is the one that was taken over.
    pub fn of_lock(app: &AppName, lock: &Lock, replaced: Option<&Lock>, origin: &Origin) -> Self {
        let mut entry = Self::of_app(Action::Lock, app, Status::Success, origin).note(&lock.reason);
        if let Some(until) = lock.until {
            entry.set(key::UNTIL, stamp(until));
        }
        entry.set_former_lock(replaced);
        entry
    }

    /// A lock that was removed; `None` where it could not be read.
    pub fn of_unlock(app: &AppName, was: Option<&Lock>, origin: &Origin) -> Self {
        let mut entry = Self::of_app(Action::Unlock, app, Status::Success, origin);
        entry.set_former_lock(was);
        entry
    }

    fn set_former_lock(&mut self, was: Option<&Lock>) {
        if let Some(was) = was {
            self.set(key::LOCKED_BY, was.by.as_str());
            self.set(key::LOCKED_AT, was.at.as_str());
            self.set(key::LOCK_REASON, was.reason.as_str());
        }
    }
}

fn serving(serving: &Serving) -> String {
    match serving {
        Serving::New { .. } => "the new version".to_owned(),
        Serving::Previous {
            version: Some(version),
            ..
        } => format!("release v{version}, as before"),
        Serving::Previous { .. } => "the version before".to_owned(),
        Serving::Nothing => "nothing".to_owned(),
        Serving::Unknown { why } => format!("not known: {why}"),
    }
}
