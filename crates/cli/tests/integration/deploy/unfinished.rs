//! Deploys that were killed, interrupted or overtaken.

use rustix::process::Signal;

use super::Shop;
use crate::support::{TestHost, await_until};

/// Version 1 serves; version 2 has a task that waits for a file to vanish.
struct Slow<'a> {
    shop: Shop<'a>,
    begun: std::path::PathBuf,
    go: std::path::PathBuf,
}

impl<'a> Slow<'a> {
    fn new(host: &'a TestHost) -> Self {
        let shop = Shop::new(host);
        shop.deployed(&[]);
        let (begun, go) = (host.home().join("begun"), host.home().join("go"));
        shop.tasks(&[(
            "wait",
            &format!(
                "touch '{}'; while [ ! -e '{}' ]; do sleep 0.05; done",
                begun.display(),
                go.display()
            ),
        )]);
        shop.release("2");
        Self { shop, begun, go }
    }

    fn has_begun(&self) {
        await_until("the task", || self.begun.exists());
    }

    fn let_go(&self) {
        std::fs::write(&self.go, "").unwrap();
    }
}

#[test]
fn a_second_deploy_is_refused_with_who_and_how_far() {
    let host = TestHost::start();
    let slow = Slow::new(&host);
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
    let slow = Slow::new(&host);
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
        let slow = Slow::new(&host);
        let shop = &slow.shop;
        let killed = shop.deploy(&["--var", "GREETING=hi"]).start();
        slow.has_begun();
        rustix::process::kill_process(killed.pid(), Signal::KILL).unwrap();
        drop(killed.finish());
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
        slow.let_go();
        await_until("the end of the left task", || {
            host.ssh("run:list shop --format json").trim() == "[]"
        });
        shop.deployed(&[way]);
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
fn the_first_ctrl_c_asks_while_a_task_runs_and_the_second_kills_it() {
    let host = TestHost::start();
    let slow = Slow::new(&host);
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
    let slow = Slow::new(&host);
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
    slow.let_go();
    await_until("the end of the left task", || {
        host.ssh("run:list shop --format json").trim() == "[]"
    });
    shop.deployed(&["--abort"]);
    assert_eq!(shop.answer().1, "1 -");
    shop.is_tidy();
}

#[test]
fn of_deploys_that_begin_at_once_exactly_one_goes_on() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    for round in 0..3 {
        let commit = shop.commit(&format!("Round {round}"));
        // The gate lets all of them begin before any of them is answered.
        host.close_gate();
        let runs: Vec<_> = (0..3).map(|_| shop.deploy(&[]).start()).collect();
        await_until("three connections", || host.counts().handshakes >= 3);
        host.open_gate();
        let mut codes: Vec<_> = runs.into_iter().map(|run| run.finish().status).collect();
        codes.sort_unstable();
        assert_eq!(codes, [Some(0), Some(4), Some(4)], "round {round}");
        assert_eq!(shop.variables()["RELEASE_SHA"], commit);
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
