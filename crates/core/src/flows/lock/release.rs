//! Unlocking.

use super::{
    Ground,
    course::{Course, ask_open, by_plugin, changed, results, variables},
    error::LockError,
    way::Way,
};
use crate::{
    app::AppName,
    dokku::{config, deploy_system},
    host::{Answer, HostError},
    lock::{KEYS, Lock, LockState},
    plugin_protocol::{UnlockRequest, Unlocking},
};

/// One app to be unlocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlock {
    /// The app.
    pub app: AppName,
    /// Which lock, and who unlocks.
    pub request: UnlockRequest,
}

type Result<T> = std::result::Result<T, LockError>;

/// Unlocks apps, all at once; the results are in the same order.
pub fn unlock(wishes: &[Unlock], way: Way, ground: Ground<'_>) -> Vec<Result<Unlocking>> {
    let courses = wishes.iter().map(Course::Open).collect();
    match way {
        Way::Plugin => by_plugin(
            courses,
            ground.host,
            |wish| &wish.app,
            |wish| deploy_system::unlock(&wish.app, &wish.request),
        ),
        Way::Variables(_) => by_variables(courses, ground),
    }
}

type Wishes<'a> = Vec<Course<&'a Unlock, Result<Unlocking>>>;

/// A lock that is being removed.
struct Attempt<'a> {
    app: &'a AppName,
    was: Option<Lock>,
    had_expired: bool,
}

fn by_variables(courses: Wishes<'_>, ground: Ground<'_>) -> Vec<Result<Unlocking>> {
    let host = ground.host;
    let seen = ask_open(
        courses,
        host,
        |wish| config::export(&wish.app),
        |wish, answer| match decide(wish, answer, ground) {
            Ok(Course::Open(attempt)) => Course::Open(attempt),
            Ok(Course::Over(unlocking)) => Course::Over(Ok(unlocking)),
            Err(error) => Course::Over(Err(error)),
        },
    );
    let removed = ask_open(
        seen,
        host,
        |attempt: &Attempt<'_>| config::unset(attempt.app, &KEYS),
        |attempt, answer| match changed(attempt.app, answer, host) {
            Ok(()) => Course::Open(attempt),
            Err(error) => Course::Over(Err(error)),
        },
    );
    results(ask_open(
        removed,
        host,
        |attempt| config::export(attempt.app),
        |attempt, answer| Course::Over(verify(attempt, answer, ground)),
    ))
}

fn decide<'a>(
    wish: &'a Unlock,
    answer: std::result::Result<Answer, HostError>,
    ground: Ground<'_>,
) -> Result<Course<Attempt<'a>, Unlocking>> {
    let present = variables(&wish.app, answer, ground.host)?;
    let only = wish.request.only.as_deref();
    let (was, had_expired) = match LockState::of(&present, ground.clock.now()) {
        Ok(LockState::Unlocked) => return Ok(Course::Over(Unlocking::NotLocked)),
        Ok(LockState::Locked(lock)) if only.is_some_and(|only| only != lock.fingerprint()) => {
            return Ok(Course::Over(Unlocking::Changed { lock }));
        }
        Ok(LockState::Locked(lock)) => (Some(lock), false),
        Ok(LockState::Expired(lock)) => (Some(lock), true),
        Err(_) if only.is_none() => (None, false),
        Err(malformed) => {
            return Err(LockError::Unreadable {
                app: wish.app.clone(),
                why: malformed.to_string(),
            });
        }
    };
    Ok(Course::Open(Attempt {
        app: &wish.app,
        was,
        had_expired,
    }))
}

fn verify(
    attempt: Attempt<'_>,
    answer: std::result::Result<Answer, HostError>,
    ground: Ground<'_>,
) -> Result<Unlocking> {
    let present = variables(attempt.app, answer, ground.host)?;
    let relocked = match LockState::of(&present, ground.clock.now()) {
        Ok(LockState::Unlocked | LockState::Expired(_)) => None,
        Ok(LockState::Locked(lock)) if attempt.was.as_ref() == Some(&lock) => {
            return Err(LockError::Stayed {
                app: attempt.app.clone(),
            });
        }
        Ok(LockState::Locked(lock)) => Some(lock),
        Err(malformed) => {
            return Err(LockError::Unreadable {
                app: attempt.app.clone(),
                why: malformed.to_string(),
            });
        }
    };
    Ok(Unlocking::Unlocked {
        was: attempt.was,
        had_expired: attempt.had_expired,
        relocked,
    })
}
