//! Deploy locks: variables of an app that say why, by whom and since when nothing is deployed.
//!
//! The state is the four variables that other tools and people write and read too
//! (`config:set APP DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=maintenance` is a lock), and two more of
//! this system: an id, by which whoever writes a lock recognises it when reading back, and an end.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    app::AppName,
    clock::stamp,
    secret::Secret,
    store::{Variables, seal, unseal},
};

pub use self::{
    restore::restore_reason,
    status::{Base, Seen, Status, Verdict},
};

const LOCKED: &str = "DEPLOY_LOCKED";
const REASON: &str = "DEPLOY_LOCK_REASON";
const BY: &str = "DEPLOY_LOCK_BY";
const AT: &str = "DEPLOY_LOCK_AT";
const UNTIL: &str = "DEPLOY_LOCK_UNTIL";
const ID: &str = "DEPLOY_LOCK_ID";

/// The longest reason that is taken, in bytes.
pub const LONGEST_REASON: usize = 4096;

/// Stands for a reason where none was given.
const NO_REASON: &str = "No reason provided";
/// Stands for what a lock does not say.
const UNKNOWN: &str = "Unknown";

/// Names the app whose lock counts for a preview too.
pub const BASE_APP: &str = "DEPLOY_BASE_APP";

/// The variables to unset for unlocking.
pub const KEYS: [&str; 6] = [LOCKED, REASON, BY, AT, UNTIL, ID];

/// Whether an app may be deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum LockState {
    /// It may.
    Unlocked,
    /// It may not.
    Locked(Lock),
    /// It may again: the lock has ended by itself and only its variables are left.
    Expired(Lock),
}

/// A lock, as it was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Why, in the words of who locked; `No reason provided` where they gave none.
    pub reason: String,
    /// Who; `Unknown` where the lock does not say.
    pub by: String,
    /// Since when: UTC, RFC 3339 where this system or the bash one set it; `Unknown` where the lock
    /// does not say.
    pub at: String,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// The id that its writer gave it.
    pub id: Option<String>,
    /// An end was found that was set with another lock, or by hand, and does not count.
    pub has_stray_end: bool,
}

/// The lock's variables cannot be understood: whether the app is locked is not known, so it counts
/// as locked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the variable {variable} is {value:?}, which is {why}. Set it right or remove it: dokku config:unset --no-restart APP {variable}"
)]
pub struct Malformed {
    /// The variable.
    pub variable: &'static str,
    /// Its value, cut to 80 characters.
    pub value: String,
    /// What is wrong with it.
    pub why: &'static str,
}

fn malformed(variable: &'static str, value: &str, why: &'static str) -> Malformed {
    Malformed {
        variable,
        value: value.chars().take(80).collect(),
        why,
    }
}

impl LockState {
    /// Reads the state from an app's variables.
    ///
    /// `true` locks. An empty value and `false`, `0`, `no`, `off` do not. Anything else (`TRUE`,
    /// `yes`, `1`) was meant as something that the bash system does not take as a lock: an error.
    pub fn of(variables: &Variables, now: Timestamp) -> Result<Self, Malformed> {
        let locked = variables.text(LOCKED).unwrap_or_default();
        match locked.to_ascii_lowercase().as_str() {
            "" | "false" | "0" | "no" | "off" => return Ok(Self::Unlocked),
            _ if locked == "true" => {}
            _ => return Err(malformed(LOCKED, locked, "neither `true` nor `false`")),
        }
        let lock = Lock::read(variables);
        match lock.until {
            Some(until) if until <= now => Ok(Self::Expired(lock)),
            _ => Ok(Self::Locked(lock)),
        }
    }

    /// Whether the lock blocks deploys.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Locked(_))
    }
}

impl Lock {
    fn read(variables: &Variables) -> Self {
        let raw = |key| variables.text(key).unwrap_or_default();
        let or = |key, fallback: &str| match unseal(raw(key)) {
            "" => fallback.to_owned(),
            text => text.to_owned(),
        };
        let id = Some(raw(ID)).filter(|id| !id.is_empty());
        let bound = Binding::of(raw(ID), raw(REASON), raw(BY), raw(AT));
        let until = bound.read(raw(UNTIL));
        Self {
            reason: or(REASON, NO_REASON),
            by: or(BY, UNKNOWN),
            at: or(AT, UNKNOWN),
            until,
            id: id.map(str::to_owned),
            has_stray_end: until.is_none() && !raw(UNTIL).is_empty(),
        }
    }

    /// A short text that differs between any two locks: whoever was shown a lock names it by this
    /// when unlocking, and does not unlock another one that was set meanwhile.
    pub fn fingerprint(&self) -> String {
        let id = self.id.as_deref().unwrap_or_default();
        Binding::of(id, &self.reason, &self.by, &self.at).0
    }

