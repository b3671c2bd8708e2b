//! `dokku-cli db APP verify --restore`: the proof that a backup restores.

use std::{
    io::{Read, Write},
    os::unix::fs::DirBuilderExt,
};

use dokku_deploy::{
    app::AppName,
    audit::Action,
    clock::stamp,
    dokku::census::Database,
    flows::restore::{self, Ground, Halt, Scratch, Tested, Wish},
    host::Host,
    interrupt::Interrupts,
};
use fs_err::{self as fs, os::unix::fs::OpenOptionsExt};
use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde_json::json;

use super::{
    VerifyArguments,
    backup::size,
    record,
    restore::{Importer, Source, patiently, refused},
    service, verdict,
};
use crate::{
    clock::RealClock, commands::deploy::narration::Narration, exit_codes, failure::Failure,
    invocation::Invocation, publish::recorded,
};

/// Tests one backup.
pub fn run(
    app: &AppName,
    arguments: &VerifyArguments,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let turn = Turn::take(invocation)?;
    let identity = arguments.identity.as_deref();
    let source = Source::find(app, &arguments.file, identity, invocation)?;
    let shown = source.shown(&arguments.file);
    let (file, manifest) = source.read(&shown)?;
    let most = arguments.limit.saturating_mul(1 << 30);
    if file.dump.size > most {
        return Err(Failure::refused(format!(
            "{shown} holds a dump of {}, more than the {} GiB that a restore test may take",
            size(file.dump.size),
            arguments.limit
        ))
        .hint("--limit GIB allows more; the host needs room for it."));
    }
    let (tested, warnings) = patiently(invocation, |host, watch| {
        let mut entry = record::entry(Action::RestoreTest, app, host)?;
        record::name_file(&mut entry, source.path());
        let service = manifest.as_ref().map(|manifest| manifest.service.as_str());
        recorded(entry, host, invocation, |entry| {
            let database = service::find_restorable(host, app, service)?;
            record::name_service(entry, &database);
            let wish = Wish {
                app: app.clone(),
                database,
                file,
                other_app: false,
                into: None,
                stop_app: false,
                left_lock: None,
                is_left_stopped: false,
            };
            clear(&wish.database, &turn, host, invocation)?;
            let observed = restore::observe(&wish, host)?;
            let scratch = Scratch::new(&turn.owner, Timestamp::now())
                .ok_or_else(|| Failure::internal("no name for a scratch service"))?;
            let clock = RealClock::new(watch.clone());
            let ground = Ground {
                host,
                clock: &clock,
                interrupts: watch,
            };
            let mut importer = Importer {
                source: &source,
                host,
                interrupts: watch as &dyn Interrupts,
            };
            let mut narration = Narration::new(ui);
            let (tested, warnings) = restore::test(
                &wish,
                &observed,
                &scratch,
                ground,
                &mut importer,
                &mut narration,
            );
            match tested {
                Tested::Unknown(Halt::Host(error)) => Err(error.into()),
                Tested::Unknown(Halt::Interrupted(signal)) => Err(Failure::interrupted(signal)),
                Tested::Unknown(halt) => Err(Failure::internal(format!(
                    "the restore test could not be made: {halt:?}"
                ))),
                Tested::Refused(refusal) => Err(refused(&refusal, host.name())),
                done => Ok((done, warnings)),
            }
        })
    })?;
    let failure = match &tested {
        Tested::Fails(why) => Some(why.as_str()),
        _ => None,
    };
    let noted = verdict::note(&source, manifest, failure, &shown, invocation);
    let code = tell(app, &shown, tested, &warnings, invocation)?;
    noted.map(|()| code)
}

fn tell(
    app: &AppName,
    shown: &str,
    tested: Tested,
    warnings: &[String],
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let (tables, rows, why) = match &tested {
        Tested::Restores { tables, rows } => (Some(tables), Some(rows), None),
        Tested::Fails(why) => (None, None, Some(why)),
        Tested::Unknown(_) | Tested::Refused(_) => (None, None, None),
    };
    if ui.is_json() {
        ui.json(&json!({
            "app": app, "file": shown, "restores": rows.is_some(), "tables": tables, "rows": rows,
            "why": why, "warnings": warnings,
        }))?;
    }
    match tested {
        Tested::Restores { tables, rows } => {
            ui.success(&format!(
                "{shown} restores: {tables} tables with {rows} rows are there, as in the dump"
            ));
            Ok(exit_codes::OK)
        }
        Tested::Fails(why) => Err(Failure::new(
            exit_codes::VERIFICATION,
            format!("{shown} does not restore: {why}"),
        )
        .hint("Make a new backup now, and test it.")),
        Tested::Unknown(_) | Tested::Refused(_) => {
            Err(Failure::internal("a test without a verdict"))
        }
    }
}

/// Removes what killed tests left, and makes room for one at a time.
fn clear(
    database: &Database,
    turn: &Turn,
    host: &dyn Host,
    invocation: &Invocation,
) -> Result<(), Failure> {
    let now = Timestamp::now();
    let (dead, alive) = restore::leftovers(database.kind, &turn.owner, host, now)?;
    if let Some(other) = alive.first() {
        return Err(Failure::refused(format!(
            "another restore test has been under way on {} since {}: {}",
            host.name(),
            stamp(other.since),
            other.name
        ))
        .hint("One runs at a time. What a killed one left counts as gone after 24 hours."));
    }
    for left in dead {
        invocation.ui.warning(&format!(
            "Removing the scratch service {} of a test that was killed",
            left.name
        ));
        let left = Database {
            name: left.name,
            ..database.clone()
        };
        restore::destroy(&left, host)?;
    }
    Ok(())
}

/// The right to test: of this person on this machine one at a time.
struct Turn {
    /// By which scratch services of this person on this machine are known.
    owner: String,
    _lock: fs::File,
}

impl Turn {
    fn take(invocation: &Invocation) -> Result<Self, Failure> {
        let directory = invocation.state_directory()?;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)?;
        let mut lock = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(directory.join("restore-test"))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(Failure::refused(
                "another restore test is under way on this machine; one runs at a time",
            ));
        }
        let mut owner = String::new();
        lock.read_to_string(&mut owner)?;
        if owner.len() != 8 {
            owner = format!("{:08x}", rand::random::<u32>());
            lock.set_len(0)?;
            lock.write_all(owner.as_bytes())?;
            lock.sync_all()?;
        }
        Ok(Self { owner, _lock: lock })
    }
}
