//! The one entry that a deploy ends in, whatever came of it, and those of the runs that it takes over.

use std::cell::Cell;

use dokku_deploy::{
    audit::{self, Action, AuditEntry, Origin, Status, key},
    deployment::Deployment,
    flows::cleanup::REPOSITORY,
    host::Host,
    journal::{RunEntry, Unrecorded},
    rollout::{Aborted, Plan, Wish},
    secret::Secret,
    variables::Source,
};

use super::takeover;
use crate::{
    exit_codes,
    failure::Failure,
    host::SshHost,
    invocation::Invocation,
    origin,
    publish::{self, Chain, Telling, Untold, tell},
    repository::Repository,
};

/// A deploy that is to be recorded.
pub struct Record<'a> {
    wish: &'a Wish,
    repository: Option<Repository>,
    host: &'a SshHost<'a>,
    invocation: &'a Invocation<'a>,
    origin: Origin,
    /// What tells that it has begun, while it goes on.
    begun: Cell<Option<Telling>>,
    untold: Untold,
}

/// Who deploys, when and from where; the wish learns in which entry it ends.
pub fn begin(wish: &mut Wish, is_abort: bool, host: &dyn Host) -> Result<Origin, Failure> {
    let repository = Repository::here()?;
    let origin = origin::begin(&wish.actor, host.name(), repository.as_ref());
    let action = if is_abort {
        Action::DeployAbort
    } else {
        Action::of_deploy(wish.environment)
    };
    let id = audit::id(origin.time, origin.nonce);
    wish.entry = Some(RunEntry::new(action, id));
    Ok(origin)
}

impl<'a> Record<'a> {
    /// Begins when the deploy does.
    pub fn of(
        wish: &'a Wish,
        origin: Origin,
        host: &'a SshHost<'a>,
        invocation: &'a Invocation<'a>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            wish,
            repository: Repository::here()?,
            host,
            invocation,
            origin,
            begun: Cell::new(None),
            untold: Untold::default(),
        })
    }

    /// It begins to change things.
    pub fn begins(&self) {
        self.begun
            .set(tell(&self.entry(Status::Started), self.invocation));
    }

    /// It was refused, or failed before anything was changed.
    pub fn not_begun(&self, failure: &Failure) {
        if !publish::is_begun(failure) {
            return;
        }
        let status = publish::of_code(failure.code);
        self.keep(&self.entry(status).note(&failure.message));
        self.tell();
    }

    /// It ended, and so did the runs that it took over.
    pub fn ended(&self, deployment: &Deployment, plan: &Plan, owed: &[Unrecorded]) {
        let by = &self.origin.actor;
        let commit = self.wish.commit.short();
        self.settle(owed, &format!("{by} took it over, to deploy {commit}"));
        let mut entry = AuditEntry::of_deployment(deployment, &self.origin);
        self.name_pull_request(&mut entry);
        if let Some(previous) = &plan.previous {
            entry.set(key::PREVIOUS_RELEASE, previous.version);
        }
        if let Some(sha) = &deployment.previous_sha
            && let Some(repository) = &self.repository
            && let Some(files) = repository.changed_files(sha, &deployment.commit.sha)
        {
            entry.set(key::FILES_CHANGED, files);
        }
        let check = &self.wish.settings.healthcheck;
        // Whoever asks later takes 2xx alone for healthy; where others are, the path says nothing to them.
        let is_usual = check
            .status
            .iter()
            .all(|status| (200..300).contains(status));
        entry.set(key::HEALTH_PATH, if is_usual { &check.path } else { "/" });
        self.keep(&entry);
    }

    /// Puts back what a killed deploy left. `abort` is given what records it, for the moment before the
    /// journal goes. Where there was nothing, nothing is recorded but a failure.
    pub fn abort(
        &self,
        abort: impl FnOnce(&mut dyn FnMut(&Aborted, &[Unrecorded])) -> Result<(), Failure>,
    ) -> Result<u8, Failure> {
        let entry = |status| {
            let wish = self.wish;
            let mut entry =
                AuditEntry::of_app(Action::DeployAbort, &wish.app, status, &self.origin);
            wish.environment.as_str().clone_into(&mut entry.environment);
            entry
        };
        let mut is_kept = false;
        let result = abort(&mut |aborted, owed| {
            let by = &self.origin.actor;
            self.settle(owed, &format!("{by} put things in order"));
            if let Some(told) = told(aborted) {
                self.keep(&entry(publish::of_code(exit_codes::OK)).note(&told));
                is_kept = true;
            }
        });
        if let Err(failure) = &result
            && !is_kept
            && publish::is_begun(failure)
        {
            self.keep(&entry(publish::of_code(failure.code)).note(&failure.message));
        }
        self.tell();
        result.map(|()| exit_codes::OK)
    }

    fn entry(&self, status: Status) -> AuditEntry {
        let wish = self.wish;
        let mut entry = AuditEntry::of_deploy(
            &wish.app,
            wish.environment,
            &wish.commit,
            status,
            &self.origin,
        );
        self.name_pull_request(&mut entry);
        entry
    }

    /// The pull request whose preview it is, if it is one's.
    fn name_pull_request(&self, entry: &mut AuditEntry) {
        let given = self.wish.given.get(&Source::Repository);
        let text = |key: &str| given.and_then(|given| given.get(key)).map(Secret::expose);
        if let Some(number) = text("PR_NUMBER").and_then(|number| number.parse().ok()) {
            origin::name_pull_request(entry, text(REPOSITORY), number);
        }
    }

    fn settle(&self, owed: &[Unrecorded], settled: &str) {
        let wish = self.wish;
        for entry in takeover::entries(
            owed,
            &wish.app,
            wish.environment,
            settled,
            self.repository.as_ref(),
            &self.origin,
        ) {
            self.keep(&entry);
        }
    }

    fn keep(&self, entry: &AuditEntry) {
        self.untold
            .keep(entry, Chain::over(self.host), self.invocation);
    }

    /// Everyone but the host's log is told.
    pub fn tell(&self) {
        if let Some(begun) = self.begun.take() {
            begun.finish(self.invocation);
        }
        self.untold.tell(self.invocation);
    }
}

/// What an abort did, in words; `None`: there was nothing to do.
pub fn told(aborted: &Aborted) -> Option<String> {
    let Aborted::PutBack {
        journal,
        is_new_live,
    } = aborted
    else {
        return None;
    };
    let commit = journal.commit.get(..7).unwrap_or(&journal.commit);
    let by = &journal.by;
    Some(if *is_new_live {
        format!(
            "the deploy of {commit} by {by} had gone live and serves, unverified; only its journal was removed"
        )
    } else {
        format!("what the deploy of {commit} by {by} had left is put back")
    })
}
