//! The one entry that a deploy ends in, whatever came of it.

use std::cell::Cell;

use dokku_deploy::{
    audit::{Action, AuditEntry, Origin, Status, key},
    deployment::Deployment,
    host::Host,
    rollout::{Plan, Wish},
};

use crate::{
    exit_codes,
    failure::Failure,
    host::SshHost,
    invocation::Invocation,
    origin,
    publish::{self, Chain, Telling, publish, tell},
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
}

impl<'a> Record<'a> {
    /// Begins when the deploy does.
    pub fn begin(
        wish: &'a Wish,
        host: &'a SshHost<'a>,
        invocation: &'a Invocation<'a>,
    ) -> Result<Self, Failure> {
        let repository = Repository::here()?;
        let origin = origin::begin(&wish.actor, host.name(), repository.as_ref());
        Ok(Self {
            wish,
            repository,
            host,
            invocation,
            origin,
            begun: Cell::new(None),
        })
    }

    /// It begins to change things.
    pub fn begins(&self) {
        let wish = self.wish;
        let entry = AuditEntry::of_deploy(
            &wish.app,
            wish.environment,
            &wish.commit,
            Status::Started,
            &self.origin,
        );
        self.begun.set(tell(&entry, self.invocation));
    }

    /// It was refused, or failed before anything was changed.
    pub fn not_begun(&self, failure: &Failure) {
        if !publish::is_begun(failure) {
            return;
        }
        let wish = self.wish;
        let status = publish::of_code(failure.code);
        let entry = AuditEntry::of_deploy(
            &wish.app,
            wish.environment,
            &wish.commit,
            status,
            &self.origin,
        );
        self.publish(&entry.note(&failure.message));
    }

    /// It ended.
    pub fn ended(&self, deployment: &Deployment, plan: &Plan) {
        let mut entry = AuditEntry::of_deployment(deployment, &self.origin);
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
        self.publish(&entry);
    }

    /// Puts back what a killed deploy left, and records that if there was anything.
    pub fn abort(
        &self,
        abort: impl FnOnce() -> Result<Option<String>, Failure>,
    ) -> Result<u8, Failure> {
        let result = abort();
        let wish = self.wish;
        let entry = |status| {
            let mut entry =
                AuditEntry::of_app(Action::DeployAbort, &wish.app, status, &self.origin);
            wish.environment.as_str().clone_into(&mut entry.environment);
            entry
        };
        match &result {
            Ok(None) => {}
            Ok(Some(told)) => self.publish(&entry(publish::of_code(exit_codes::OK)).note(told)),
            Err(failure) => {
                self.publish(&entry(publish::of_code(failure.code)).note(&failure.message));
            }
        }
        result.map(|_| exit_codes::OK)
    }

    fn publish(&self, entry: &AuditEntry) {
        if let Some(begun) = self.begun.take() {
            begun.finish(self.invocation);
        }
        publish(entry, Chain::over(self.host), self.invocation);
    }
}
