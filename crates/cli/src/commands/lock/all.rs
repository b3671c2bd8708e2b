//! `dokku-cli lock --all` and `dokku-cli unlock --all`.

use dokku_deploy::{
    app::AppName,
    audit::Action,
    flows::lock::{self, Ground, Group, Lock, LockError, Rivals, Unlock},
    lock::{Seen, check_reason, group_id},
    plugin_protocol::{LockRequest, Locking, UnlockRequest, Unlocking},
};
use jiff::ZonedDateTime;
use serde_json::{Value, json};

use super::{
    LockArguments, UnlockArguments, end, nonce, on_host, person, record::Record, release, shown,
    tell_unenforced,
};
use crate::{exit_codes, failure::Failure, invocation::Invocation, ui::Ui};

/// Locks every production app that is not locked.
pub fn lock(
    arguments: &LockArguments,
    reason: &str,
    invocation: &Invocation<'_>,
) -> Result<u8, Failure> {
    check_reason(reason).map_err(|error| Failure::usage(error.to_string()))?;
    let by = person(arguments.by.as_deref())?;
    let end = end::read(
        arguments.lasting,
        arguments.until.as_deref(),
        &ZonedDateTime::now(),
    )?;
    let group = nonce();
    let request = |record: &Record<'_>| LockRequest {
        reason: reason.to_owned(),
        by: by.clone(),
        end,
        id: group_id(&group, &nonce()),
        replace: false,
        record: Some(record.one_of_several()),
    };
    let (results, way, host) = on_host(invocation, |ground, ssh| {
        let record = Record::begin(&by, ssh, invocation);
        let looked = lock::way(ground.host)
            .map_err(Failure::from)
            .and_then(|way| {
                let statuses = lock::statuses(way, ground)?;
                Ok((way, statuses))
            });
        let (way, statuses) = record.none(Action::Lock, looked)?;
        let mut results = Vec::new();
        let mut wishes = Vec::new();
        for status in lock::lockable(&statuses) {
            let app = status.app.clone();
            match &status.lock {
                Seen::Unlocked | Seen::Expired(_) => wishes.push(Lock {
                    app,
                    request: request(&record),
                }),
                Seen::Locked(lock) => results.push((app, Ok(Locking::Held { lock: lock.clone() }))),
                Seen::Unknown { why } => {
                    let why = why.clone();
                    results.push((app.clone(), Err(LockError::Unreadable { app, why })));
                }
            }
        }
        let taken = lock::lock(&wishes, way, Rivals::Possible, ground);
        results.extend(wishes.into_iter().map(|wish| wish.app).zip(taken));
        results.sort_by(|(one, _), (other, _)| one.cmp(other));
        let is_taken = |result: &Locking| matches!(result, Locking::Taken { .. });
        let (apps, failed) = changed(&results, is_taken);
        record.together(Action::Lock, &apps, failed, reason);
        Ok((results, way, ground.host.name().to_owned()))
    })?;
    let ui = invocation.ui;
    let code = code(&results);
    if ui.is_json() {
        ui.json(&json!({
            "apps": rows(&results),
            "is_enforced": way.is_enforced(),
            "exit_code": code,
        }))?;
        return Ok(code);
    }
    for (app, result) in &results {
        match result {
            Ok(Locking::Taken { .. }) => ui.success(&format!("{app} is locked")),
            Ok(Locking::Held { lock }) => ui.info(&format!(
                "{app} was locked already, {}",
                shown::in_one_line(lock)
            )),
            Err(error) => ui.warning(&format!("{app} could not be locked: {error}")),
        }
    }
    let is_taken =
        |result: &Result<Locking, LockError>| matches!(result, Ok(Locking::Taken { .. }));
    let count = results
        .iter()
        .filter(|(_, result)| is_taken(result))
        .count();
    tell_end(
        code,
        &format!("Locked {count} of {} production apps", results.len()),
        ui,
    );
    if !way.is_enforced() && count > 0 {
        tell_unenforced(&host, invocation);
    }
    Ok(code)
}

