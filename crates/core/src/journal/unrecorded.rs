//! Runs that ended without a word: what their journals tell, so that whoever deals with what they left
//! writes the one entry that each of them ends in.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Phase;
use crate::{
    app::{AppName, Environment},
    audit::{Action, AuditEntry, Origin, Status, is_id, key},
    deployment::Commit,
};

/// The one entry of the record that a run ends in, decided when it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEntry {
    /// What the run does.
    pub action: Action,
    /// The entry's id.
    pub id: String,
}

impl RunEntry {
    /// The entry of a run that does `action`.
    pub fn new(action: Action, id: String) -> Self {
        Self { action, id }
    }

    /// Reads what [`fmt::Display`] writes.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (action, id) = text.split_once(' ')?;
        is_id(id).then(|| Self::new(Action::from(action), id.to_owned()))
    }
}

impl fmt::Display for RunEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.id)
    }
}

/// A run that was taken over, as its journal told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unrecorded {
    /// The entry that it is to end in.
    pub entry: RunEntry,
    /// Who ran it.
    pub by: String,
    /// The commit that it deployed.
    pub commit: String,
    /// The commit before.
    pub previous: Option<String>,
    /// The release before.
    pub release: Option<u64>,
    /// When it began.
    pub started: Timestamp,
    /// Its last sign of life.
    pub alive: Timestamp,
    /// How far it came.
    pub phase: Phase,
    /// Whether what it deployed serves; `None`: that is not known.
    pub is_live: Option<bool>,
}

impl Unrecorded {
    /// Its entry. `subject` is the first line of the commit's message, where that is known; `settled`
    /// says what was done about the run; host and repository are those of `settler`.
    pub fn entry(
        &self,
        app: &AppName,
        environment: Environment,
        subject: &str,
        settled: &str,
        settler: &Origin,
    ) -> AuditEntry {
        let commit = Commit {
            sha: self.commit.clone(),
            subject: subject.to_owned(),
            branch: None,
        };
        let origin = Origin {
            time: self.alive,
            nonce: 0,
            actor: self.by.clone(),
            host: settler.host.clone(),
            repository: settler.repository.clone(),
            repository_url: settler.repository_url.clone(),
            workflow: crate::audit::Workflow::default(),
        };
        let (status, became) = match (&self.entry.action, self.is_live) {
            (Action::DeployAbort, _) => (Status::Cancelled, ""),
            (_, Some(false)) => (Status::Cancelled, "; it had not gone live"),
            (_, Some(true)) => (Status::Unknown, "; it had gone live, unverified"),
            (_, None) => (Status::Unknown, "; whether it had gone live is not known"),
        };
        let mut entry = AuditEntry::of_deploy(app, environment, &commit, status.clone(), &origin)
            .note(&format!(
                "its process or its connection ended without a word ({}){became}; {settled}",
                self.phase.as_str()
            ));
        entry.id.clone_from(&self.entry.id);
        entry.action.clone_from(&self.entry.action);
        entry.finish(status, self.started, self.alive);
        if let Some(previous) = &self.previous {
            entry.set(key::PREVIOUS_SHA, previous.as_str());
        }
        if let Some(release) = self.release {
            entry.set(key::PREVIOUS_RELEASE, release);
        }
        entry.set(key::STAGE, self.phase.as_str());
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_killed_run_is_in_its_entry_under_the_id_that_it_chose() {
        let run = |is_live| Unrecorded {
            entry: RunEntry::read("rollback audit-1795435200-abcdef").unwrap(),
            by: "ada".into(),
            commit: "a".repeat(40),
            previous: Some("b".repeat(40)),
            release: Some(7),
            started: "2026-11-23T12:00:00Z".parse().unwrap(),
            alive: "2026-11-23T12:03:00Z".parse().unwrap(),
            phase: Phase::Tasks,
            is_live,
        };
        let settler = Origin {
            actor: "bob".into(),
            host: "dokku.example.com".into(),
            repository: "acme/shop".into(),
            ..Origin::default()
        };
        let app = AppName::new("shop").unwrap();
        let entry = |is_live| {
            run(is_live).entry(
                &app,
                Environment::Production,
                "Mend",
                "bob put it back",
                &settler,
            )
        };
        let known = entry(Some(false));
        assert_eq!(
            (known.id.as_str(), known.actor.as_str(), &known.action),
            ("audit-1795435200-abcdef", "ada", &Action::Rollback)
        );
        assert_eq!(
            (known.timestamp.as_str(), known.duration.as_str()),
            ("2026-11-23T12:03:00Z", "3m 0s")
        );
        assert_eq!(known.status, Status::Cancelled);
        assert_eq!(
            known.note,
            "its process or its connection ended without a word (tasks); it had not gone live; \
             bob put it back"
        );
        assert_eq!(known.text(key::HOST), "dokku.example.com");
        assert_eq!(entry(Some(true)).status, Status::Unknown);
        assert_eq!(entry(None).status, Status::Unknown);
    }
}
