//! The one entry that locking or unlocking ends in.

use dokku_deploy::{
    app::AppName,
    audit::{Action, AuditEntry, Origin, Status, key},
    clock::stamp,
    host::Host,
    lock::Lock,
    plugin_protocol::{Elsewhere, Locking, Unlocking},
};
use jiff::Timestamp;

use crate::{
    failure::Failure,
    host::SshHost,
    invocation::Invocation,
    origin,
    publish::{self, Chain, publish},
};

/// Something with locks that is to be recorded.
pub struct Record<'a> {
    host: &'a SshHost<'a>,
    invocation: &'a Invocation<'a>,
    origin: Origin,
}

impl<'a> Record<'a> {
    /// Begins when the person asks for it.
    pub fn begin(by: &str, host: &'a SshHost<'a>, invocation: &'a Invocation<'a>) -> Self {
        Self {
            host,
            invocation,
            origin: origin::begin(by, host.name(), None),
        }
    }

    /// By which id the plugin on the host records the same, and whether it has to tell people.
    pub fn elsewhere(&self) -> Elsewhere {
        publish::elsewhere(&self.origin)
    }

    /// The same for one app of several, of which the entry tells together.
    pub fn one_of_several(&self) -> Elsewhere {
        publish::elsewhere(&Origin {
            nonce: rand::random(),
            ..self.origin.clone()
        })
    }

    /// Records what came of a request for a lock. What the plugin did, it has recorded by itself; a
    /// host without it keeps no record.
    pub fn locked(&self, app: &AppName, result: Result<&Locking, &Failure>) {
        match result {
            Ok(Locking::Taken { lock, replaced, .. }) => self.settled(&AuditEntry::of_lock(
                app,
                lock,
                replaced.as_deref(),
                &self.origin,
            )),
            Ok(Locking::Held { lock }) => self.refused(Action::Lock, app, lock),
            Err(failure) => self.failed(Action::Lock, app, failure),
        }
    }

    /// Records what came of a request to unlock. Where there was no lock, nothing happened.
    pub fn unlocked(&self, app: &AppName, result: Result<&Unlocking, &Failure>) {
        match result {
            Ok(Unlocking::NotLocked) => {}
            Ok(Unlocking::Unlocked { was, relocked, .. }) => {
                let mut entry = AuditEntry::of_unlock(app, was.as_ref(), &self.origin);
                if let Some(relocked) = relocked {
                    entry = entry.note(&format!("locked again at once by {}", relocked.by));
                }
                self.settled(&entry);
            }
            Ok(Unlocking::Changed { lock }) => self.refused(Action::Unlock, app, lock),
            Err(failure) => self.failed(Action::Unlock, app, failure),
        }
    }

    /// Records that no app was locked or unlocked of those that were meant together, if so.
    pub fn none<T>(&self, action: Action, result: Result<T, Failure>) -> Result<T, Failure> {
        if let Err(failure) = &result
            && publish::is_begun(failure)
        {
            let status = publish::of_code(failure.code);
            let entry = AuditEntry::of_host(action, status, &self.origin).note(&failure.message);
            publish(&entry, Chain::over(self.host), self.invocation);
        }
        result
    }

    /// Records that several apps were locked or unlocked together. `failed` of them were not: that the
    /// plugin does not know.
    pub fn together(&self, action: Action, apps: &[&AppName], failed: usize, reason: &str) {
        if apps.is_empty() && failed == 0 {
            return;
        }
        let status = match failed {
            0 => Status::Success,
            _ => Status::Failure,
        };
        let mut entry = AuditEntry::of_host(action, status, &self.origin).note(reason);
        let names: Vec<&str> = apps.iter().map(|app| app.as_str()).collect();
        entry.set(key::APPS, names);
        if failed > 0 {
            entry.set("failed_apps", failed);
            return publish(&entry, Chain::over(self.host), self.invocation);
        }
        self.settled(&entry);
    }

    fn refused(&self, action: Action, app: &AppName, present: &Lock) {
        let entry = AuditEntry::of_app(action, app, Status::Refused, &self.origin).note(&format!(
            "it is locked by {} since {}: {}",
            present.by, present.at, present.reason
        ));
        publish(&entry, Chain::over(self.host), self.invocation);
    }

    fn failed(&self, action: Action, app: &AppName, failure: &Failure) {
        if !publish::is_begun(failure) {
            return;
        }
        let status = publish::of_code(failure.code);
        let entry = AuditEntry::of_app(action, app, status, &self.origin).note(&failure.message);
        publish(&entry, Chain::over(self.host), self.invocation);
    }

    fn settled(&self, entry: &AuditEntry) {
        // It may have been waited for another lock's end.
        let entry = AuditEntry {
            timestamp: stamp(Timestamp::now()),
            ..entry.clone()
        };
        publish(&entry, Chain::Settled, self.invocation);
    }
}
