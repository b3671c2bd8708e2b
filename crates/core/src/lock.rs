//! Deploy locks: variables of an app that say why, by whom and since when nothing is deployed.
//!
//! The state is the four variables that other tools and people write and read too
//! (`config:set APP DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=maintenance` is a lock), and two more of
//! this system: an id, by which whoever writes a lock recognises it when reading back, and an end.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    app::AppName,
    clock::stamp,
    secret::Secret,
    store::{Variables, seal, unseal},
};

const LOCKED: &str = "DEPLOY_LOCKED";
const REASON: &str = "DEPLOY_LOCK_REASON";
const BY: &str = "DEPLOY_LOCK_BY";
const AT: &str = "DEPLOY_LOCK_AT";
const UNTIL: &str = "DEPLOY_LOCK_UNTIL";
const ID: &str = "DEPLOY_LOCK_ID";

/// Names the app whose lock counts for a preview too.
pub const BASE_APP: &str = "DEPLOY_BASE_APP";

/// The variables to unset for unlocking.
pub const KEYS: [&str; 6] = [LOCKED, REASON, BY, AT, UNTIL, ID];

/// Whether an app may be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockState {
    /// It may.
    Unlocked,
    /// It may not.
    Locked(Lock),
    /// It may again: the lock has ended by itself and only its variables are left.
    Expired(Lock),
}

