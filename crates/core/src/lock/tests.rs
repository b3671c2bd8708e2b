//! Tests of the module above.

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
    let LockState::Locked(read) = LockState::of(&mine.variables().into(), now()).unwrap() else {
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
        base_app(&AppName::new(app).unwrap(), &variables).map(|base| base.map(|b| b.to_string()))
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
