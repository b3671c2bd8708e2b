//! What the program does from elsewhere is in the host's audit log: each operation once, whatever
//! came of it.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustix::process::Signal;
use serde_json::Value;

use super::Guarded;
use crate::{backup::gate, deploy::Shop, support::await_until};

/// Entries that the program sent, oldest first.
pub fn recorded(host: &Guarded) -> Vec<Value> {
    host.audit()
        .into_iter()
        .filter(|entry| entry["event"] == "recorded")
        .map(|entry| {
            assert_eq!(entry["id"], entry["entry"]["id"]);
            assert_eq!(entry["source"], "deploy-system:record");
            entry["entry"].clone()
        })
        .collect()
}

/// Action and status of each.
fn summary(host: &Guarded) -> Vec<String> {
    recorded(host)
        .iter()
        .map(|entry| {
            let word = |key: &str| entry[key].as_str().unwrap().to_owned();
            format!("{} {}", word("action"), word("status"))
        })
        .collect()
}

#[test]
fn every_end_of_a_deploy_is_recorded_once() {
    let host = Guarded::start();
    let shop = Shop::new(&host.host);
    shop.deployed(&[]);
    let first = &recorded(&host)[0];
    assert_eq!(first["commit"]["message"], "Version 1");
    assert_eq!(
        (&first["app_name"], &first["environment"], &first["actor"]),
        (
            &"shop".into(),
            &"production".into(),
            &"ada@example.com".into()
        )
    );
    assert_eq!(first["metadata"]["release"], 1);
    assert_eq!(first["metadata"]["serving"], "the new version");

    shop.tasks(&[("migrate", "exit 3")]);
    shop.release("2");
    shop.fails(6, &[]);

    let begun = host.host.home().join("begun");
    let slow = format!("touch '{}'; exec sleep 600", begun.display());
    shop.tasks(&[("migrate", &slow)]);
    shop.release("3");
    let mut running = shop.deploy(&[]).start();
    await_until("the task", || begun.exists());
    running.signal_group(Signal::INT);
    running.await_stderr("a release task is running");
    running.signal_group(Signal::INT);
    assert_eq!(running.finish().status, Some(130));

    host.ok("deploy-system:lock shop maintenance");
    shop.fails(4, &[]);
    assert_eq!(
        summary(&host),
        [
            "deploy success",
            "deploy failure",
            "deploy cancelled",
            "deploy refused"
        ]
    );
    let all = recorded(&host);
    assert_eq!(all[1]["note"], "its command failed with status 3");
    assert_eq!(all[1]["metadata"]["files_changed"], 2);
    assert_eq!(
        all[1]["metadata"]["previous_sha"],
        all[0]["commit"]["sha_full"]
    );
    assert_eq!(all[1]["metadata"]["stage"], "the release task \"migrate\"");
    assert!(
        all[3]["note"].as_str().unwrap().contains("maintenance"),
        "{}",
        all[3]
    );

    // A plan is no operation, and neither is a mistake on the command line.
    host.ok("deploy-system:unlock shop");
    shop.deploy(&["--dry-run"]).run();
    shop.fails(3, &["--var", "=x"]);
    assert_eq!(summary(&host).len(), 4);
    let shown = |words: &[&str]| -> Vec<String> {
        let words: Vec<&str> = ["audit", "--json"].iter().chain(words).copied().collect();
        let ran = host.host.cli(&words).run();
        assert_eq!(ran.status, Some(0), "{ran:?}");
        let read: Value = serde_json::from_str(&ran.stdout).unwrap();
        let entries = read["entries"].as_array().unwrap().iter();
        entries
            .map(|entry| format!("{} {}", entry["action"], entry["status"]).replace('"', ""))
            .collect()
    };
    assert_eq!(
        shown(&["--app", "shop", "--action", "deploy"]),
        [
            "deploy refused",
            "deploy cancelled",
            "deploy failure",
            "deploy success"
        ]
    );
    assert_eq!(
        shown(&["--limit", "2"]),
        ["unlock success", "deploy refused"]
    );
    assert_eq!(shown(&["--actor", "nobody"]), Vec::<String>::new());
    assert_eq!(shown(&["--since", "2999-01-01"]), Vec::<String>::new());
    assert!(shown(&["--since", "1d"]).len() > 6);
    let told = host.host.cli(&["audit", "--action", "lock"]).run();
    assert!(
        told.stdout.contains("lock") && told.stdout.contains("maintenance"),
        "{told:?}"
    );
    let verified = host
        .host
        .cli(&["audit", "verify", &host.data().display().to_string()])
        .run();
    assert_eq!(verified.status, Some(0), "{verified:?}");
}

