//! What was killed ends in exactly one entry too, written by whoever deals with what it left.

use std::fs;

use rustix::process::{Signal, kill_process};
use serde_json::Value;

use super::{Guarded, record::recorded};
use crate::{
    backup::gate,
    deploy::{At, Delayed, Shop},
    support::{Receiver, await_until},
};

/// Action, status and whose it is, of each entry; none may share its id.
fn entries(host: &Guarded) -> Vec<String> {
    let all = recorded(host);
    let mut ids: Vec<&str> = all.iter().map(|one| one["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all.len(), "{all:?}");
    let word = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    all.iter()
        .map(|one| format!("{} {}", word(one, "action"), word(one, "status")))
        .collect()
}

#[test]
fn a_deploy_that_is_killed_is_recorded_by_whoever_settles_it() {
    for (at, way, expected) in [
        (
            At::Task,
            "--abort",
            ["deploy cancelled", "deploy-abort success"],
        ),
        (At::Build, "--resume", ["deploy unknown", "deploy success"]),
    ] {
        let host = Guarded::start();
        let slow = Delayed::new(&host.host, at);
        let shop = &slow.shop;
        slow.killed(&[]);
        let killed = shop.variables()["DEPLOY_RUN_ENTRY"].clone();
        assert_eq!(entries(&host), ["deploy success"], "nobody has settled it");
        if at == At::Task {
            slow.task_ends();
        } else {
            slow.let_go();
            await_until("version 2", || shop.answer().1 == "2 -");
        }
        let receiver = Receiver::answering("200 OK");
        await_until("the host to be free", || {
            let run = shop
                .deploy(&[way, "--yes"])
                .env("SLACK_WEBHOOK_URL", receiver.url("slack"));
            run.run().status == Some(0)
        });
        let told = entries(&host);
        assert_eq!(told[1], expected[0], "{told:?}");
        assert_eq!(told.last().unwrap(), expected[1], "{told:?}");
        let entry = &recorded(&host)[1];
        assert_eq!(
            format!(
                "{} {}",
                entry["action"].as_str().unwrap(),
                entry["id"].as_str().unwrap()
            ),
            killed.as_str().unwrap()
        );
        assert_eq!(entry["commit"]["message"], "Version 2");
        let note = entry["note"].as_str().unwrap();
        assert!(note.contains("ended without a word"), "{note}");
        let of_killed = receiver
            .got()
            .iter()
            .filter(|one| one.body.contains("ended without a word"))
            .count();
        assert_eq!(of_killed, 1, "{:?}", receiver.got());
        shop.is_tidy();
    }
}

#[test]
fn runs_that_are_killed_while_they_settle_others_are_recorded_once_each() {
    let host = Guarded::start();
    let slow = Delayed::new(&host.host, At::Task);
    let shop = &slow.shop;
    slow.killed(&[]);
    slow.task_ends();
    // The next takes it over and is killed in the same task, before it has recorded anything.
    slow.hold();
    let next = shop.deploy(&["--resume", "--yes"]).start();
    slow.has_begun();
    kill_process(next.pid(), Signal::KILL).unwrap();
    next.finish();
    slow.task_ends();
    shop.deployed(&["--abort", "--yes"]);
    assert_eq!(
        entries(&host),
        [
            "deploy success",
            "deploy cancelled",
            "deploy cancelled",
            "deploy-abort success"
        ]
    );
    shop.deployed(&["--abort", "--yes"]);
    assert_eq!(entries(&host).len(), 4, "there was nothing to settle");
}

#[test]
fn two_who_settle_write_one_entry_and_so_does_the_killed_one_that_lives() {
    let host = Guarded::start();
    let slow = Delayed::new(&host.host, At::Task);
    let shop = &slow.shop;
    // Its journal is taken from it while it lives: it writes of itself, and so do the others.
    let first = shop.deploy(&[]).start();
    slow.has_begun();
    let settlers = [(); 2].map(|()| shop.deploy(&["--abort", "--yes"]).start());
    let ended = settlers.map(|settler| settler.finish().status);
    assert!(ended.contains(&Some(0)), "{ended:?}");
    assert_eq!(first.finish().status, Some(6));
    let told = entries(&host);
    let deploys = told.iter().filter(|one| one.starts_with("deploy ")).count();
    assert_eq!(deploys, 2, "{told:?}");
    shop.is_tidy();
}

#[test]
fn an_app_that_is_destroyed_takes_no_unrecorded_deploy_along() {
    let host = Guarded::start();
    let slow = Delayed::new(&host.host, At::Task);
    slow.killed(&[]);
    slow.task_ends();
    host.ok("config:set --no-restart shop DEPLOY_RUN_ALIVE=2026-01-01T00:00:00Z");
    let ran = host
        .host
        .cli(&["destroy", "shop", "--confirm", "shop"])
        .run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(
        entries(&host),
        ["deploy success", "deploy unknown", "destroy success"]
    );
}

#[test]
fn a_connection_that_is_lost_leaves_the_entry_to_whoever_comes_next() {
    let host = Guarded::start();
    let slow = Delayed::new(&host.host, At::Task);
    let shop = &slow.shop;
    let running = shop.deploy(&[]).env("DOKKU_TIMEOUT", "4s").start();
    slow.has_begun();
    host.host.hang();
    let ran = running.finish();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    host.host.heal();
    slow.task_ends();
    // Somebody elsewhere puts it back.
    let elsewhere = host.host.home().join("elsewhere");
    let ran = shop
        .deploy(&["--abort", "--yes"])
        .env("XDG_STATE_HOME", elsewhere)
        .run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let settled = ["deploy success", "deploy cancelled", "deploy-abort success"];
    assert_eq!(entries(&host), settled);
    // What waits on the first machine is sent, and known.
    let ran = host.host.cli(&["config:set", "shop", "A=1"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(entries(&host)[..3], settled);
    assert_eq!(entries(&host).len(), 4);
}

#[test]
fn a_deploy_that_is_stopped_at_whatever_moment_ends_in_one_entry() {
    let host = Guarded::start();
    let shop = Shop::new(&host.host);
    shop.deployed(&[]);
    // While it looks, takes its journal, pushes, and proves what serves.
    let moments = [
        "config:export",
        "deploy-system:journal",
        "git-receive-pack",
        "ps:inspect",
    ];
    for (number, verb) in moments.into_iter().enumerate() {
        shop.release(&format!("stopped {number}"));
        let before = entries(&host).len();
        let _left = fs::remove_file(host.host.home().join("waiting"));
        let waits = gate(&host.host, verb);
        let mut running = shop.deploy(&[]).start();
        waits();
        running.signal_group(Signal::INT);
        // A question is let end; a push is asked about.
        if verb == "git-receive-pack" {
            running.await_stderr("Dokku");
            running.signal_group(Signal::INT);
        }
        host.host.open_gate();
        let ran = running.finish();
        assert_eq!(ran.status, Some(130), "{verb}: {ran:?}");
        assert_eq!(
            entries(&host)[before..],
            ["deploy cancelled"],
            "{verb}: {ran:?}"
        );
        // What it left, if anything, is put back, and the deploy is not recorded again.
        await_until("the host to be free", || {
            shop.deploy(&["--abort", "--yes"]).run().status == Some(0)
        });
        let after = entries(&host);
        let again = after[before..]
            .iter()
            .filter(|one| one.starts_with("deploy "));
        assert_eq!(again.count(), 1, "{verb}: {after:?}");
        shop.is_tidy();
    }
}

#[test]
fn a_rollback_that_is_stopped_or_killed_ends_in_one_entry_too() {
    let host = Guarded::start();
    let shop = Shop::new(&host.host);
    shop.deployed(&[]);
    shop.release("2");
    shop.deployed(&[]);
    let before = entries(&host).len();
    let roll_back = || {
        let words = ["rollback", "shop", "previous", "--yes", "--without-backup"];
        let _left = fs::remove_file(host.host.home().join("waiting"));
        let waits = gate(&host.host, "deploy-system:rollback-image");
        let running = host.host.cli(&words).directory(shop.top()).start();
        waits();
        running
    };
    let running = roll_back();
    running.signal_group(Signal::INT);
    host.host.open_gate();
    let ran = running.finish();
    let told = entries(&host);
    assert_eq!(told.len(), before + 1, "{told:?} {ran:?}");
    assert!(told[before].starts_with("rollback "), "{told:?}");
    await_until("the host to be free", || {
        shop.deploy(&["--abort", "--yes"]).run().status == Some(0)
    });
    shop.deployed(&[]);

    let before = entries(&host).len();
    let running = roll_back();
    kill_process(running.pid(), Signal::KILL).unwrap();
    running.finish();
    host.host.open_gate();
    await_until("the host to be free", || {
        shop.deploy(&["--abort", "--yes"]).run().status == Some(0)
    });
    let told = entries(&host);
    let of_rollback = told[before..]
        .iter()
        .filter(|one| one.starts_with("rollback "));
    assert_eq!(of_rollback.count(), 1, "{told:?}");
    shop.is_tidy();
}
