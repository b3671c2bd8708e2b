//! Locking and unlocking on the host: one compare-and-set each, one after another for an app.

#[cfg(test)]
mod races;

use std::collections::BTreeMap;

use dokku_deploy::secret::Secret;
use dokku_deploy::{
    app::AppName,
    lock::{self, Lock, LockState, Malformed, NewLock, check_reason},
    plugin_protocol::{Fault, FaultKind, LockRequest, Locking, UnlockRequest, Unlocking},
    store::Variables,
};
use jiff::Timestamp;

use super::{
    audit::{Event, Happening},
    dokku::{self, DokkuError},
    gate::record,
    ledger::{Ledger, lock_variables},
    place::Place,
    refusal,
    state::Standing,
};
use crate::ui::Ui;

pub(super) fn fault(kind: FaultKind, message: &impl ToString) -> Fault {
    Fault {
        kind,
        message: message.to_string(),
    }
}

pub(super) fn failed(error: &impl ToString) -> Fault {
    fault(FaultKind::Failed, error)
}

pub(super) fn missing(app: &AppName) -> Fault {
    fault(FaultKind::NoSuchApp, &format!("there is no app {app}"))
}

pub(super) fn unreadable(app: &dyn std::fmt::Display, why: &dyn std::fmt::Display) -> Fault {
    fault(
        FaultKind::Unreadable,
        &format!("whether {app} is locked cannot be told: {why}"),
    )
}

/// Where an app's variables are kept. In [`Dokku`], but for tests of what is done with them.
trait Store {
    fn export(&self, app: &str) -> Result<Option<Variables>, DokkuError>;
    fn set(&self, app: &str, variables: &BTreeMap<String, Secret>) -> Result<(), DokkuError>;
    fn unset(&self, app: &str, keys: &[&str]) -> Result<(), DokkuError>;
}

/// Dokku's own store.
struct Dokku;

impl Store for Dokku {
    fn export(&self, app: &str) -> Result<Option<Variables>, DokkuError> {
        dokku::export(app)
    }

    fn set(&self, app: &str, variables: &BTreeMap<String, Secret>) -> Result<(), DokkuError> {
        dokku::set(app, variables)
    }

    fn unset(&self, app: &str, keys: &[&str]) -> Result<(), DokkuError> {
        dokku::unset(app, keys)
    }
}

pub(super) fn variables(app: &AppName) -> Result<Variables, Fault> {
    variables_in(&Dokku, app)
}

fn variables_in(store: &impl Store, app: &AppName) -> Result<Variables, Fault> {
    store
        .export(app.as_str())
        .map_err(|error| unreadable(app, &error))?
        .ok_or_else(|| missing(app))
}

/// Locks the app, if nobody else has.
pub fn lock(
    place: &Place,
    app: &AppName,
    request: &LockRequest,
    now: Timestamp,
    ui: &Ui,
) -> Result<Locking, Fault> {
    lock_in(&Dokku, place, app, request, now, ui)
}

fn lock_in(
    store: &impl Store,
    place: &Place,
    app: &AppName,
    request: &LockRequest,
    now: Timestamp,
    ui: &Ui,
) -> Result<Locking, Fault> {
    check_reason(&request.reason).map_err(|long| fault(FaultKind::Invalid, &long))?;
    let until = request
        .end
        .map(|end| end.after(now))
        .transpose()
        .map_err(|bad| fault(FaultKind::Invalid, &bad))?;
    let mut ledger = Ledger::open(place, app.as_str()).map_err(|error| failed(&error))?;
    let present = variables_in(store, app)?;
    let (replaced, expired) = match LockState::of(&present, now) {
        Ok(LockState::Unlocked) => (None, None),
        Ok(LockState::Expired(lock)) => (None, Some(lock)),
        Ok(LockState::Locked(lock)) if request.replace => (Some(lock), None),
        Ok(LockState::Locked(lock)) => {
            learn(place, &mut ledger, &lock, &present, now, ui)?;
            return Ok(Locking::Held { lock });
        }
        Err(_) if request.replace => (None, None),
        Err(malformed) => return Err(unreadable(app, &malformed)),
    };
    let new = NewLock {
        reason: request.reason.clone(),
        by: request.by.clone(),
        at: now,
        until,
        id: request.id.clone(),
    };
    change(&ledger, || {
        store.set(app.as_str(), &new.variables_over(&present))
    })?;
    let after = variables_in(store, app)?;
    match LockState::of(&after, now) {
        Ok(LockState::Locked(lock)) if new.is(&lock) => {}
        _ => {
            return Err(failed(&format!(
                "the lock of {app} was changed by somebody else while it was set: look at it again"
            )));
        }
    }
    let mut happening = Happening::new(Event::Lock, app.as_str());
    happening.by = Some(request.by.clone());
    happening.reason = Some(request.reason.clone());
    happening.source = Some("deploy-system:lock".to_owned());
    happening.known_elsewhere(request.record.as_ref());
    record(place, happening, now, ui);
    remember(&mut ledger, Some(&after))?;
    Ok(Locking::Taken {
        lock: new.lock(),
        replaced: replaced.map(Box::new),
        expired: expired.map(Box::new),
    })
}

/// Unlocks the app.
pub fn unlock(
    place: &Place,
    app: &AppName,
    request: &UnlockRequest,
    now: Timestamp,
    ui: &Ui,
) -> Result<Unlocking, Fault> {
    unlock_in(&Dokku, place, app, request, now, ui)
}