#[test]
fn variables_are_named_and_their_values_never_told() {
    let host = Guarded::start();
    host.ok("apps:create shop");
    let run = |words: &[&str]| host.host.cli(words).run().status;
    assert_eq!(
        run(&["config:set", "shop", "TOKEN=hunter2", "B=1"]),
        Some(0)
    );
    assert_eq!(run(&["config:unset", "shop", "B"]), Some(0));
    assert_eq!(run(&["config:set", "none", "A=1"]), Some(5));
    assert_eq!(
        summary(&host),
        [
            "config-set success",
            "config-unset success",
            "config-set failure"
        ]
    );
    assert_eq!(
        recorded(&host)[0]["metadata"]["keys"],
        serde_json::json!(["B", "TOKEN"])
    );
    let log = fs::read_to_string(host.data().join("audit.jsonl")).unwrap();
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn a_lock_is_recorded_by_the_host_alone_under_the_id_that_the_program_gave() {
    let host = Guarded::start();
    host.ok("apps:create shop");
    let run = |words: &[&str]| host.host.cli(words).run().status;
    assert_eq!(run(&["lock", "shop", "a reason", "--by", "ada"]), Some(0));
    assert_eq!(run(&["lock", "shop", "another", "--by", "bob"]), Some(4));
    assert_eq!(run(&["unlock", "shop", "--by", "ada"]), Some(0));
    assert_eq!(run(&["unlock", "shop", "--by", "ada"]), Some(0));
    let events: Vec<String> = host
        .audit()
        .iter()
        .map(|entry| entry["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(events, ["lock", "recorded", "unlock"]);
    assert_eq!(summary(&host), ["lock refused"]);
    for entry in host.audit() {
        assert!(
            entry["id"].as_str().unwrap().starts_with("audit-"),
            "{entry}"
        );
    }
}

#[test]
fn an_entry_that_is_sent_again_is_there_once_and_what_is_none_is_refused() {
    let host = Guarded::start();
    let hostile = "a\u{1b}[2J \"q\" \u{202e} \n{\"event\":\"unlock\"}\n";
    let entry = serde_json::json!({"entry": {
        "id": "audit-1795435200-00ab12", "timestamp": "2026-11-23T12:00:00Z", "action": "backup",
        "app_name": "shop", "status": "failure", "note": hostile,
    }});
    let send = |word: &[u8]| host.ssh_with("deploy-system:record --protocol 1 --format json", word);
    let told = |json: &[u8]| -> Value {
        let said = send(STANDARD.encode(json).as_bytes());
        serde_json::from_str(&said.text).unwrap_or_else(|_| panic!("{said:?}"))
    };
    let first = told(entry.to_string().as_bytes());
    assert_eq!(first["result"]["is_new"], true, "{first}");
    host.ok("apps:create shop");
    host.ok("deploy-system:lock shop r");
    let second = told(entry.to_string().as_bytes());
    assert_eq!(second["result"]["is_new"], false);
    assert_eq!(second["result"]["hash"], first["result"]["hash"]);
    assert_eq!(recorded(&host).len(), 1);
    assert_eq!(recorded(&host)[0]["note"], hostile);

    let large = entry.to_string().replace("backup", &"x".repeat(80_000));
    let no_id = entry.to_string().replace("audit-1795435200-00ab12", "../x");
    for bad in [large.as_str(), &no_id, "", "[]", "{\"entry\":{}}", "\u{0}"] {
        let answer = told(bad.as_bytes());
        assert_eq!(answer["error"]["kind"], "invalid", "{answer}");
    }
    assert_eq!(send(b"{}").code, 2);
    assert_eq!(host.audit().len(), 2);
}

#[test]
fn what_changes_an_app_is_recorded_whatever_came_of_it() {
    let host = Guarded::start();
    host.ok("apps:create shop");
    let mut expected = Vec::new();
    for (words, action, change) in [
        (
            &["scale", "shop", "web=2", "worker=1"][..],
            "scale",
            "web=2 worker=1",
        ),
        (&["restart", "shop"], "scale", "restart"),
        (&["stop", "shop"], "scale", "stop"),
        (&["start", "none"], "scale", "start"),
        (
            &["domains", "shop", "add", "a.b", "c.d"],
            "domains",
            "add a.b c.d",
        ),
        (
            &["domains", "shop", "remove", "a.b"],
            "domains",
            "remove a.b",
        ),
        (&["ssl", "shop", "enable"], "ssl", "enable"),
        (&["ssl", "shop", "disable"], "ssl", "disable"),
    ] {
        let ran = host.host.cli(words).run();
        let status = if ran.status == Some(0) {
            "success"
        } else {
            "failure"
        };
        expected.push([action, change, status].map(str::to_owned));
    }
    // Looking and mistakes change nothing.
    for words in [
        &["scale", "shop"][..],
        &["domains", "shop"],
        &["scale", "shop", "web=x"],
    ] {
        host.host.cli(words).run();
    }
    let told: Vec<[String; 3]> = recorded(&host)
        .iter()
        .map(|entry| {
            let words = [
                &entry["action"],
                &entry["metadata"]["change"],
                &entry["status"],
            ];
            words.map(|word| word.as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(told, expected);
    assert_eq!(told[0][2], "success");
    assert_eq!(told[3][2], "failure");
}

#[test]
fn a_deploy_that_the_gate_refuses_is_one_entry_with_all_that_the_program_knows() {
    let host = Guarded::start();
    let shop = Shop::new(&host.host);
    shop.deployed(&[]);
    shop.release("2");
    // The lock comes after the program's own last look.
    let waits = gate(&host.host, "git-receive-pack");
    let running = shop.deploy(&[]).start();
    waits();
    host.ok("deploy-system:lock shop too late for the look");
    host.host.open_gate();
    let ran = running.finish();
    assert_ne!(ran.status, Some(0), "{ran:?}");
    let denied: Vec<Value> = host
        .audit()
        .into_iter()
        .filter(|line| line["event"] == "denied")
        .collect();
    assert_eq!(denied.len(), 1, "{denied:?}");
    let told = host
        .host
        .cli(&["audit", "--action", "deploy", "--json"])
        .run();
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    let entries = told["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "{told}");
    assert_eq!(entries[0]["id"], denied[0]["id"]);
    assert_eq!(entries[0]["commit"]["message"], "Version 2");
}
