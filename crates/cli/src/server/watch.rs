//! Looking after a lock's variables when somebody else changes the app's variables.
//!
//! Dokku tells which command it was, and which keys it was given: `clear` comes without any,
//! `config:import --replace` as `set` with those of the file. Whoever names `DEPLOY_LOCKED` means the
//! lock; whoever wipes it without naming it does not.

use std::collections::BTreeMap;

use dokku_deploy::{lock::LockState, secret::Secret, store::Variables};
use jiff::Timestamp;

use super::{
    audit::{Event, Happening},
    dokku,
    gate::{describe, record, say},
    ledger::{Ledger, lock_variables},
    place::Place,
    refusal,
};
use crate::{failure::Failure, ui::Ui};

/// A change of an app's variables, as Dokku tells it.
pub struct Change<'a> {
    /// The app; `--global` for the host's variables.
    pub app: &'a str,
    /// `set`, `unset` or `clear`.
    pub operation: &'a str,
    /// The keys that were named.
    pub keys: &'a [String],
}

/// Learns of locks that were set or removed by hand, and puts back one that was wiped.
pub fn variables_changed(
    place: &Place,
    change: &Change,
    now: Timestamp,
    ui: &Ui,
) -> Result<(), Failure> {
    let app = change.app;
    if app.is_empty() || app == "--global" || Ledger::is_writing(place, app)? {
        return Ok(());
    }
    let is_about_locks = change.keys.iter().any(|key| key.starts_with("DEPLOY_LOCK"));
    let mut ledger = Ledger::open(place, app)?;
    if !is_about_locks && ledger.memory.lock.is_none() {
        return Ok(());
    }
    let Some(variables) =
        dokku::export(app).map_err(|error| Failure::internal(error.to_string()))?
    else {
        ledger.memory.lock = None;
        return Ok(ledger.save()?);
    };
    let Ok(state) = LockState::of(&variables, now) else {
        // Somebody set something that is no state; the gate refuses and says so.
        return Ok(());
    };
    let remembered = ledger.memory.lock.take();
    // By an unlock that was killed in the middle, where the lock is gone.
    let is_unlocking = std::mem::take(&mut ledger.memory.is_unlocking);
    let mut happening = Happening {
        source: Some(format!("config:{}", change.operation)),
        ..Happening::new(Event::Lock, app)
    };
    match (remembered, state) {
        (remembered, LockState::Locked(lock)) => {
            let present = lock_variables(&variables);
            let is_new = remembered.as_ref() != Some(&present);
            ledger.memory.lock = Some(present);
            ledger.save()?;
            if is_new {
                happening.by = Some(lock.by);
                happening.reason = Some(lock.reason);
                record(place, happening, now, ui);
            }
        }
        (Some(remembered), LockState::Unlocked) => {
            let was: Variables = remembered
                .iter()
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect();
            match LockState::of(&was, now) {
                Ok(LockState::Locked(lock)) if !is_deliberate(change) && !is_unlocking => {
                    put_back(&mut ledger, app, remembered)?;
                    say(
                        ui,
                        &format!(
                            "{app} stays locked: config:{} does not unlock.",
                            change.operation
                        ),
                    );
                    describe(ui, &lock);
                    say(ui, &format!("Unlock: dokku-cli unlock {app}"));
                    happening.event = Event::Restored;
                    happening.by = Some(lock.by);
                    happening.reason = Some(lock.reason);
                    record(place, happening, now, ui);
                }
                // It had ended by itself.
                Ok(LockState::Expired(_)) => ledger.save()?,
                _ => {
                    ledger.save()?;
                    happening.event = Event::Unlock;
                    record(place, happening, now, ui);
                    refusal::heal_or_say(place, &ledger, ui);
                }
            }
        }
        (_, LockState::Expired(_)) | (None, LockState::Unlocked) => ledger.save()?,
    }
    Ok(())
}

fn is_deliberate(change: &Change) -> bool {
    change.operation != "clear" && change.keys.iter().any(|key| key == "DEPLOY_LOCKED")
}

fn put_back(ledger: &mut Ledger, app: &str, lock: BTreeMap<String, String>) -> Result<(), Failure> {
    let variables = lock
        .iter()
        .map(|(key, value)| (key.clone(), Secret::new(value.as_str())))
        .collect();
    let writing = ledger.writing()?;
    dokku::set(app, &variables).map_err(|error| Failure::internal(error.to_string()))?;
    drop(writing);
    ledger.memory.lock = Some(lock);
    Ok(ledger.save()?)
}

/// Forgets an app that was destroyed: another one of its name has nothing to do with it.
pub fn app_destroyed(place: &Place, app: &str) -> Result<(), Failure> {
    let mut ledger = Ledger::open(place, app)?;
    ledger.memory = super::ledger::Memory::default();
    Ok(ledger.save()?)
}
