//! `dokku-cli db APP verify --restore`: the proof that a backup restores.

use dokku_deploy::{
    app::AppName,
    audit::{Action, key},
    clock::stamp,
    flows::restore::{Halt, Tested, Wish},
    host::Host,
};
use serde_json::json;

use super::{
    VerifyArguments,
    backup::size,
    record,
    restore::{Source, patiently, refused},
    service, verdict,
};
use crate::{
    backup::{Bench, Turn},
    clock::RealClock,
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    publish::recorded,
};

/// Tests one backup.
pub fn run(
    app: &AppName,
    arguments: &VerifyArguments,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let turn = Turn::take(&invocation.state_directory()?)?.ok_or_else(|| {
        Failure::refused("another restore test is under way on this machine; one runs at a time")
    })?;
    let identity = arguments.identity.as_deref();
    let source = Source::find(app, &arguments.file, identity, invocation)?;
    let shown = source.shown(&arguments.file);
    let (file, manifest) = source.read(&shown)?;
    let units = file.dump.engine.units();
    let most = arguments.limit.saturating_mul(1 << 30);
    if file.dump.size > most {
        return Err(Failure::refused(format!(
            "{shown} holds a dump of {}, more than the {} GiB that a restore test may take",
            size(file.dump.size),
            arguments.limit
        ))
        .hint("--limit GIB allows more; the host needs room for it."));
    }
    let mut verdict = None;
    let result = patiently(invocation, |host, watch| {
        let mut entry = record::entry(Action::RestoreTest, app, host)?;
        record::name_file(&mut entry, source.path());
        let service = manifest.as_ref().map(|manifest| manifest.service.as_str());
        recorded(entry, host, invocation, |entry| {
            let database = service::find_restorable(host, app, service)?;
            record::name_service(entry, &database);
            if let Some(other) = turn.clear(&[database.kind], host, ui)? {
                return Err(Failure::refused(format!(
                    "another restore test has been under way on {} since {}: {}",
                    host.name(),
                    stamp(other.since),
                    other.name
                ))
                .hint(
                    "One runs at a time. What a killed one left counts as gone after 24 hours.",
                ));
            }
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
            let bench = Bench {
                host,
                clock: &RealClock::new(watch.clone()),
                interrupts: watch,
                ui,
            };
            let (tested, warnings) = bench.prove(&wish, &|| source.open(), &turn);
            let failure = match &tested {
                Tested::Restores { .. } => None,
                Tested::Fails(why) => Some(does_not_restore(&shown, why)),
                Tested::Unknown(Halt::Host(error)) => return Err(error.clone().into()),
                Tested::Unknown(Halt::Interrupted(signal)) => {
                    return Err(Failure::interrupted(*signal));
                }
                Tested::Unknown(halt) => {
                    return Err(Failure::internal(format!(
                        "the restore test could not be made: {halt:?}"
                    )));
                }
                Tested::Refused(refusal) => return Err(refused(refusal, host.name())),
            };
            entry.set(key::RESTORES, failure.is_none());
            verdict = Some((tested, warnings));
            failure.map_or(Ok(()), Err)
        })
    });
    let Some((tested, warnings)) = verdict else {
        // Nothing is known of the backup.
        return result.map(|()| exit_codes::OK);
    };
    let why = match &tested {
        Tested::Fails(why) => Some(why.as_str()),
        _ => None,
    };
    let noted = verdict::note(&source, manifest, why, &shown, invocation);
    tell(app, &shown, &tested, units, &warnings, invocation)?;
    result?;
    noted.map(|()| exit_codes::OK)
}

fn does_not_restore(shown: &str, why: &str) -> Failure {
    Failure::new(
        exit_codes::VERIFICATION,
        format!("{shown} does not restore: {why}"),
    )
    .hint("Make a new backup now, and test it.")
}

fn tell(
    app: &AppName,
    shown: &str,
    tested: &Tested,
    (holders, held): (&str, &str),
    warnings: &[String],
    invocation: &Invocation,
) -> Result<(), Failure> {
    let ui = invocation.ui;
    let (tables, rows, why) = match tested {
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
    if let Tested::Restores { tables, rows } = tested {
        ui.success(&format!(
            "{shown} restores: {tables} {holders} with {rows} {held} are there, as in the dump"
        ));
    }
    Ok(())
}
