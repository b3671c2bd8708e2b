//! The one entry that a rollback ends in, whatever came of it, and those of the runs that it takes over.

use dokku_deploy::{
    app::AppName,
    audit::{self, Action, AuditEntry, Origin, key},
    deployment::Deployment,
    host::Host,
    journal::{RunEntry, Unrecorded},
};

use super::Chosen;
use crate::{
    commands::deploy::takeover,
    failure::Failure,
    host::SshHost,
    invocation::Invocation,
    origin,
    publish::{self, Chain, Untold},
    repository::Repository,
};

/// A rollback that is to be recorded.
pub struct Record<'a> {
    app: &'a AppName,
    host: &'a SshHost<'a>,
    repository: Option<&'a Repository>,
    invocation: &'a Invocation<'a>,
    origin: Origin,
    untold: Untold,
}

impl<'a> Record<'a> {
    /// Begins when the rollback does.
    pub fn begin(
        app: &'a AppName,
        actor: &str,
        host: &'a SshHost<'a>,
        repository: Option<&'a Repository>,
        invocation: &'a Invocation<'a>,
    ) -> Self {
        Self {
            app,
            host,
            repository,
            invocation,
            origin: origin::begin(actor, host.name(), repository),
            untold: Untold::default(),
        }
    }

    /// The entry that it ends in.
    pub fn entry(&self) -> RunEntry {
        let id = audit::id(self.origin.time, self.origin.nonce);
        RunEntry::new(Action::Rollback, id)
    }

    /// It was refused, or failed before anything was changed.
    pub fn not_begun(&self, failure: &Failure) {
        if !publish::is_begun(failure) {
            return;
        }
        let status = publish::of_code(failure.code);
        let entry = AuditEntry::of_app(Action::Rollback, self.app, status, &self.origin);
        self.keep(&entry.note(&failure.message));
        self.tell();
    }

    /// It ended, and so did the runs that it took over.
    pub fn ended(&self, deployment: &Deployment, chosen: &Chosen<'_>, owed: &[Unrecorded]) {
        let settled = format!(
            "{} took it over, to go back to v{}",
            self.origin.actor, chosen.target.version
        );
        let environment = chosen.wish.environment;
        for entry in takeover::entries(
            owed,
            self.app,
            environment,
            &settled,
            self.repository,
            &self.origin,
        ) {
            self.keep(&entry);
        }
        let mut entry = AuditEntry::of_deployment(deployment, &self.origin);
        entry.action = Action::Rollback;
        if let Some(previous) = &chosen.plan.previous {
            entry.set(key::PREVIOUS_RELEASE, previous.version);
        }
        if entry.note.is_empty() {
            let passed = chosen.plan.override_lock.as_deref();
            entry = entry.note(passed.unwrap_or_default());
        }
        self.keep(&entry);
    }

    fn keep(&self, entry: &AuditEntry) {
        self.untold
            .keep(entry, Chain::over(self.host), self.invocation);
    }

    /// Everyone but the host's log is told.
    pub fn tell(&self) {
        self.untold.tell(self.invocation);
    }
}
