//! Locks that people set and remove with Dokku's own commands.

use dokku_sandbox::faults::{Failing, Plan};

use super::{BY, locked, state, unlocked, variables};
use crate::support::TestHost;

const UNSET: &str =
    "config:unset --no-restart shop DEPLOY_LOCKED DEPLOY_LOCK_REASON DEPLOY_LOCK_BY DEPLOY_LOCK_AT";

#[test]
fn a_lock_set_by_plain_ssh_is_a_lock_and_unset_it_is_none() {
    let host = TestHost::start();
    host.create_app("shop");
    assert_eq!(state(&host, "shop"), unlocked());
    host.ssh("config:set shop DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=maintenance");
    host.cli(&["lock:status", "shop"]).ends(
        4,
        "LOCKED - Deployments are blocked\n\n  Reason:    maintenance\n  Locked by: Unknown\n  Locked at: Unknown\n",
        "\nLock Status: shop\n\n",
    );
    host.cli(&["lock", "shop", "mine", "--by", "ada"]).ends(
        4,
        "",
        "⚠ shop is already locked\n  Reason: maintenance\n  Locked by: Unknown\n  Locked at: Unknown\n",
    );
    assert_eq!(
        variables(&host, "shop")["DEPLOY_LOCK_REASON"],
        "maintenance"
    );
    host.ssh("config:unset shop DEPLOY_LOCKED DEPLOY_LOCK_REASON");
    assert_eq!(state(&host, "shop"), unlocked());
}

#[test]
fn ours_is_removed_by_unsetting_the_four_and_its_end_does_not_end_the_next() {
    let host = TestHost::start();
    host.create_app("shop");
    let lock = ["lock", "shop", "short", "--for", "1s", BY[0], BY[1]];
    let ran = host.cli(&lock).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    host.ssh(UNSET);
    assert_eq!(state(&host, "shop"), unlocked());
    assert!(variables(&host, "shop")["DEPLOY_LOCK_UNTIL"].is_string());
    // The old tools' way, with the end of the earlier lock still there and over.
    host.ssh("config:set --no-restart shop DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=long DEPLOY_LOCK_BY=bob DEPLOY_LOCK_AT=2026-11-23T12:00:00Z");
    crate::support::await_until("the end of the first lock", || {
        let until = variables(&host, "shop")["DEPLOY_LOCK_UNTIL"].to_string();
        let until = until.trim_matches('"').split(' ').next().unwrap();
        until.parse::<jiff::Timestamp>().unwrap() < jiff::Timestamp::now()
    });
    assert_eq!(state(&host, "shop"), locked());
    host.ssh(UNSET);
    let ran = host.cli(&["lock", "shop", "ours", BY[0], BY[1]]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(state(&host, "shop"), locked());
    assert_eq!(variables(&host, "shop")["DEPLOY_LOCK_UNTIL"], "");
}

#[test]
fn what_cannot_be_read_is_never_unlocked() {
    let host = TestHost::start();
    host.create_app("shop");
    for command in [
        &["lock:status", "shop"][..],
        &["lock", "status", "shop"],
        &["unlock", "shop"],
        &["unlock", "shop", "--force"],
        &["lock", "shop", "r"],
    ] {
        host.fault(Plan {
            fail: vec![Failing {
                verb: "config:export".into(),
                stderr: " !     unterminated quoted value \"x\\\n".into(),
                stdout: String::new(),
                exit: 1,
                after: 0,
            }],
            ..Plan::default()
        });
        let ran = host.cli(command).run();
        assert_eq!(
            (ran.status, ran.stdout.as_str()),
            (Some(5), ""),
            "{command:?} {ran:?}"
        );
        assert!(ran.stderr.contains("root has to repair"), "{ran:?}");
        host.heal();
        assert_eq!(state(&host, "shop"), unlocked(), "{command:?}");
    }
}

#[test]
fn a_missing_app_is_neither_locked_nor_unlocked() {
    let host = TestHost::start();
    for command in [
        &["lock:status", "shop"][..],
        &["unlock", "shop"],
        &["lock", "shop"],
    ] {
        host.cli(command).ends(
            5,
            "",
            "✗ app shop does not exist on HOST\n  `dokku-cli list` shows the apps of the host.\n",
        );
    }
}

#[test]
fn a_word_that_is_neither_true_nor_false_is_told_and_can_be_removed() {
    let host = TestHost::start();
    host.create_app("shop");
    host.ssh("config:set --no-restart shop DEPLOY_LOCKED=TRUE");
    for command in [
        &["lock:status", "shop"][..],
        &["unlock", "shop"],
        &["lock", "shop"],
    ] {
        let ran = host.cli(command).run();
        assert_eq!(ran.status, Some(5), "{ran:?}");
        assert!(ran.stderr.contains("neither `true` nor `false`"), "{ran:?}");
    }
    let ran = host.cli(&["unlock", "shop", "--force"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(state(&host, "shop"), unlocked());
}
