//! The one entry that a rollback ends in, whatever came of it.

use dokku_deploy::{
    app::AppName,
    audit::{Action, AuditEntry, Origin, key},
    deployment::Deployment,
    host::Host,
};

use super::Chosen;
use crate::{
    failure::Failure,
    host::SshHost,
    invocation::Invocation,
    origin,
    publish::{self, Chain, publish},
    repository::Repository,
};

/// A rollback that is to be recorded.
pub struct Record<'a> {
    app: &'a AppName,
    host: &'a SshHost<'a>,
    invocation: &'a Invocation<'a>,
    origin: Origin,
}

impl<'a> Record<'a> {
    /// Begins when the rollback does.
    pub fn begin(
        app: &'a AppName,
        actor: &str,
        host: &'a SshHost<'a>,
        repository: Option<&Repository>,
        invocation: &'a Invocation<'a>,
    ) -> Self {
        Self {
            app,
            host,
            invocation,
            origin: origin::begin(actor, host.name(), repository),
        }
    }

    /// It was refused, or failed before anything was changed.
    pub fn not_begun(&self, failure: &Failure) {
        if !publish::is_begun(failure) {
            return;
        }
        let status = publish::of_code(failure.code);
        let entry = AuditEntry::of_app(Action::Rollback, self.app, status, &self.origin);
        self.publish(&entry.note(&failure.message));
    }

    /// It ended.
    pub fn ended(&self, deployment: &Deployment, chosen: &Chosen) {
        let mut entry = AuditEntry::of_deployment(deployment, &self.origin);
        entry.action = Action::Rollback;
        if let Some(previous) = &chosen.plan.previous {
            entry.set(key::PREVIOUS_RELEASE, previous.version);
        }
        if entry.note.is_empty() {
            let passed = chosen.plan.override_lock.as_deref();
            entry = entry.note(passed.unwrap_or_default());
        }
        self.publish(&entry);
    }

    fn publish(&self, entry: &AuditEntry) {
        publish(entry, Chain::over(self.host), self.invocation);
    }
}