/// Undoes the newest `lock --all`: each of its locks that is still there goes, any other stays.
pub fn unlock(arguments: &UnlockArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let by = person(arguments.by.as_deref())?;
    let ui = invocation.ui;
    let (results, left) = on_host(invocation, |ground, ssh| {
        let record = Record::begin(&by, ssh, invocation);
        let looked = (|| {
            let way = lock::way(ground.host)?;
            let mut groups = lock::groups(&lock::statuses(way, ground)?).into_iter();
            let newest = groups.next();
            if let Some(newest) = &newest
                && newest.by() != by
                && !arguments.force
            {
                ui.warning(&format!(
                    "{} apps were locked by {} since {}",
                    newest.locks.len(),
                    shown::one_line(newest.by()),
                    shown::one_line(newest.at())
                ));
                release::confirm(ui)?;
            }
            Ok((way, newest, groups))
        })();
        let (way, newest, groups) = record.none(Action::Unlock, looked)?;
        let Some(newest) = newest else {
            return Ok((Vec::new(), Vec::new()));
        };
        let results = undo(&newest, &by, way, ground, &record);
        let is_gone = |result: &Unlocking| matches!(result, Unlocking::Unlocked { .. });
        let (apps, failed) = changed(&results, is_gone);
        record.together(Action::Unlock, &apps, failed, "");
        Ok((results, groups.collect()))
    })?;
    let code = code(&results);
    if ui.is_json() {
        ui.json(&json!({
            "apps": rows(&results),
            "earlier_runs": left.len(),
            "exit_code": code,
        }))?;
        return Ok(code);
    }
    if results.is_empty() {
        ui.info("No app is locked by `lock --all`");
        return Ok(code);
    }
    for (app, result) in &results {
        match result {
            Ok(Unlocking::Unlocked { relocked: None, .. }) => {
                ui.success(&format!("{app} is unlocked"));
            }
            Ok(Unlocking::NotLocked) => ui.info(&format!("{app} was unlocked meanwhile")),
            Ok(
                Unlocking::Unlocked {
                    relocked: Some(lock),
                    ..
                }
                | Unlocking::Changed { lock },
            ) => ui.warning(&format!(
                "{app} stays locked, meanwhile {}",
                shown::in_one_line(lock)
            )),
            Err(error) => ui.warning(&format!("{app} could not be unlocked: {error}")),
        }
    }
    tell_end(
        code,
        &format!("Undid `lock --all` for {} apps", results.len()),
        ui,
    );
    for group in &left {
        ui.info(&format!(
            "{} apps stay locked by an earlier `lock --all` of {} at {}; run this again to undo it",
            group.locks.len(),
            shown::one_line(group.by()),
            shown::one_line(group.at())
        ));
    }
    Ok(code)
}

type Results<T> = Vec<(AppName, Result<T, LockError>)>;

fn undo(
    group: &Group,
    by: &str,
    way: lock::Way,
    ground: Ground<'_>,
    record: &Record<'_>,
) -> Results<Unlocking> {
    let wishes: Vec<Unlock> = group
        .locks
        .iter()
        .map(|(app, lock)| Unlock {
            app: app.clone(),
            request: UnlockRequest {
                by: by.to_owned(),
                only: Some(lock.fingerprint()),
                record: Some(record.one_of_several()),
            },
        })
        .collect();
    let results = lock::unlock(&wishes, way, ground);
    wishes
        .into_iter()
        .map(|wish| wish.app)
        .zip(results)
        .collect()
}

/// The apps of which `is_changed` holds, and how many failed.
fn changed<T>(
    results: &[(AppName, Result<T, LockError>)],
    is_changed: impl Fn(&T) -> bool,
) -> (Vec<&AppName>, usize) {
    let all = results.iter();
    let changed = all.filter(|(_, result)| result.as_ref().is_ok_and(&is_changed));
    let failed = results.iter().filter(|(_, result)| result.is_err());
    (changed.map(|(app, _)| app).collect(), failed.count())
}

/// 5 where something failed: then not everything is as it was asked for.
fn code<T>(results: &[(AppName, Result<T, LockError>)]) -> u8 {
    if results.iter().any(|(_, result)| result.is_err()) {
        exit_codes::HOST
    } else {
        exit_codes::OK
    }
}

fn rows<T: serde::Serialize>(results: &[(AppName, Result<T, LockError>)]) -> Vec<Value> {
    let row = |(app, result): &(AppName, Result<T, LockError>)| match result {
        Ok(result) => json!({ "app": app, "result": result }),
        Err(error) => json!({ "app": app, "error": error.to_string() }),
    };
    results.iter().map(row).collect()
}

fn tell_end(code: u8, text: &str, ui: &Ui) {
    if code == exit_codes::OK {
        ui.success(text);
    } else {
        ui.warning(&format!("{text}; the others are named above"));
    }
}
