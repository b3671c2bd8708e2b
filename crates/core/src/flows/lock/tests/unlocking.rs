//! Unlocking.

use super::{host::somebody_locks, *};
use crate::{lock::LockState, plugin_protocol::Unlocking};

fn unlock_one(host: &Script, only: Option<String>) -> Result<Unlocking, LockError> {
    let clock = Hourglass::default();
    unlock(&[unlock_of("shop", only)], PLAIN, ground(host, &clock)).remove(0)
}

fn locked() -> Script {
    let host = Script::with(&[("shop", &[("KEEP", "1")])]);
    host.change(|apps| somebody_locks(apps, &app("shop")));
    host
}

fn fingerprint(host: &Script) -> String {
    let clock = Hourglass::default();
    match look(&app("shop"), ground(host, &clock)).unwrap() {
        LockState::Locked(lock) => lock.fingerprint(),
        state => panic!("{state:?}"),
    }
}

#[test]
fn all_variables_of_the_lock_go_and_nothing_else() {
    let host = locked();
    let Ok(Unlocking::Unlocked {
        was: Some(was),
        had_expired: false,
        relocked: None,
    }) = unlock_one(&host, None)
    else {
        panic!("not unlocked")
    };
    assert_eq!((was.by.as_str(), was.reason.as_str()), ("bob", "theirs"));
    assert_eq!(
        host.log()[1],
        "--quiet config:unset --no-restart shop DEPLOY_LOCKED DEPLOY_LOCK_REASON DEPLOY_LOCK_BY DEPLOY_LOCK_AT DEPLOY_LOCK_UNTIL DEPLOY_LOCK_ID"
    );
    assert_eq!(host.variable("shop", "DEPLOY_LOCK_BY"), None);
    assert_eq!(host.variable("shop", "KEEP").unwrap(), "1");
}

#[test]
fn what_is_not_locked_is_left_alone() {
    let host = Script::with(&[("shop", &[])]);
    assert_eq!(unlock_one(&host, None), Ok(Unlocking::NotLocked));
    assert_eq!(host.log().len(), 1);
}

#[test]
fn another_lock_than_the_one_that_was_shown_stays() {
    let host = locked();
    let shown = fingerprint(&host);
    host.change(|apps| {
        let variables = apps.get_mut("shop").unwrap();
        variables.insert("DEPLOY_LOCK_REASON".into(), "another".into());
    });
    let Ok(Unlocking::Changed { lock }) = unlock_one(&host, Some(shown)) else {
        panic!("not told")
    };
    assert_eq!(lock.reason, "another");
    assert_eq!(host.variable("shop", "DEPLOY_LOCKED").unwrap(), "true");
    let shown = fingerprint(&host);
    assert!(matches!(
        unlock_one(&host, Some(shown)),
        Ok(Unlocking::Unlocked { .. })
    ));
}

#[test]
fn a_lock_that_is_set_right_after_is_told() {
    let host = locked().before(2, |apps| {
        let variables = apps.get_mut("shop").unwrap();
        variables.insert("DEPLOY_LOCKED".into(), "true".into());
    });
    let Ok(Unlocking::Unlocked {
        relocked: Some(lock),
        ..
    }) = unlock_one(&host, None)
    else {
        panic!("not told")
    };
    assert_eq!(lock.by, "Unknown");
}

#[test]
fn a_lock_that_does_not_go_is_an_error() {
    let host = locked().answering("--quiet config:unset", 0, "", "");
    assert_eq!(
        unlock_one(&host, None),
        Err(LockError::Stayed { app: app("shop") })
    );
}

#[test]
fn an_expired_lock_is_cleared_and_said_to_have_expired() {
    let host = Script::with(&[("shop", &[])]);
    let clock = Hourglass::default();
    let wishes = [wish("shop", until(60, request("short", "one-1")))];
    lock(&wishes, PLAIN, Rivals::Excluded, ground(&host, &clock))
        .remove(0)
        .unwrap();
    clock.wait(Duration::from_mins(1));
    let unlocked = unlock(&[unlock_of("shop", None)], PLAIN, ground(&host, &clock)).remove(0);
    assert!(
        matches!(
            unlocked,
            Ok(Unlocking::Unlocked {
                had_expired: true,
                ..
            })
        ),
        "{unlocked:?}"
    );
    assert_eq!(host.variable("shop", "DEPLOY_LOCK_UNTIL"), None);
}

#[test]
fn what_cannot_be_read_is_removed_only_where_no_lock_is_named() {
    let malformed = || Script::with(&[("shop", &[("DEPLOY_LOCKED", "yes")])]);
    let host = malformed();
    let error = unlock_one(&host, Some("0".into())).unwrap_err();
    assert!(matches!(error, LockError::Unreadable { .. }), "{error}");
    assert_eq!(host.variable("shop", "DEPLOY_LOCKED").unwrap(), "yes");
    let unlocked = unlock_one(&malformed(), None);
    assert!(
        matches!(unlocked, Ok(Unlocking::Unlocked { was: None, .. })),
        "{unlocked:?}"
    );
}

#[test]
fn no_answer_is_never_an_unlocked_app() {
    for (host, expected) in [
        (Script::default(), "does not exist on h"),
        (
            Script::default().silent_to("config:export"),
            "cannot reach h",
        ),
        (
            Script::default().answering("config:export", 1, "", "Access denied"),
            "Access denied",
        ),
        (locked().silent_to("--quiet config:unset"), "cannot reach h"),
    ] {
        let error = unlock_one(&host, None).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