/// A lock, as it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
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
            reason: or(REASON, "No reason provided"),
            by: or(BY, "Unknown"),
            at: or(AT, "Unknown"),
            until,
            id: id.map(str::to_owned),
            has_stray_end: until.is_none() && !raw(UNTIL).is_empty(),
        }
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::storable;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn now() -> Timestamp {
        time("2026-11-23T12:00:00Z")
    }

    fn state(pairs: &[(&str, &str)]) -> LockState {
        LockState::of(&pairs.iter().copied().collect(), now()).unwrap()
    }

    fn new_lock(reason: &str, until: Option<&str>) -> NewLock {
        NewLock {
            reason: reason.to_owned(),
            by: "ada@example.com".to_owned(),
            at: time("2026-11-23T11:00:00Z"),
            until: until.map(time),
            id: "f00d".to_owned(),
        }
    }

    #[test]
    fn a_lock_made_by_hand_is_a_lock() {
        let LockState::Locked(lock) = state(&[("DEPLOY_LOCKED", "true")]) else {
            panic!("unlocked")
        };
        assert_eq!(lock.reason, "No reason provided");
        assert_eq!((lock.by.as_str(), lock.at.as_str()), ("Unknown", "Unknown"));
        let LockState::Locked(lock) = state(&[
            ("DEPLOY_LOCKED", "true"),
            ("DEPLOY_LOCK_REASON", "maintenance"),
            ("DEPLOY_LOCK_BY", "bob"),
            ("DEPLOY_LOCK_AT", "2026-11-20T08:00:00Z"),
        ]) else {
            panic!("unlocked")
        };
        assert_eq!(
            (lock.reason.as_str(), lock.by.as_str(), lock.at.as_str()),
            ("maintenance", "bob", "2026-11-20T08:00:00Z")
        );
    }

    #[test]
    fn only_true_locks_and_what_is_neither_is_an_error() {
        assert_eq!(state(&[]), LockState::Unlocked);
        for word in ["", "false", "False", "0", "no", "off"] {
            assert_eq!(
                state(&[("DEPLOY_LOCKED", word)]),
                LockState::Unlocked,
                "{word}"
            );
        }
        // Left by `config:unset DEPLOY_LOCKED` alone.
        assert_eq!(state(&[("DEPLOY_LOCK_REASON", "x")]), LockState::Unlocked);
        for word in ["TRUE", "yes", "1", "true ", "locked"] {
            let variables = [("DEPLOY_LOCKED", word)].into_iter().collect();
            let error = LockState::of(&variables, now()).unwrap_err().to_string();
            assert!(
                error.contains("DEPLOY_LOCKED") && error.contains(word),
                "{error}"
            );
        }
    }

    #[test]
    fn a_lock_ends_at_its_end_and_not_before() {
        for (until, is_locked) in [
            (None, true),
            (Some("2026-11-23T12:00:01Z"), true),
            (Some("2026-11-23T12:00:00Z"), false),
            (Some("2026-11-23T11:30:00Z"), false),
        ] {
            let variables = new_lock("freeze", until).variables().into();
            let state = LockState::of(&variables, now()).unwrap();
            assert_eq!(state.is_locked(), is_locked, "{until:?}");
            assert!(matches!(
                state,
                LockState::Locked(_) | LockState::Expired(_)
            ));
        }
    }

    #[test]
    fn a_leftover_end_does_not_end_the_next_lock() {
        let ended = new_lock("freeze", Some("2026-11-23T11:30:00Z")).variables();
        // The documented unset of the four leaves the end and the id; then somebody locks by hand,
        // in the worst case with the same reason and name.
        let mut left = ended.clone();
        for key in &KEYS[..4] {
            left.remove(*key);
        }
        for by_hand in [
            vec![("DEPLOY_LOCKED", "true")],
            vec![
                ("DEPLOY_LOCKED", "true"),
                ("DEPLOY_LOCK_REASON", "freeze"),
                ("DEPLOY_LOCK_BY", "ada@example.com"),
            ],
        ] {
            let mut variables = left.clone();
            variables.extend(
                by_hand
                    .into_iter()
                    .map(|(k, v)| (k.to_owned(), Secret::new(v))),
            );
            let LockState::Locked(lock) = LockState::of(&variables.into(), now()).unwrap() else {
                panic!("a leftover end ended the lock")
            };
            assert!(lock.has_stray_end);
            assert_eq!(lock.until, None);
        }
        // The next lock of this system has no end of its own and keeps the leftover variable.
        let mut next = ended;
        next.extend(new_lock("incident", None).variables());
        assert!(LockState::of(&next.into(), now()).unwrap().is_locked());
    }

    #[test]
    fn an_end_set_by_hand_does_not_count_and_is_told() {
        for end in [
            "2026-01-01T00:00:00Z",
            "soon",
            "2026-01-01T00:00:00Z lock 00",
        ] {
            let LockState::Locked(lock) =
                state(&[("DEPLOY_LOCKED", "true"), ("DEPLOY_LOCK_UNTIL", end)])
            else {
                panic!("{end} ended the lock")
            };
            assert!(lock.has_stray_end);
        }
    }

    #[test]
    fn a_writer_recognises_its_own_lock() {
        let mine = new_lock("x", None);
        let theirs = NewLock {
            id: "beef".to_owned(),
            ..mine.clone()
        };
        let LockState::Locked(read) = LockState::of(&mine.variables().into(), now()).unwrap()
        else {
            panic!("unlocked")
        };
        assert!(mine.is(&read) && !theirs.is(&read));
        let by_hand = state(&[("DEPLOY_LOCKED", "true")]);
        assert!(matches!(by_hand, LockState::Locked(lock) if !mine.is(&lock)));
    }

    #[test]
    fn the_variables_are_those_of_the_documents() {
        let variables: Variables = new_lock("why not", Some("2026-11-23T13:00:00Z"))
            .variables()
            .into();
        assert_eq!(variables.text("DEPLOY_LOCKED"), Some("true"));
        assert_eq!(variables.text("DEPLOY_LOCK_REASON"), Some("why not"));
        assert_eq!(variables.text("DEPLOY_LOCK_BY"), Some("ada@example.com"));
        assert_eq!(
            variables.text("DEPLOY_LOCK_AT"),
            Some("2026-11-23T11:00:00Z")
        );
        let until = variables.text("DEPLOY_LOCK_UNTIL").unwrap();
        assert!(until.starts_with("2026-11-23T13:00:00Z lock "), "{until}");
        assert!(variables.keys().all(|key| KEYS.contains(&key.as_str())));
    }

    #[test]
    fn a_preview_is_blocked_by_its_base() {
        let base = |app: &str, pairs: &[(&str, &str)]| {
            let variables = pairs.iter().copied().collect();
            base_app(&AppName::new(app).unwrap(), &variables)
                .map(|base| base.map(|b| b.to_string()))
        };
        assert_eq!(base("myapp-pr-7", &[]), Ok(Some("myapp".into())));
        assert_eq!(base("myapp-staging", &[]), Ok(None));
        let named = [("DEPLOY_BASE_APP", "other")];
        assert_eq!(base("myapp-pr-7", &named), Ok(Some("other".into())));
        assert_eq!(base("feature", &named), Ok(Some("other".into())));
        assert_eq!(base("other", &named), Ok(None));
        assert_eq!(
            base("a-pr-1", &[("DEPLOY_BASE_APP", "")]),
            Ok(Some("a".into()))
        );
        let error = base("a", &[("DEPLOY_BASE_APP", "No Name")]).unwrap_err();
        assert!(error.to_string().contains("DEPLOY_BASE_APP"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_a_reason_and_reads_back_exactly(
            reason in r#"[a\\"0-9 \n]{0,6}|\PC{0,80}"#,
            by in r#"[a"\\]{1,4}|\PC{1,20}"#,
            seconds in -100i64..100,
        ) {
            let until = now().checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
            let lock = NewLock { reason: reason.clone(), by: by.clone(), ..new_lock("", Some(&until.to_string())) };
            let variables = lock.variables();
            for value in variables.values() {
                prop_assert_eq!(storable(value.expose()), Ok(()));
            }
            let state = LockState::of(&variables.into(), now()).unwrap();
            prop_assert_eq!(state.is_locked(), seconds > 0);
            let (LockState::Locked(read) | LockState::Expired(read)) = state else {
                return Err(TestCaseError::fail("unlocked"));
            };
            if !reason.is_empty() {
                prop_assert_eq!(read.reason, reason);
            }
            prop_assert_eq!(read.by, by);
            prop_assert_eq!(read.until, Some(until));
        }
    }
}
