//! Deploys that were killed, interrupted or overtaken.

use rustix::process::Signal;

use super::{At, Delayed, Shop};
use crate::support::{Started, TestHost, await_until};

#[test]
fn a_second_deploy_is_refused_with_who_and_how_far() {
    let host = TestHost::start();
    let slow = Delayed::new(&host, At::Task);
    let first = slow.shop.deploy(&[]).start();
    slow.has_begun();
    let told = slow.shop.fails(4, &[]);
    assert!(
        told.contains("another deploy of shop is under way: ada@example.com is tasks"),
        "{told}"
    );
    slow.let_go();
    let ran = first.finish();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(slow.shop.answer().1, "2 -");
}

#[test]
fn a_second_deploy_may_wait_for_the_first() {
    let host = TestHost::start();
    let slow = Delayed::new(&host, At::Task);
    let first = slow.shop.deploy(&[]).start();
    slow.has_begun();
    let second = slow.shop.deploy(&["--wait", "1m"]).start();
    slow.let_go();
    let (first, second) = (first.finish(), second.finish());
    assert_eq!(
        (first.status, second.status),
        (Some(0), Some(0)),
        "{first:?} {second:?}"
    );
    slow.shop.is_tidy();
}

#[test]
fn a_killed_deploy_is_understood_resumed_or_put_back() {
    for way in ["--abort", "--resume"] {
        let host = TestHost::start();
        let slow = Delayed::new(&host, At::Task);
        let shop = &slow.shop;
        slow.killed(&["--var", "GREETING=hi"]);
        assert_eq!(
            shop.answer(),
            (200, "1 -".to_owned()),
            "the old version serves on"
        );

        let told = shop.fails(4, &[]);
        assert!(
            told.contains("`--resume` takes over and `--abort` puts back"),
            "{told}"
        );
        let before = shop.variables();
        let told = shop.fails(4, &[way]);
        assert!(
            told.contains("still runs on the host, in shop.run.") && told.contains("sign of life"),
            "{told}"
        );
        slow.task_ends();
        let told = shop.fails(4, &[way]);
        assert!(
            told.contains("sign of life") && !told.contains("still runs on the host"),
            "{told}"
        );
        assert_eq!(shop.variables(), before, "nothing was changed");
        shop.deployed(&[way, "--yes"]);
        if way == "--abort" {
            assert_eq!(shop.newest_image(), "1");
            assert!(shop.variables().get("GREETING").is_none());
            assert_eq!(shop.answer().1, "1 -");
        } else {
            assert_eq!(
                shop.answer().1,
                "2 hi",
                "the killed run's variable stays, as was said"
            );
        }
        shop.is_tidy();
    }
}