fn unlock_in(
    store: &impl Store,
    place: &Place,
    app: &AppName,
    request: &UnlockRequest,
    now: Timestamp,
    ui: &Ui,
) -> Result<Unlocking, Fault> {
    let mut ledger = Ledger::open(place, app.as_str()).map_err(|error| failed(&error))?;
    let present = variables_in(store, app)?;
    let (was, had_expired) = match LockState::of(&present, now) {
        Ok(LockState::Unlocked) => {
            finish(place, &mut ledger, app, now, ui)?;
            return Ok(Unlocking::NotLocked);
        }
        Ok(LockState::Locked(lock)) => (Some(lock), false),
        Ok(LockState::Expired(lock)) => (Some(lock), true),
        Err(_) if request.only.is_none() => (None, false),
        Err(malformed) => return Err(unreadable(app, &malformed)),
    };
    if let (Some(only), Some(lock)) = (&request.only, &was)
        && *only != lock.fingerprint()
    {
        return Ok(Unlocking::Changed { lock: lock.clone() });
    }
    let keys: Vec<&str> = lock::KEYS
        .into_iter()
        .filter(|key| present.contains_key(*key))
        .collect();
    ledger.memory.is_unlocking = true;
    ledger.save().map_err(|error| failed(&error))?;
    change(&ledger, || store.unset(app.as_str(), &keys))?;
    let after = variables_in(store, app)?;
    let relocked = match LockState::of(&after, now) {
        Ok(LockState::Locked(lock)) => Some(lock),
        _ => None,
    };
    let mut happening = Happening::new(Event::Unlock, app.as_str());
    happening.by = Some(request.by.clone());
    happening.reason = was.as_ref().map(was_locked);
    happening.source = Some("deploy-system:unlock".to_owned());
    happening.known_elsewhere(request.record.as_ref());
    record(place, happening, now, ui);
    remember(&mut ledger, relocked.as_ref().map(|_| &after))?;
    refusal::heal_or_say(place, &ledger, ui);
    Ok(Unlocking::Unlocked {
        was,
        had_expired,
        relocked,
    })
}

/// Remembers the lock that these variables are, or that there is none.
fn remember(ledger: &mut Ledger, locked: Option<&Variables>) -> Result<(), Fault> {
    ledger.memory.lock = locked.map(lock_variables);
    ledger.memory.is_unlocking = false;
    ledger.save().map_err(|error| failed(&error))
}

/// Records and remembers a lock that was set while nobody could: before there was a plugin, or by one
/// that was killed then.
fn learn(
    place: &Place,
    ledger: &mut Ledger,
    lock: &Lock,
    present: &Variables,
    now: Timestamp,
    ui: &Ui,
) -> Result<(), Fault> {
    if ledger.memory.lock.as_ref() == Some(&lock_variables(present)) {
        return Ok(());
    }
    let mut happening = Happening::new(Event::Lock, ledger.app());
    happening.by = Some(lock.by.clone());
    happening.reason = Some(lock.reason.clone());
    happening.source = Some("found by deploy-system:lock".to_owned());
    record(place, happening, now, ui);
    remember(ledger, Some(present))
}

/// Records and forgets a lock that is gone and was not told of: whoever removed it was killed then.
fn finish(
    place: &Place,
    ledger: &mut Ledger,
    app: &AppName,
    now: Timestamp,
    ui: &Ui,
) -> Result<(), Fault> {
    let Some(remembered) = &ledger.memory.lock else {
        return Ok(());
    };
    let was: Variables = remembered
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if let Ok(LockState::Locked(lock)) = LockState::of(&was, now) {
        let mut happening = Happening::new(Event::Unlock, app.as_str());
        happening.reason = Some(was_locked(&lock));
        happening.source = Some("found by deploy-system:unlock".to_owned());
        record(place, happening, now, ui);
    }
    remember(ledger, None)?;
    refusal::heal_or_say(place, ledger, ui);
    Ok(())
}

fn was_locked(lock: &Lock) -> String {
    format!("was locked by {}: {}", lock.by, lock.reason)
}

pub(super) fn change(
    ledger: &Ledger,
    act: impl FnOnce() -> Result<(), DokkuError>,
) -> Result<(), Fault> {
    let _writing = ledger.writing().map_err(|error| failed(&error))?;
    act().map_err(|error| failed(&error))
}

/// The lock of an app and of its base.
pub fn status(app: &AppName, now: Timestamp) -> Result<lock::Status, Fault> {
    let standing = Standing::read(app.as_str(), now, dokku::export).ok_or_else(|| missing(app))?;
    let seen = |known: Result<LockState, String>| match known {
        Ok(state) => Ok::<_, Malformed>(state).into(),
        Err(why) => lock::Seen::Unknown { why },
    };
    Ok(lock::Status {
        app: app.clone(),
        lock: seen(standing.own),
        base: standing.base.map(|(app, known)| lock::Base {
            app,
            lock: seen(known),
        }),
    })
}

/// The locks of all apps that whoever asks may see.
pub fn all(now: Timestamp) -> Result<Vec<lock::Status>, Fault> {
    let names = dokku::apps().map_err(|error| failed(&error))?;
    names
        .iter()
        .map(|name| status(&AppName::new(name).map_err(|error| failed(&error))?, now))
        // An app may be destroyed while the list is read.
        .filter(|status| !matches!(status, Err(fault) if fault.kind == FaultKind::NoSuchApp))
        .collect()
}