    /// The run of `lock --all` that set this lock, if one did.
    pub fn group(&self) -> Option<&str> {
        let (group, _) = self.id.as_deref()?.strip_prefix(GROUP)?.split_once('-')?;
        Some(group).filter(|group| !group.is_empty())
    }
}

/// What the ids of locks begin with that `lock --all` set.
const GROUP: &str = "all-";

/// The id of a lock of its own. `nonce` is a random text of letters and digits.
pub fn single_id(nonce: &str) -> String {
    format!("one-{nonce}")
}

/// The id of a lock that is one of several, set by one run of `lock --all`. Both texts are of
/// letters and digits.
pub fn group_id(group: &str, nonce: &str) -> String {
    format!("{GROUP}{group}-{nonce}")
}

/// A reason that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the reason is {length} bytes long and may have at most {LONGEST_REASON} (4 KiB in UTF-8); put the details elsewhere and name the place"
)]
pub struct LongReason {
    /// Its length in bytes.
    pub length: usize,
}

/// Checks that a reason is not too long; apart from that any text is one.
pub fn check_reason(reason: &str) -> Result<(), LongReason> {
    let length = reason.len();
    if length > LONGEST_REASON {
        return Err(LongReason { length });
    }
    Ok(())
}

/// A lock to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLock {
    /// Any text.
    pub reason: String,
    /// The person.
    pub by: String,
    /// Now.
    pub at: Timestamp,
    /// When the lock ends by itself, if it does.
    pub until: Option<Timestamp>,
    /// A random text of plain characters, other for each lock.
    pub id: String,
}

impl NewLock {
    /// The variables that set this lock. An end that an earlier lock left is overwritten or, by its
    /// binding, does not count.
    pub fn variables(&self) -> BTreeMap<String, Secret> {
        let (reason, by, at) = (seal(&self.reason), seal(&self.by), stamp(self.at));
        let id = seal(&self.id);
        let mut variables = vec![];
        if let Some(until) = self.until {
            let binding = Binding::of(&id, &reason, &by, &at);
            variables.push((UNTIL, binding.write(until)));
        }
        variables.extend([
            (LOCKED, "true".to_owned()),
            (REASON, reason),
            (BY, by),
            (AT, at),
            (ID, id),
        ]);
        variables
            .into_iter()
            .map(|(key, value)| (key.to_owned(), Secret::new(value)))
            .collect()
    }

    /// The variables that set this lock where `present` ones are stored already. An end that an
    /// earlier lock left is emptied: it does not count, but people who read the variables would
    /// wonder.
    pub fn variables_over(&self, present: &Variables) -> BTreeMap<String, Secret> {
        let mut variables = self.variables();
        if present.text(UNTIL).is_some_and(|end| !end.is_empty()) {
            variables.entry(UNTIL.to_owned()).or_default();
        }
        variables
    }

    /// The lock as it reads back.
    pub fn lock(&self) -> Lock {
        Lock::read(&self.variables().into())
    }

    /// Whether `lock`, as read back, is this one: somebody else may have written at the same time.
    pub fn is(&self, lock: &Lock) -> bool {
        lock.id.as_deref() == Some(seal(&self.id).as_str())
    }
}

/// Ties an end to the lock that it was set with: it carries a digest of that lock's variables. After
/// `config:unset` of the four documented ones the end and the id stay behind; whatever lock is set
/// next has another reason, person or time, and so the leftover does not end it.
struct Binding(String);

impl Binding {
    /// All as stored.
    fn of(id: &str, reason: &str, by: &str, at: &str) -> Self {
        let mut digest = Sha256::new();
        for part in [id, reason, by, at] {
            digest.update(part.len().to_be_bytes());
            digest.update(part.as_bytes());
        }
        let bytes = digest.finalize();
        let first = bytes.first_chunk().copied().unwrap_or_default();
        Self(format!("{:016x}", u64::from_be_bytes(first)))
    }

    /// `2026-11-23T12:00:00Z lock 0123456789abcdef`
    fn write(&self, until: Timestamp) -> String {
        format!("{} lock {}", stamp(until), self.0)
    }

    fn read(&self, stored: &str) -> Option<Timestamp> {
        let (until, digest) = stored.split_once(" lock ")?;
        (digest == self.0).then(|| until.parse().ok())?
    }
}

/// The app whose lock blocks `app` too: the one that `DEPLOY_BASE_APP` names, else, for a preview,
/// the one in its name.
pub fn base_app(app: &AppName, variables: &Variables) -> Result<Option<AppName>, Malformed> {
    let base = match variables.text(BASE_APP) {
        None | Some("") => app.base_by_name(),
        Some(name) => {
            let base = AppName::new(name);
            Some(base.map_err(|_| malformed(BASE_APP, name, "not the name of an app"))?)
        }
    };
    Ok(base.filter(|base| base != app))
}

mod restore;
mod status;

#[cfg(test)]
mod tests;
