//! What `lock`, `unlock` and `locks` say and store.

use std::io::{Read, Write};

use super::{BY, json, locked, state, unlocked, variables};
use crate::support::TestHost;

const UNENFORCED: &str = "ℹ HOST does not enforce locks: dokku-cli heeds them, a plain `git push` does not (docs/locks.md)\n";

#[test]
fn a_lock_is_set_told_and_removed_without_a_restart() {
    let host = TestHost::start();
    host.create_app("shop");
    host.cli(&["lock", "shop", "fix the db", BY[0], BY[1]]).prints(
        "",
        &format!(
            "⚠ Locking shop...\n✓ Locked! Deployments are now blocked.\n  Reason: fix the db\n{UNENFORCED}"
        ),
    );
    let changes: Vec<String> = host
        .counts()
        .commands
        .into_iter()
        .filter(|line| line.contains("config:import") || line.contains("config:set"))
        .collect();
    assert_eq!(
        changes,
        ["--quiet config:import --no-restart --format json shop -"]
    );
    let stored = variables(&host, "shop");
    assert_eq!(stored["DEPLOY_LOCKED"], "true");
    assert_eq!(stored["DEPLOY_LOCK_REASON"], "fix the db");
    assert_eq!(stored["DEPLOY_LOCK_BY"], "ada");
    let at = stored["DEPLOY_LOCK_AT"].as_str().unwrap();
    assert!(
        at.len() == 20 && at.ends_with('Z') && at.parse::<jiff::Timestamp>().is_ok(),
        "{at}"
    );
    host.cli(&["lock:status", "shop"]).ends(
        4,
        &format!("LOCKED - Deployments are blocked\n\n  Reason:    fix the db\n  Locked by: ada\n  Locked at: {at}\n"),
        "\nLock Status: shop\n\n",
    );
    host.cli(&["unlock", "shop", BY[0], BY[1]]).prints(
        "",
        "ℹ Unlocking shop...\n✓ Unlocked! Deployments are now allowed.\n  Previously locked by: ada\n  Reason was: fix the db\n",
    );
    assert_eq!(variables(&host, "shop"), serde_json::json!({}));
    host.cli(&["unlock", "shop"])
        .prints("", "ℹ shop is not locked\n");
    host.cli(&["lock", "status", "shop"]).prints(
        "UNLOCKED - Deployments are allowed\n",
        "\nLock Status: shop\n\n",
    );
}

#[test]
fn any_text_is_a_reason_and_is_shown_as_text() {
    let host = TestHost::start();
    host.create_app("shop");
    let longest = "é".repeat(2048);
    for reason in [
        "it's \"quoted\" $HOME `id` ; rm -rf /",
        "please --force --app other --quiet -n this",
        "x APP_ENV=hacked",
        "ends with a backslash \\",
        "ends with a quote \"",
        "007",
        "🚧 <!channel> *bold*",
        "two\nlines\n::error::x",
        "\u{1b}[2J\u{1b}]0;title\u{7} \u{202e}",
        &longest,
    ] {
        let test = host.cli(&["lock", "shop", reason, BY[0], BY[1]]);
        let ran = test.run();
        assert_eq!(ran.status, Some(0), "{ran:?}");
        let is_shown = |text: &str| !text.contains(['\u{1b}', '\u{7}', '\u{202e}']);
        assert!(is_shown(&ran.stderr), "{ran:?}");
        let (code, status) = json(&host.cli(&["lock:status", "shop", "--json"]));
        assert_eq!((code, status["lock"]["reason"].as_str()), (4, Some(reason)));
        let told = host.cli(&["lock:status", "shop"]).run();
        assert!(is_shown(&told.stdout), "{told:?}");
        assert!(
            !told
                .stdout
                .lines()
                .any(|line| line.trim_start().starts_with("::")),
            "{told:?}"
        );
        let old = variables(&host, "shop");
        let old = old["DEPLOY_LOCK_REASON"].as_str().unwrap();
        assert!(old.starts_with(reason) && old.chars().count() <= reason.chars().count() + 1);
        assert_eq!(variables(&host, "shop").get("APP_ENV"), None);
        host.cli(&["-q", "unlock", "shop", BY[0], BY[1]])
            .prints("", "");
    }
}

#[test]
fn what_is_refused_changes_nothing() {
    let host = TestHost::start();
    host.create_app("shop");
    let long = "x".repeat(4097);
    for (words, why) in [
        (&["lock", "shop", &long][..], "4097 bytes"),
        (
            &["lock", "shop", "r", "--until", "2020-01-01T00:00:00Z"],
            "is past",
        ),
        (&["lock", "shop", "r", "--until", "soon"], "is no time"),
        (&["lock", "shop", "r", "--for", "0"], "longer than nothing"),
        (
            &["lock", "shop", "r", "--for", "1h", "--until", "18:00"],
            "cannot be used with",
        ),
        (&["lock", "My App", "r"], "not an app name"),
        (&["lock", "--all"], "needs a reason"),
        (&["lock", "shop", "r", "--by", " "], "--by names a person"),
    ] {
        let ran = host.cli(words).run();
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(why), "{why}: {ran:?}");
    }
    assert_eq!(host.counts().connections, 0);
    assert_eq!(variables(&host, "shop"), serde_json::json!({}));
}