#[test]
fn a_task_that_a_killed_deploy_left_at_work_is_stopped_only_when_that_was_said() {
    let host = TestHost::start();
    let slow = Delayed::new(&host, At::Task);
    let shop = &slow.shop;
    slow.killed(&[]);
    // Somebody's own command on the app is nobody's task.
    host.ssh("run:detached shop sleep 600");
    host.ssh("config:set --no-restart shop DEPLOY_RUN_ALIVE=2026-01-01T00:00:00Z");
    for arguments in [&["--yes"][..], &["--resume"], &["--abort"]] {
        let told = shop.fails(4, arguments);
        assert!(told.contains("still runs on the host"), "{told}");
        assert!(!told.contains("sign of life "), "{told}");
    }
    let ran = shop.deploy(&["--abort", "--yes"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("was stopped"), "{ran:?}");
    let left = host.ssh("run:list shop --format json");
    assert!(
        left.contains("sleep 600") && !left.contains("deploy-run-"),
        "{left}"
    );
    host.ssh("run:stop --app shop");
    assert_eq!(shop.newest_image(), "1");
    shop.is_tidy();
}

#[test]
fn an_expired_deploy_without_a_task_at_work_is_taken_over_without_a_question() {
    let host = TestHost::start();
    let slow = Delayed::new(&host, At::Task);
    let shop = &slow.shop;
    slow.killed(&[]);
    slow.task_ends();
    host.ssh("config:set --no-restart shop DEPLOY_RUN_ALIVE=2026-01-01T00:00:00Z");
    shop.deployed(&[]);
    assert_eq!(shop.answer().1, "2 -");
    shop.is_tidy();
}

#[test]
fn the_first_ctrl_c_asks_while_a_task_runs_and_the_second_kills_it() {
    let host = TestHost::start();
    let slow = Delayed::new(&host, At::Task);
    let shop = &slow.shop;
    let mut running = shop.deploy(&[]).start();
    slow.has_begun();
    running.signal_group(Signal::INT);
    running.await_stderr("a release task is running");
    running.signal_group(Signal::INT);
    let ran = running.finish();
    assert_eq!(ran.status, Some(130), "{ran:?}");
    assert!(
        ran.stderr.contains("was stopped in the release task"),
        "{ran:?}"
    );
    assert_eq!(shop.answer().1, "1 -");
    assert_eq!(shop.newest_image(), "1");
    shop.is_tidy();
}

#[test]
fn a_connection_lost_in_a_task_is_neither_success_nor_failure() {
    let host = TestHost::start();
    let slow = Delayed::new(&host, At::Task);
    let shop = &slow.shop;
    let running = shop.deploy(&[]).env("DOKKU_TIMEOUT", "4s").start();
    slow.has_begun();
    host.hang();
    let ran = running.finish();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(
        ran.stderr.contains("whether it did its work is not known"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("--abort"), "{ran:?}");
    host.heal();
    slow.task_ends();
    shop.deployed(&["--abort", "--yes"]);
    assert_eq!(shop.answer().1, "1 -");
    shop.is_tidy();
}

/// Without the plugin a run whose write stalls can push another one out that went on already. Then
/// Dokku refuses the second build, and neither is recorded; that exactly one goes on is the plugin's
/// (`plugin::journal`).
#[test]
fn of_deploys_that_begin_at_once_never_two_go_on() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    for round in 0..3 {
        let commit = shop.release(&format!("round {round}"));
        // The gate lets all of them begin before any of them is answered.
        host.close_gate();
        let before = host.counts().handshakes;
        let runs: Vec<_> = (0..3).map(|_| shop.deploy(&[]).start()).collect();
        await_until("three connections", || {
            host.counts().handshakes >= before + 3
        });
        host.open_gate();
        let ended: Vec<_> = runs.into_iter().map(Started::finish).collect();
        let gone_on = ended.iter().filter(|ran| ran.status == Some(0)).count();
        let refused = ended.iter().filter(|ran| ran.status == Some(4)).count();
        assert!(
            gone_on <= 1 && gone_on + refused == 3,
            "round {round}: {ended:?}"
        );
        if gone_on == 0 {
            shop.deployed(&[]);
        }
        assert_eq!(shop.variables()["RELEASE_SHA"], commit);
        assert_eq!(shop.answer().1, format!("round {round} -"));
        shop.is_tidy();
    }
}

#[test]
fn a_lock_set_between_the_check_and_the_push_is_honoured() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    shop.release("2");
    // As soon as the deploy writes its journal, somebody on the host locks the app.
    let once = host.home().join("once");
    std::fs::write(&once, "").unwrap();
    host.plugin(
        "incident",
        "post-config-update",
        &format!(
            "[ -e '{0}' ] || exit 0\nrm '{0}'\ndokku config:set --no-restart shop DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=incident\n",
            once.display()
        ),
    );
    let told = shop.fails(4, &["--var", "GREETING=hi"]);
    assert!(told.contains("shop is locked: incident"), "{told}");
    assert!(told.contains("Nothing was pushed."), "{told}");
    assert_eq!(shop.answer().1, "1 -");
    assert!(shop.variables().get("GREETING").is_none());
    shop.is_tidy();
}
