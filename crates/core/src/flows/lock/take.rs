//! Locking.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Ground, LOOK_EVERY, Rivals, SECOND_LOOK_AFTER,
    course::{Course, ask_open, by_plugin, changed, is_any_open, variables},
    error::LockError,
    way::Way,
};
use crate::{
    app::AppName,
    dokku::{capabilities::SetVariables, config, deploy_system},
    host::{Answer, HostError},
    lock::{self, LockState, NewLock, check_reason},
    plugin_protocol::{LockRequest, Locking},
    secret::Secret,
    store::Variables,
};

/// One app to be locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The app.
    pub app: AppName,
    /// The lock.
    pub request: LockRequest,
}

type Result<T> = std::result::Result<T, LockError>;

/// Locks apps, all at once; the results are in the same order. Who is locked already stays so,
/// unless the request says to replace.
pub fn lock(wishes: &[Lock], way: Way, rivals: Rivals, ground: Ground<'_>) -> Vec<Result<Locking>> {
    let courses: Vec<Course<&Lock, Result<Locking>>> = wishes
        .iter()
        .map(|wish| match check_reason(&wish.request.reason) {
            Ok(()) => Course::Open(wish),
            Err(long) => Course::Over(Err(long.into())),
        })
        .collect();
    match way {
        Way::Plugin => by_plugin(
            courses,
            ground.host,
            |wish| &wish.app,
            |wish| deploy_system::lock(&wish.app, &wish.request),
        ),
        Way::Variables(set) => by_variables(courses, set, rivals, ground),
    }
}

/// Locks one app; if it is locked, waits for at most `patience` until it is not. `waiting` is told
/// once for whose lock.
pub fn wait_and_lock(
    wish: &Lock,
    way: Way,
    patience: Duration,
    ground: Ground<'_>,
    waiting: &mut dyn FnMut(&lock::Lock),
) -> Result<Locking> {
    let begun = ground.clock.elapsed();
    let mut has_told = false;
    loop {
        let tried = lock(std::slice::from_ref(wish), way, Rivals::Possible, ground);
        let locking = tried.into_iter().next().unwrap_or_else(|| {
            Err(LockError::Vanished {
                app: wish.app.clone(),
            })
        })?;
        let Locking::Held { lock } = &locking else {
            return Ok(locking);
        };
        let left = patience.saturating_sub(ground.clock.elapsed().saturating_sub(begun));
        if left.is_zero() {
            return Ok(locking);
        }
        if !has_told {
            waiting(lock);
            has_told = true;
        }
        ground.clock.wait(left.min(LOOK_EVERY));
        if let (_, Some(_)) = ground.interrupts.requests() {
            return Err(HostError::Stopped {
                command: format!("waiting for the lock of {}", wish.app),
            }
            .into());
        }
    }
}

/// A lock that is being written.
struct Attempt<'a> {
    app: &'a AppName,
    new: NewLock,
    variables: BTreeMap<String, Secret>,
    replaced: Option<lock::Lock>,
    expired: Option<lock::Lock>,
}

fn by_variables(
    courses: Vec<Course<&Lock, Result<Locking>>>,
    set: SetVariables,
    rivals: Rivals,
    ground: Ground<'_>,
) -> Vec<Result<Locking>> {
    let host = ground.host;
    let seen: Attempts = ask_open(
        courses,
        host,
        |wish| config::export(&wish.app),
        |wish, answer| match decide(wish, answer, ground) {
            Ok(Course::Open(attempt)) => Course::Open(attempt),
            Ok(Course::Over(locking)) => Course::Over(Ok(locking)),
            Err(error) => Course::Over(Err(error)),
        },
    );
    let mut courses = ask_open(
        seen,
        host,
        |attempt| set.command(attempt.app, &attempt.variables),
        |attempt, answer| match changed(attempt.app, answer, host) {
            Ok(()) => Course::Open(attempt),
            Err(error) => Course::Over(Err(error)),
        },
    );
    courses = read_back(courses, ground);
    if rivals == Rivals::Possible && is_any_open(&courses) {
        ground.clock.wait(SECOND_LOOK_AFTER);
        courses = read_back(courses, ground);
    }
    courses
        .into_iter()
        .map(|course| match course {
            Course::Over(result) => result,
            Course::Open(attempt) => Ok(Locking::Taken {
                lock: attempt.new.lock(),
                replaced: attempt.replaced.map(Box::new),
                expired: attempt.expired.map(Box::new),
            }),
        })
        .collect()
}

type Attempts<'a> = Vec<Course<Attempt<'a>, Result<Locking>>>;

fn decide<'a>(
    wish: &'a Lock,
    answer: std::result::Result<Answer, HostError>,
    ground: Ground<'_>,
) -> Result<Course<Attempt<'a>, Locking>> {
    let present = variables(&wish.app, answer, ground.host)?;
    let now = ground.clock.now();
    let request = &wish.request;
    let (replaced, expired) = match LockState::of(&present, now) {
        Ok(LockState::Unlocked) => (None, None),
        Ok(LockState::Expired(lock)) => (None, Some(lock)),
        Ok(LockState::Locked(lock)) if request.replace => (Some(lock), None),
        Ok(LockState::Locked(lock)) => return Ok(Course::Over(Locking::Held { lock })),
        Err(_) if request.replace => (None, None),
        Err(malformed) => {
            return Err(LockError::Unreadable {
                app: wish.app.clone(),
                why: malformed.to_string(),
            });
        }
    };
    let new = NewLock {
        reason: request.reason.clone(),
        by: request.by.clone(),
        at: now,
        until: request.end.map(|end| end.after(now)).transpose()?,
        id: request.id.clone(),
    };
    Ok(Course::Open(Attempt {
        app: &wish.app,
        variables: new.variables_over(&present),
        new,
        replaced,
        expired,
    }))
}

/// Whether each lock that was written is the one that is there.
fn read_back<'a>(attempts: Attempts<'a>, ground: Ground<'_>) -> Attempts<'a> {
    let now = ground.clock.now();
    ask_open(
        attempts,
        ground.host,
        |attempt| config::export(attempt.app),
        |attempt, answer| {
            let found = variables(attempt.app, answer, ground.host)
                .and_then(|present| holder(attempt.app, &present, now));
            match found {
                Ok(Some(lock)) if attempt.new.is(&lock) => Course::Open(attempt),
                Ok(Some(lock)) => Course::Over(Ok(Locking::Held { lock })),
                Ok(None) => Course::Over(Err(LockError::Vanished {
                    app: attempt.app.clone(),
                })),
                Err(error) => Course::Over(Err(error)),
            }
        },
    )
}

/// The lock that is there, in force or just over.
fn holder(app: &AppName, present: &Variables, now: jiff::Timestamp) -> Result<Option<lock::Lock>> {
    match LockState::of(present, now) {
        Ok(LockState::Locked(lock) | LockState::Expired(lock)) => Ok(Some(lock)),
        Ok(LockState::Unlocked) => Ok(None),
        Err(malformed) => Err(LockError::Unreadable {
            app: app.clone(),
            why: malformed.to_string(),
        }),
    }
}