#[test]
fn a_reason_alone_is_for_the_app_of_the_repository() {
    let host = TestHost::start();
    host.create_app("shop");
    let shop = crate::deploy::Shop::new(&host);
    let ran = host
        .cli(&["lock", "fix the db"])
        .directory(shop.top())
        .run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let stored = variables(&host, "shop");
    assert_eq!(stored["DEPLOY_LOCK_REASON"], "fix the db");
    assert_eq!(stored["DEPLOY_LOCK_BY"], "ada@example.com");
    let (code, status) = json(
        &host
            .cli(&["lock", "status", "--json"])
            .directory(shop.top()),
    );
    assert_eq!((code, status["app"].as_str()), (4, Some("shop")));
}

#[test]
fn replacing_tells_whose_lock_it_was() {
    let host = TestHost::start();
    host.create_app("shop");
    host.cli(&["-q", "lock", "shop", "first", "--by", "bob"])
        .prints("", "");
    let (code, refused) = json(&host.cli(&["lock", "shop", "second", "--json", "--by", "ada"]));
    assert_eq!((code, refused["outcome"].as_str()), (4, Some("held")));
    assert_eq!(refused["lock"]["by"], "bob");
    let (code, taken) = json(&host.cli(&[
        "lock",
        "shop",
        "second",
        "--replace",
        "--json",
        "--by",
        "ada",
    ]));
    assert_eq!((code, taken["outcome"].as_str()), (0, Some("taken")));
    assert_eq!(taken["replaced"]["by"], "bob");
    assert_eq!(taken["is_enforced"], false);
    assert_eq!(variables(&host, "shop")["DEPLOY_LOCK_BY"], "ada");
    // Without `--by`, in CI: whichever variable tells that it is one.
    for (name, value, is_person) in [
        ("GITHUB_ACTIONS", "true", true),
        ("CI", "true", true),
        ("CI", "false", false),
    ] {
        let again = host.cli(&["lock", "shop", "third", "--replace", "--json"]);
        let (code, taken) = json(&again.env("GITHUB_ACTOR", "octocat").env(name, value));
        assert_eq!(code, 0, "{taken}");
        let is_octocat = taken["lock"]["by"] == "octocat";
        assert_eq!(is_octocat, is_person, "{name}={value}: {taken}");
    }
    let usage = host
        .cli(&["lock", "shop", "x", "--wait", "1s", "--replace"])
        .run();
    assert!(
        usage
            .stderr
            .contains("Usage: dokku-cli lock [OPTIONS] [APP] [REASON]...\n"),
        "{usage:?}"
    );
}

#[test]
fn an_expired_lock_says_so_and_no_longer_blocks() {
    let host = TestHost::start();
    host.create_app("shop");
    let ran = host
        .cli(&["lock", "shop", "short", "--for", "5s", BY[0], BY[1]])
        .run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("  Ends at: "), "{ran:?}");
    // The next to lock waits for its end.
    let mut waiting = host
        .cli(&["lock", "shop", "next", "--wait", "30s", "--by", "bob"])
        .start();
    waiting.await_stderr("waiting for it");
    crate::support::await_until("the end", || state(&host, "shop").1 != "locked");
    let (code, status) = json(&host.cli(&["lock:status", "shop", "--json"]));
    let lock = status["lock"]["state"].as_str();
    if lock == Some("expired") {
        assert_eq!((code, status["is_blocked"].as_bool()), (0, Some(false)));
        let told = host.cli(&["lock:status", "shop"]).run();
        assert!(
            told.stdout.contains("expired") || told.status == Some(4),
            "{told:?}"
        );
    }
    let ran = waiting.finish();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("had expired"), "{ran:?}");
    assert_eq!(variables(&host, "shop")["DEPLOY_LOCK_BY"], "bob");
}

#[test]
fn somebody_elses_lock_is_asked_about_on_a_terminal_only() {
    let host = TestHost::start();
    host.create_app("shop");
    let lock = || {
        host.cli(&["-q", "lock", "shop", "theirs", "--by", "bob"])
            .prints("", "");
    };
    lock();
    let test = host.cli(&["unlock", "shop", "--by", "ada"]);
    // The third is Ctrl-C, which nothing has to follow.
    for (key, code, left) in [
        ("n\n", 4, locked()),
        ("\u{4}", 4, locked()),
        ("\u{3}", 130, locked()),
        ("y\n", 0, unlocked()),
    ] {
        let mut child = test.on_a_terminal().spawn().unwrap();
        let mut shown = String::new();
        let mut buffer = [0; 4096];
        while !shown.contains("Unlock? (y/N)") {
            let read = child.stdout.as_mut().unwrap().read(&mut buffer).unwrap();
            assert!(read > 0, "{shown}");
            shown.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        assert!(shown.contains("by bob"), "{shown}");
        child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(key.as_bytes())
            .unwrap();
        let ended = child.wait().unwrap().code();
        assert_eq!((ended, state(&host, "shop")), (Some(code), left), "{key:?}");
    }
    lock();
    let ran = test.run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr.starts_with("⚠ shop was locked by bob since "),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("Previously locked by: bob"), "{ran:?}");
}

#[test]
fn the_state_takes_one_connection_and_one_round_trip() {
    let host = TestHost::start();
    host.create_app("shop");
    host.create_app("shop-pr-7");
    let status = || host.cli(&["-q", "lock:status", "shop-pr-7"]).run();
    assert_eq!(status().status, Some(0));
    let counts = host.counts();
    assert_eq!(
        (counts.connections, counts.commands.len()),
        (1, 2),
        "{counts:?}"
    );
    host.cli(&["-q", "lock", "shop", "r"]).prints("", "");
    let ran = status();
    assert_eq!(ran.status, Some(4), "{ran:?}");
    assert!(
        ran.stdout.contains("The base app shop is locked."),
        "{ran:?}"
    );
}
