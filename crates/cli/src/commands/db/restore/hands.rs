//! What a restore has others do: locks, backups, streams.

use std::{
    io::{self, Read},
    sync::Arc,
};

use dokku_deploy::{
    backup::Reason,
    command::DokkuCommand,
    flows::{
        lock::{self, Lock, Unlock},
        restore::{Ground, Hands, Wish},
    },
    host::{Answer, HostError},
    lock::{restore_reason, single_id},
    plugin_protocol::{Elsewhere, LockRequest, Locking, UnlockRequest, Unlocking},
    transfer::SupplyingHost,
};

use super::{super::backup::Order, left::Record, source::Source};
use crate::{
    actor,
    commands::lock::nonce,
    failure::Failure,
    host::SshHost,
    origin, publish,
    ui::{Ui, WatchedReader},
};

/// Lends hands to one restore.
pub struct Working<'a, 'h, 'u> {
    wish: &'a Wish,
    source: &'a Source,
    host: &'a SshHost<'h>,
    ground: Ground<'a>,
    ui: &'a Ui,
    record: &'a mut Record<'u>,
    /// The fingerprint of the lock that was taken.
    held: Option<String>,
    /// What is behind an error that the restore only knows in words.
    pub failure: Option<Failure>,
}

impl<'a, 'h, 'u> Working<'a, 'h, 'u> {
    /// For this restore from that file.
    pub fn new(
        wish: &'a Wish,
        source: &'a Source,
        host: &'a SshHost<'h>,
        ground: Ground<'a>,
        ui: &'a Ui,
        record: &'a mut Record<'u>,
    ) -> Self {
        Self {
            wish,
            source,
            host,
            ground,
            ui,
            record,
            held: None,
            failure: None,
        }
    }

    fn locking(&self) -> lock::Ground<'a> {
        lock::Ground {
            host: self.ground.host,
            clock: self.ground.clock,
            interrupts: self.ground.interrupts,
        }
    }

    /// Keeps the failure for later and tells it in words.
    fn words<T>(&mut self, result: Result<T, Failure>) -> Result<T, String> {
        result.map_err(|failure| {
            let words = failure.message.clone();
            self.failure = Some(failure);
            words
        })
    }

    fn take_lock(&mut self) -> Result<(), Failure> {
        let ground = self.locking();
        let way = lock::way(ground.host)?;
        if self.wish.left_lock.is_some() {
            // Its holder is dead: its file lock on this machine has ended with it.
            self.release(self.wish.left_lock.clone())?;
        }
        let by = actor::name(None)?;
        let request = LockRequest {
            reason: restore_reason(&self.wish.database.name, &self.wish.file.name),
            record: Some(unheard(&by, ground.host.name())),
            by,
            end: None,
            id: single_id(&nonce()),
            replace: false,
        };
        let wish = Lock {
            app: self.wish.app.clone(),
            request,
        };
        let tried = lock::lock(
            std::slice::from_ref(&wish),
            way,
            lock::Rivals::Possible,
            ground,
        )
        .pop();
        match tried.ok_or_else(|| Failure::internal("locking gave no result"))?? {
            Locking::Taken { lock, .. } => {
                self.held = Some(lock.fingerprint());
                self.record.begin(self.wish, lock.fingerprint());
                Ok(())
            }
            Locking::Held { lock } => Err(Failure::refused(format!(
                "{} is locked by {} since {}: {}",
                self.wish.app, lock.by, lock.at, lock.reason
            ))
            .hint("Nothing was changed.")),
        }
    }

    fn release(&mut self, only: Option<String>) -> Result<(), Failure> {
        let ground = self.locking();
        let way = lock::way(ground.host)?;
        let by = actor::name(None)?;
        let wish = Unlock {
            app: self.wish.app.clone(),
            request: UnlockRequest {
                record: Some(unheard(&by, ground.host.name())),
                by,
                only,
            },
        };
        let tried = lock::unlock(std::slice::from_ref(&wish), way, ground).pop();
        match tried.ok_or_else(|| Failure::internal("unlocking gave no result"))?? {
            Unlocking::NotLocked | Unlocking::Unlocked { .. } => Ok(()),
            Unlocking::Changed { lock } => Err(Failure::refused(format!(
                "its lock is by now another one: by {} since {}: {}",
                lock.by, lock.at, lock.reason
            ))),
        }
    }
}

/// The host records the lock and its end, and tells nobody: people hear of the restore.
fn unheard(by: &str, host: &str) -> Elsewhere {
    Elsewhere {
        is_told: true,
        ..publish::elsewhere(&origin::begin(by, host, None))
    }
}

impl Hands for Working<'_, '_, '_> {
    fn lock(&mut self) -> Result<(), String> {
        let result = self.take_lock();
        self.words(result)
    }

    fn unlock(&mut self) -> Result<(), String> {
        let held = self.held.take();
        self.release(held).map_err(|failure| failure.message)
    }

    fn keep(&mut self) -> Result<String, String> {
        let directory = self.source.beside();
        let order = Order {
            app: &self.wish.app,
            linked: &self.wish.database,
            directory,
            is_gzip: true,
            reason: Reason::PreRestore,
        };
        let kept = order
            .take(self.host, self.ground.interrupts, self.ui)
            .and_then(|(written, manifest)| order.publish(written, &manifest, None))
            .map(|path| path.display().to_string());
        let kept = self.words(kept)?;
        self.record.keep(&kept);
        Ok(kept)
    }

    fn import(&mut self, command: &DokkuCommand) -> Result<Answer, HostError> {
        let what = format!("into {}", self.wish.target().name);
        let progress = Arc::new(self.ui.progress(&what));
        let open = || -> io::Result<Box<dyn Read + Send>> {
            let dump = self.source.open()?;
            Ok(Box::new(WatchedReader::new(dump, Arc::clone(&progress))))
        };
        self.host.supply(command, &open, self.ground.interrupts)
    }

    fn note(&mut self, what: &str) {
        self.record.note(what);
    }
}
