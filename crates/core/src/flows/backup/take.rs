//! Taking one backup: the export streamed into a draft, the draft checked, the manifest written from
//! what was seen.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::{
    app::AppName,
    backup::{Manifest, Reason},
    clock::Clock,
    dokku::{config, datastore},
    dump::{BadDump, Dump, Engine},
    host::HostError,
    interrupt::Interrupts,
    lock::LockState,
    service::{ServiceKind, ServiceName},
    transfer::{StreamingHost, TransferError},
};

/// What is to be backed up, and why.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Whose data it is.
    pub app: &'a AppName,
    /// The kind of the service.
    pub kind: ServiceKind,
    /// The service's name on the host.
    pub service: &'a ServiceName,
    /// The engine that its dumps have to be of.
    pub engine: Engine,
    /// Why it is made.
    pub reason: Reason,
    /// The program and its version, for the manifest.
    pub tool: &'a str,
}

/// Trouble with the place that backups are written to.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// A place for backups.
pub trait BackupStore {
    /// Takes the bytes of a dump.
    type Draft: Draft;

    /// Begins a draft, after a look at whether there is room for it. Nothing of it has a backup's
    /// name, and nothing is left when it is dropped.
    fn begin(&self) -> Result<Self::Draft, StoreError>;
}

/// A backup under way.
pub trait Draft: Write + Send {
    /// A whole one, without a name yet.
    type Sealed;

    /// Brings everything to where it lasts, and checks it there. The dump was read on its way.
    fn seal(self) -> Result<Sealed<Self::Sealed>, StoreError>;
}

/// A file that is whole, and what its content came to.
pub struct Sealed<S> {
    /// What the store has of it.
    pub sealed: S,
    /// What was seen on the way.
    pub facts: Facts,
    /// What the dump is, or why it is none.
    pub dump: Result<Dump, BadDump>,
}

/// What was seen of a backup while it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Bytes of the file.
    pub size: u64,
    /// SHA-256 of the dump.
    pub raw_sha256: String,
    /// Bytes of the dump.
    pub raw_size: u64,
    /// How it was checked that the file holds the dump.
    pub checks: Vec<String>,
    /// Whose keys open it.
    pub encrypted_to: Vec<String>,
}

/// A backup that passed all checks, without a name yet.
#[derive(Debug)]
pub struct Taken<S> {
    /// What the store has of it.
    pub sealed: S,
    /// Its record.
    pub manifest: Manifest,
}

/// Why there is no backup. Nothing of it is left anywhere.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The host could not be asked, or the connection broke.
    #[error("no backup of {service} on {host}: {why}")]
    Host {
        /// The service.
        service: String,
        /// The host.
        host: String,
        /// What happened.
        why: HostError,
    },
    /// The place to write to.
    #[error("no backup of {service} on {host}: {why}")]
    Store {
        /// The service.
        service: String,
        /// The host.
        host: String,
        /// What happened.
        why: StoreError,
    },
    /// What was exported is no whole dump.
    #[error("no backup of {service} on {host}: {why}")]
    NotWhole {
        /// The service.
        service: String,
        /// The host.
        host: String,
        /// What it lacks.
        why: String,
    },
    /// A restore of the service runs, or was killed.
    #[error(
        "no backup of {service} on {host}: a restore of it is under way or was killed, so its data may be half there ({app} is locked by {by} since {at})"
    )]
    HalfRestored {
        /// The service.
        service: String,
        /// The host.
        host: String,
        /// The app that the restore has locked.
        app: AppName,
        /// Who restores.
        by: String,
        /// Since when.
        at: String,
    },
}

/// Takes a backup. Without success nothing of it is left.
pub fn take<S: BackupStore>(
    order: &Order,
    host: &dyn StreamingHost,
    store: &S,
    clock: &dyn Clock,
    interrupts: &dyn Interrupts,
) -> Result<Taken<<S::Draft as Draft>::Sealed>, TakeError> {
    let service = || order.service.to_string();
    let on = || host.name().to_owned();
    let of_host = |why: HostError| TakeError::Host {
        service: service(),
        host: on(),
        why,
    };
    let of_store = |why: StoreError| TakeError::Store {
        service: service(),
        host: on(),
        why,
    };
    let not_whole = |why: String| TakeError::NotWhole {
        service: service(),
        host: on(),
        why,
    };
    let whole = || refuse_half_restored(order, host, clock);
    whole()?;
    let started = clock.now();
    let mut draft = store.begin().map_err(of_store)?;
    let export = datastore::export(order.kind, order.service);
    let answer = host
        .receive(&export, &mut draft, interrupts)
        .map_err(|error| match error {
            TransferError::Host(why) => of_host(why),
            TransferError::Write(why) => of_store(why.into()),
        })?;
    if !answer.is_ok() {
        return Err(of_host(answer.refused()));
    }
    // One that began meanwhile.
    whole()?;
    let Sealed {
        sealed,
        facts,
        dump,
    } = draft.seal().map_err(of_store)?;
    let dump = dump.map_err(|bad| match bad {
        BadDump::Empty => {
            not_whole("the export ended without an error and without a byte".to_owned())
        }
        BadDump::Unreadable(error) => of_store(error.into()),
        bad => not_whole(format!("the dump is not whole: {bad}")),
    })?;
    if dump.engine != order.engine {
        return Err(not_whole(format!(
            "a {} service sent a dump of {}",
            order.kind, dump.engine
        )));
    }
    let manifest = manifest(order, facts, dump, started, clock.now());
    Ok(Taken { sealed, manifest })
}

/// What a restore has half replaced would be a whole dump, and no good backup. The copy that a restore
/// makes itself is made under its own lock.
fn refuse_half_restored(
    order: &Order,
    host: &dyn StreamingHost,
    clock: &dyn Clock,
) -> Result<(), TakeError> {
    if order.reason == Reason::PreRestore {
        return Ok(());
    }
    let variables = host
        .ask(&config::export(order.app))
        .and_then(|answer| config::read_export(&answer));
    let variables = match variables {
        Ok(Some(variables)) => variables,
        // Its services may have outlived the app; and a backup is most needed where the app is
        // broken: no restore locks what cannot be read.
        Ok(None) | Err(HostError::Refused { .. } | HostError::Unparsable { .. }) => return Ok(()),
        Err(why) => {
            return Err(TakeError::Host {
                service: order.service.to_string(),
                host: host.name().to_owned(),
                why,
            });
        }
    };
    match LockState::of(&variables, clock.now()) {
        Ok(LockState::Locked(lock)) if lock.is_of_restore(order.service) => {
            Err(TakeError::HalfRestored {
                service: order.service.to_string(),
                host: host.name().to_owned(),
                app: order.app.clone(),
                by: lock.by,
                at: lock.at,
            })
        }
        _ => Ok(()),
    }
}

fn manifest(
    order: &Order,
    facts: Facts,
    dump: Dump,
    started: Timestamp,
    finished: Timestamp,
) -> Manifest {
    let mut checks = facts.checks;
    checks.extend(dump.checks);
    Manifest {
        app: order.app.to_string(),
        kind: order.kind,
        service: order.service.to_string(),
        engine: dump.engine,
        engine_version: dump.version,
        size: facts.size,
        raw_size: facts.raw_size,
        sha256: facts.sha256,
        raw_sha256: facts.raw_sha256,
        started,
        finished,
        reason: order.reason,
        tool: order.tool.to_owned(),
        checks,
        encrypted_to: facts.encrypted_to,
        restore_tested: None,
        restore_failed: None,
    }
}
