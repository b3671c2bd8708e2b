//! Locking.

use super::{host::somebody_locks, *};
use crate::{
    host::HostError,
    lock::{self, LONGEST_REASON},
    plugin_protocol::Locking,
};

fn lock_one(host: &Script, request: LockRequest) -> Result<Locking, LockError> {
    let clock = Hourglass::default();
    let wishes = [wish("shop", request)];
    lock(&wishes, PLAIN, Rivals::Possible, ground(host, &clock)).remove(0)
}

fn held(locking: &Locking) -> &lock::Lock {
    match locking {
        Locking::Held { lock } => lock,
        Locking::Taken { .. } => panic!("taken"),
    }
}

const LOCKED: &[(&str, &str)] = &[
    ("DEPLOY_LOCKED", "true"),
    ("DEPLOY_LOCK_REASON", "maintenance"),
    ("DEPLOY_LOCK_BY", "bob"),
];

#[test]
fn a_lock_is_written_without_a_restart_and_read_back_twice() {
    let host = Script::with(&[("shop", &[("KEEP", "1")])]);
    let locking = lock_one(&host, request("fix the db", "one-1")).unwrap();
    let Locking::Taken {
        lock,
        replaced: None,
        expired: None,
    } = locking
    else {
        panic!("{locking:?}")
    };
    assert_eq!(
        (lock.reason.as_str(), lock.by.as_str()),
        ("fix the db", "ada")
    );
    assert_eq!(lock.at, "2026-11-23T12:00:00Z");
    let export = "config:export --format json shop";
    assert_eq!(
        host.log(),
        [
            export,
            "--quiet config:import --no-restart --format json shop -",
            export,
            export
        ]
    );
    for (key, value) in [
        ("DEPLOY_LOCKED", "true"),
        ("DEPLOY_LOCK_REASON", "fix the db"),
        ("DEPLOY_LOCK_BY", "ada"),
        ("DEPLOY_LOCK_AT", "2026-11-23T12:00:00Z"),
        ("KEEP", "1"),
    ] {
        assert_eq!(host.variable("shop", key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(host.variable("shop", "DEPLOY_LOCK_UNTIL"), None);
}

#[test]
fn under_a_file_lock_one_look_is_enough() {
    let host = Script::with(&[("shop", &[])]);
    let clock = Hourglass::default();
    let wishes = [wish("shop", request("r", "one-1"))];
    let locking = lock(&wishes, PLAIN, Rivals::Excluded, ground(&host, &clock)).remove(0);
    assert!(matches!(locking, Ok(Locking::Taken { .. })), "{locking:?}");
    assert_eq!((host.log().len(), clock.elapsed()), (3, Duration::ZERO));
}

#[test]
fn a_locked_app_stays_as_it_is() {
    let host = Script::with(&[("shop", LOCKED)]);
    let locking = lock_one(&host, request("mine", "one-1")).unwrap();
    assert_eq!(held(&locking).reason, "maintenance");
    assert_eq!(host.log().len(), 1);
}

#[test]
fn replacing_records_whose_lock_it_was() {
    let host = Script::with(&[("shop", LOCKED)]);
    let replace = LockRequest {
        replace: true,
        ..request("mine", "one-1")
    };
    let Ok(Locking::Taken {
        lock,
        replaced: Some(replaced),
        ..
    }) = lock_one(&host, replace)
    else {
        panic!("not taken over")
    };
    assert_eq!((lock.by.as_str(), replaced.by.as_str()), ("ada", "bob"));
    assert_eq!(host.variable("shop", "DEPLOY_LOCK_REASON").unwrap(), "mine");
}

#[test]
fn an_expired_lock_is_no_obstacle_and_its_end_does_not_end_the_next() {
    let host = Script::with(&[("shop", &[])]);
    lock_one(&host, until(60, request("short", "one-1"))).unwrap();
    assert!(
        host.variable("shop", "DEPLOY_LOCK_UNTIL")
            .unwrap()
            .starts_with("2026-11-23T12:01:00Z")
    );
    let clock = Hourglass(Mutex::new(Duration::from_mins(1)));
    let wishes = [wish("shop", request("long", "one-2"))];
    let locking = lock(&wishes, PLAIN, Rivals::Possible, ground(&host, &clock)).remove(0);
    let Ok(Locking::Taken {
        expired: Some(expired),
        replaced: None,
        ..
    }) = locking
    else {
        panic!("{locking:?}")
    };
    assert_eq!(expired.reason, "short");
    assert_eq!(
        host.variable("shop", "DEPLOY_LOCK_UNTIL").as_deref(),
        Some("")
    );
    let state = look(&app("shop"), ground(&host, &clock)).unwrap();
    let lock::LockState::Locked(lock) = state else {
        panic!("{state:?}")
    };
    assert!(lock.until.is_none() && !lock.has_stray_end);
}

#[test]
fn whoever_writes_last_is_the_holder_and_the_other_is_told() {
    // Before the first look back, and between the two.
    for nth in [2, 3] {
        let host =
            Script::with(&[("shop", &[])]).before(nth, |apps| somebody_locks(apps, &app("shop")));
        let locking = lock_one(&host, request("mine", "one-1")).unwrap();
        assert_eq!(held(&locking).by, "bob", "{nth}");
    }
}

#[test]
fn a_lock_that_is_gone_when_read_back_is_an_error() {
    let host = Script::with(&[("shop", &[])]).before(3, |apps| {
        apps.get_mut("shop").unwrap().clear();
    });
    let error = lock_one(&host, request("mine", "one-1")).unwrap_err();
    assert_eq!(error, LockError::Vanished { app: app("shop") });
}

#[test]
fn what_cannot_be_read_is_refused_and_nothing_is_written() {
    let missing = Script::default();
    assert_eq!(
        lock_one(&missing, request("r", "one-1"))
            .unwrap_err()
            .to_string(),
        "app shop does not exist on h"
    );
    let malformed = Script::with(&[("shop", &[("DEPLOY_LOCKED", "yes")])]);
    let error = lock_one(&malformed, request("r", "one-1")).unwrap_err();
    assert!(matches!(error, LockError::Unreadable { .. }), "{error}");
    let broken = Script::default().answering("config:export", 1, "", "unterminated quoted value");
    let error = lock_one(&broken, request("r", "one-1")).unwrap_err();
    assert!(error.to_string().contains("root has to repair"), "{error}");
    let silent = Script::default().silent_to("config:export");
    assert!(matches!(
        lock_one(&silent, request("r", "one-1")),
        Err(LockError::Host(HostError::Unreachable { .. }))
    ));
    for host in [missing, malformed, broken, silent] {
        assert_eq!(host.log().len(), 1);
    }
}

#[test]
fn what_cannot_be_read_can_be_replaced() {
    let host = Script::with(&[("shop", &[("DEPLOY_LOCKED", "yes")])]);
    let replace = LockRequest {
        replace: true,
        ..request("r", "one-1")
    };
    assert!(matches!(
        lock_one(&host, replace),
        Ok(Locking::Taken { .. })
    ));
    assert_eq!(host.variable("shop", "DEPLOY_LOCKED").unwrap(), "true");
}

#[test]
fn a_write_without_an_answer_is_neither_a_lock_nor_none() {
    let silent = Script::with(&[("shop", &[])]).silent_to("--quiet config:import");
    let error = lock_one(&silent, request("r", "one-1")).unwrap_err();
    assert!(
        matches!(error, LockError::Host(HostError::Unreachable { .. })),
        "{error}"
    );
    let refused = Script::with(&[("shop", &[])]).answering("--quiet config:import", 1, "", "no");
    assert!(lock_one(&refused, request("r", "one-1")).is_err());
}

#[test]
fn a_long_reason_and_a_past_end_are_refused() {
    let host = Script::with(&[("shop", &[])]);
    let error = lock_one(&host, request(&"x".repeat(LONGEST_REASON + 1), "one-1")).unwrap_err();
    assert!(
        error.to_string().contains("4097 bytes") && error.to_string().contains("4096"),
        "{error}"
    );
    assert_eq!(host.rounds(), 0);
    let past = LockRequest {
        end: Some(End::Until(now())),
        ..request("r", "one-1")
    };
    let error = lock_one(&host, past).unwrap_err();
    assert!(error.to_string().contains("is past"), "{error}");
    assert_eq!(host.variable("shop", "DEPLOY_LOCKED"), None);
    assert!(lock_one(&host, request(&"x".repeat(LONGEST_REASON), "one-1")).is_ok());
}

#[test]
fn several_apps_are_locked_in_as_many_rounds_as_one() {
    let host = Script::with(&[("a", &[]), ("b", LOCKED), ("c", &[])]);
    let clock = Hourglass::default();
    let wishes: Vec<Lock> = ["a", "b", "gone", "c"]
        .iter()
        .map(|name| wish(name, request("r", &format!("all-1-{name}"))))
        .collect();
    let results = lock(&wishes, PLAIN, Rivals::Possible, ground(&host, &clock));
    assert!(matches!(results[0], Ok(Locking::Taken { .. })));
    assert_eq!(held(results[1].as_ref().unwrap()).by, "bob");
    assert!(matches!(results[2], Err(LockError::NoSuchApp { .. })));
    assert!(matches!(results[3], Ok(Locking::Taken { .. })));
    assert_eq!(host.rounds(), 4);
}

fn wait(
    host: &Script,
    patience: u64,
    interrupts: &dyn Interrupts,
) -> (Result<Locking, LockError>, usize, Duration) {
    let clock = Hourglass::default();
    let mut told = 0;
    let ground = Ground {
        interrupts,
        ..ground(host, &clock)
    };
    let wish = wish("shop", until(60, request("mine", "one-1")));
    let locking = wait_and_lock(
        &wish,
        PLAIN,
        Duration::from_secs(patience),
        ground,
        &mut |_| told += 1,
    );
    (locking, told, clock.elapsed())
}

#[test]
fn waiting_ends_with_the_other_lock() {
    let host =
        Script::with(&[("shop", LOCKED)]).before(3, |apps| apps.get_mut("shop").unwrap().clear());
    let (locking, told, elapsed) = wait(&host, 3600, &Never);
    let Ok(Locking::Taken { lock, .. }) = locking else {
        panic!("{locking:?}")
    };
    assert_eq!((told, elapsed), (1, Duration::from_secs(16)));
    // The end counts from when the lock was set.
    assert_eq!(lock.until.unwrap().to_string(), "2026-11-23T12:01:15Z");
}

#[test]
fn waiting_ends_with_the_patience() {
    let host = Script::with(&[("shop", LOCKED)]);
    let (locking, told, elapsed) = wait(&host, 12, &Never);
    assert_eq!(held(&locking.unwrap()).by, "bob");
    assert_eq!((told, elapsed), (1, Duration::from_secs(12)));
    let (locking, told, elapsed) = wait(&Script::with(&[("shop", LOCKED)]), 0, &Never);
    assert!(matches!(locking, Ok(Locking::Held { .. })));
    assert_eq!((told, elapsed), (0, Duration::ZERO));
}

#[test]
fn waiting_ends_with_a_request_to_stop() {
    let host = Script::with(&[("shop", LOCKED)]);
    let (locking, ..) = wait(&host, 3600, &Impatient);
    assert!(matches!(
        locking,
        Err(LockError::Host(HostError::Stopped { .. }))
    ));
}

#[test]
fn with_the_plugin_one_command_does_it_all() {
    let answer = r#"{"protocol":1,"version":"0.1.0","result":{"outcome":"held","lock":{"reason":"r","by":"bob","at":"x","until":null,"id":null,"has_stray_end":false}}}"#;
    let host = Script::default().answering("deploy-system:lock", 4, answer, "");
    let clock = Hourglass::default();
    let wishes = [wish("shop", request("--app x 'quoted'", "one-1"))];
    let locking = lock(
        &wishes,
        Way::Plugin,
        Rivals::Possible,
        ground(&host, &clock),
    )
    .remove(0);
    assert_eq!(held(&locking.unwrap()).by, "bob");
    assert_eq!(host.log().len(), 1);
    assert!(!host.log()[0].contains("quoted"));
    for (answer, expected) in [
        (
            r#"{"protocol":7,"version":"2.0.0"}"#,
            "upgrade dokku-cli on this machine",
        ),
        (
            r#"{"protocol":1,"version":"0.1.0","error":{"kind":"no-such-app","message":"m"}}"#,
            "app shop does not exist on h",
        ),
        (
            r#"{"protocol":1,"version":"0.1.0","error":{"kind":"failed","message":"disk full"}}"#,
            "the plugin deploy-system on h: disk full",
        ),
    ] {
        let host = Script::default().answering("deploy-system:lock", 5, answer, "");
        let error = lock(
            &wishes,
            Way::Plugin,
            Rivals::Possible,
            ground(&host, &clock),
        )
        .remove(0)
        .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
