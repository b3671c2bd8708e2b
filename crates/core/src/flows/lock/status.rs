//! What is locked.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Ground,
    course::{next_answer, variables},
    error::LockError,
    way::Way,
};
use crate::{
    app::AppName,
    dokku::{
        apps, config,
        deploy_system::{self, PluginError},
    },
    lock::{Base, LockState, Seen, Status, base_app},
    store::Variables,
};

type Result<T> = std::result::Result<T, LockError>;

/// The lock of one app alone.
pub fn look(app: &AppName, ground: Ground<'_>) -> Result<LockState> {
    let answer = ground.host.ask(&config::export(app));
    let present = variables(app, answer, ground.host)?;
    LockState::of(&present, ground.clock.now()).map_err(|malformed| unreadable(app, &malformed))
}

/// The lock of an app and of its base, in one round trip; in two where `DEPLOY_BASE_APP` names
/// another base than the app's name does. That the app's own lock cannot be read is an error.
pub fn status(app: &AppName, ground: Ground<'_>) -> Result<Status> {
    let host = ground.host;
    let now = ground.clock.now();
    let named = app.base_by_name();
    let questions: Vec<_> = std::iter::once(app)
        .chain(&named)
        .map(config::export)
        .collect();
    let mut answers = host.ask_all(&questions).into_iter();
    let present = variables(app, next_answer(&mut answers, "config:export"), host)?;
    let own = LockState::of(&present, now).map_err(|malformed| unreadable(app, &malformed))?;
    let base = match base_app(app, &present) {
        Ok(base) => base,
        // The app is locked whatever its base is.
        Err(_) if own.is_locked() => None,
        Err(malformed) => return Err(unreadable(app, &malformed)),
    };
    let base = match base {
        None => None,
        Some(base) => {
            let answer = if named.as_ref() == Some(&base) {
                next_answer(&mut answers, "config:export")
            } else {
                host.ask(&config::export(&base))
            };
            let seen = answer
                .and_then(|answer| config::read_export(&answer))
                .map(|found| found.map(|variables| LockState::of(&variables, now).into()));
            match seen {
                // Dokku says that there is no such app: nothing that could be locked.
                Ok(None) => None,
                Ok(Some(lock)) => Some(Base { app: base, lock }),
                Err(error) => Some(Base {
                    app: base,
                    lock: Seen::Unknown {
                        why: error.to_string(),
                    },
                }),
            }
        }
    };
    Ok(Status {
        app: app.clone(),
        lock: Ok(own).into(),
        base,
    })
}

/// The locks of all apps of the host, by name: one list, then everything else at once.
pub fn statuses(way: Way, ground: Ground<'_>) -> Result<Vec<Status>> {
    let host = ground.host;
    if way == Way::Plugin {
        let answer = host.ask(&deploy_system::locks())?;
        return deploy_system::read(&answer, host.name()).map_err(|error| match error {
            PluginError::Host(error) | PluginError::Lacking(error) => error.into(),
            PluginError::Mismatch(mismatch) => mismatch.into(),
            PluginError::Fault(fault) => LockError::Plugin {
                host: host.name().to_owned(),
                why: fault.message,
            },
        });
    }
    let names = apps::read_list(&host.ask(&apps::list())?)?;
    Ok(read_all(names, ground))
}

/// What is known of one app: its variables, or why not.
type Known = std::result::Result<Variables, String>;

fn read_all(names: Vec<AppName>, ground: Ground<'_>) -> Vec<Status> {
    let questions: Vec<_> = names.iter().map(config::export).collect();
    let mut answers = if questions.is_empty() {
        Vec::new().into_iter()
    } else {
        ground.host.ask_all(&questions).into_iter()
    };
    let mut known: BTreeMap<AppName, Known> = BTreeMap::new();
    for name in names {
        let read = next_answer(&mut answers, "config:export")
            .and_then(|answer| config::read_export(&answer));
        match read {
            // Destroyed since it was listed.
            Ok(None) => {}
            Ok(Some(variables)) => drop(known.insert(name, Ok(variables))),
            Err(error) => drop(known.insert(name, Err(error.to_string()))),
        }
    }
    let now = ground.clock.now();
    let status = |(app, found): (&AppName, &Known)| {
        let base = found
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|present| base_app(app, present).map_err(|malformed| malformed.to_string()));
        let (lock, base) = match base {
            Ok(base) => (seen(found, now), base),
            Err(why) => (Seen::Unknown { why }, None),
        };
        let base = base.and_then(|base| {
            let lock = seen(known.get(&base)?, now);
            Some(Base { app: base, lock })
        });
        Status {
            app: app.clone(),
            lock,
            base,
        }
    };
    known.iter().map(status).collect()
}

fn seen(known: &Known, now: Timestamp) -> Seen {
    match known {
        Ok(variables) => LockState::of(variables, now).into(),
        Err(why) => Seen::Unknown { why: why.clone() },
    }
}

fn unreadable(app: &AppName, malformed: &crate::lock::Malformed) -> LockError {
    LockError::Unreadable {
        app: app.clone(),
        why: malformed.to_string(),
    }
}
