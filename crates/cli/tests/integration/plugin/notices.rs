//! What the host itself tells: of what no program sees, once, and without anybody waiting for it.

use std::{fs, os::unix::fs::PermissionsExt, time::Instant};

use serde_json::Value;

use super::Guarded;
use crate::{
    deploy::Shop,
    support::{Receiver, await_until},
};

/// A host that tells `receiver`.
fn telling(receiver: &Receiver) -> Guarded {
    let host = Guarded::start();
    host.ok("apps:create shop");
    let ran = host
        .host
        .cli(&["server", "notify", "set", "--from-env"])
        .env("SLACK_WEBHOOK_URL", receiver.url("slack"))
        .run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(ran.stdout, "SLACK_WEBHOOK_URL is set\n");
    host
}

fn nothing_waits(host: &Guarded) {
    await_until("nothing to wait", || {
        let files = fs::read_dir(host.data().join("notices"));
        files
            .into_iter()
            .flatten()
            .filter(|file| file.as_ref().unwrap().path().extension().is_some())
            .count()
            == 0
    });
}

#[test]
fn the_host_tells_of_what_no_program_sees_and_of_nothing_twice() {
    let receiver = Receiver::answering("200 OK");
    let host = telling(&receiver);
    let file = host.data().join("notify.json");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );

    host.ok("config:set --no-restart shop DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=maintenance");
    let got = receiver.await_count(1);
    assert!(
        got[0].body.contains("App Locked: shop") && got[0].body.contains("maintenance"),
        "{got:?}"
    );
    host.commit();
    assert_eq!(host.push("shop").code, 1);
    let got = receiver.await_count(2);
    assert!(got[1].body.contains("Deployment refused"), "{got:?}");
    host.ok("config:unset --no-restart shop DEPLOY_LOCKED");
    let got = receiver.await_count(3);
    assert!(got[2].body.contains("App Unlocked: shop"), "{got:?}");

    // Who tells people by itself is not told after.
    let other = Receiver::answering("200 OK");
    let lock = |words: &[&str], tells: bool| {
        let mut test = host.host.cli(words);
        if tells {
            test = test.env("SLACK_WEBHOOK_URL", other.url("own"));
        }
        let ran = test.run();
        assert_eq!(ran.status, Some(0), "{ran:?}");
    };
    lock(&["lock", "shop", "by a program that tells"], true);
    assert_eq!(other.got().len(), 1);
    // Who does not leaves it to the host.
    lock(&["unlock", "shop"], false);
    let got = receiver.await_count(4);
    assert!(got[3].body.contains("App Unlocked: shop"), "{got:?}");
    // A deploy that passes is no news.
    host.push("shop");
    nothing_waits(&host);
    assert_eq!(receiver.got().len(), 4);

    let shown = host.host.cli(&["server", "notify", "show", "--json"]).run();
    let state: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(
        state["state"]["variables"],
        serde_json::json!(["SLACK_WEBHOOK_URL"])
    );
    assert!(!shown.stdout.contains("hunter"), "{shown:?}");
    let ran = host.host.cli(&["server", "notify", "unset", "--all"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(!file.exists());
    host.ok("deploy-system:lock shop nobody hears of this");
    nothing_waits(&host);
    assert_eq!(receiver.got().len(), 4);
}

#[test]
fn the_host_tells_of_a_restore_and_of_deploys_and_not_of_what_they_do_on_the_way() {
    let receiver = Receiver::answering("200 OK");
    let host = telling(&receiver);
    host.ok("redis:create cache");
    host.ok("redis:link cache shop --no-restart");
    let run = |words: &[&str]| {
        let ran = host.host.cli(words).run();
        assert_eq!(ran.status, Some(0), "{words:?}: {ran:?}");
    };
    run(&["db", "shop", "backup"]);
    nothing_waits(&host);
    assert_eq!(receiver.got().len(), 0, "a good backup is no news");
    run(&["db", "shop", "restore", "latest", "--yes"]);
    let got = receiver.await_count(1);
    assert!(got[0].body.contains("Database Restored"), "{got:?}");
    nothing_waits(&host);
    assert_eq!(receiver.got().len(), 1, "its lock is no news");
    let events: Vec<String> = host
        .audit()
        .iter()
        .map(|entry| entry["event"].as_str().unwrap().to_owned())
        .collect();
    // The lock is in the log all the same.
    assert_eq!(events[2..], ["lock", "unlock", "recorded"], "{events:?}");

    let shop = Shop::new(&host.host);
    shop.deployed(&["--yes"]);
    shop.release("2");
    shop.deployed(&[]);
    run(&["rollback", "shop", "--yes", "--without-backup"]);
    let got = receiver.await_count(4);
    nothing_waits(&host);
    assert_eq!(receiver.got().len(), 4, "{:?}", receiver.got());
    assert!(got[1].body.contains("Deployed successfully"), "{got:?}");
    assert!(got[3].body.contains("Rollback Successful"), "{got:?}");
}

#[test]
fn what_could_not_be_sent_waits_for_the_next_time_and_nobody_waits_for_it() {
    let host = {
        let gone = Receiver::answering("404 Not Found");
        let host = telling(&gone);
        let begun = Instant::now();
        host.ok("deploy-system:lock shop first");
        let took = begun.elapsed();
        eprintln!("a lock that is told of took {took:?}");
        gone.await_count(1);
        host
    };
    let waiting = || {
        let shown = host.host.cli(&["server", "notify", "show", "--json"]).run();
        let state: Value = serde_json::from_str(&shown.stdout).unwrap();
        state["state"]["waiting"].clone()
    };
    await_until("the first try to end", || {
        let files = fs::read_dir(host.data().join("notices")).unwrap();
        files
            .filter_map(|file| fs::read_to_string(file.unwrap().path()).ok())
            .any(|text| text.contains("\"tries\":1"))
    });
    assert_eq!(waiting(), 1);
    let receiver = Receiver::answering("200 OK");
    let line = format!("SLACK_WEBHOOK_URL={}\n", receiver.url("slack"));
    let mut set = host.host.cli(&["server", "notify", "set"]).command();
    let mut child = set.stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), line.as_bytes()).unwrap();
    let set = child.wait_with_output().unwrap();
    assert!(set.status.success(), "{set:?}");
    host.ok("deploy-system:unlock shop");
    let got = receiver.await_count(2);
    assert!(
        got[0].body.contains("App Locked") && got[1].body.contains("App Unlocked"),
        "{got:?}"
    );
    nothing_waits(&host);
}

#[test]
fn what_cannot_be_used_is_refused_and_not_repeated() {
    let host = Guarded::start();
    for (name, value, why) in [
        (
            "SLACK_WEBHOOK_URL",
            "hunter2",
            "SLACK_WEBHOOK_URL is not usable",
        ),
        ("DD_API_KEY", "hunter2 hunter3", "DD_API_KEY is not usable"),
    ] {
        let ran = host
            .host
            .cli(&["server", "notify", "set", "--from-env"])
            .env(name, value)
            .run();
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(
            ran.stderr.contains(why) && !ran.stderr.contains("hunter"),
            "{ran:?}"
        );
    }
    assert!(!host.data().join("notify.json").exists());
    let rules = host.host.home().join("rules.yml");
    fs::write(&rules, "notifications: {slack: {events: [lok]}}\n").unwrap();
    let ran = host
        .host
        .cli(&[
            "server",
            "notify",
            "set",
            "--from-env",
            "--rules",
            rules.to_str().unwrap(),
        ])
        .run();
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("did you mean `lock`?"), "{ran:?}");
}
