//! Each operation that changes a host ends in exactly one entry, whatever came of it, with the plugin on
//! the host and without.

use std::{collections::BTreeSet, fs, process::Command};

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use super::Guarded;
use crate::{
    backup::{gate, server},
    deploy::Shop,
    support::{Test, TestHost},
};

/// Where an operation's one entry is looked for: on the data branch, which hosts without the plugin
/// tell too.
struct Watched<'a> {
    host: &'a TestHost,
    shop: &'a Shop<'a>,
    seen: BTreeSet<String>,
}

impl<'a> Watched<'a> {
    fn new(shop: &'a Shop<'a>) -> Self {
        let host = shop.host();
        let made = Command::new("git")
            .args(["init", "--quiet", "--bare"])
            .arg(host.home().join("data.git"))
            .status();
        assert!(made.unwrap().success());
        Self {
            host,
            shop,
            seen: BTreeSet::new(),
        }
    }

    fn cli(&self, words: &[&str]) -> Test<'a> {
        self.host
            .cli(words)
            .directory(self.shop.top())
            .env("DASHBOARD_REPOSITORY", self.host.home().join("data.git"))
    }

    /// What the data branch holds of the record.
    fn log(&self) -> Value {
        let shown = Command::new("git")
            .arg("-C")
            .arg(self.host.home().join("data.git"))
            .args(["show", "gh-pages:audit-log.json"])
            .output()
            .unwrap();
        serde_json::from_slice(&shown.stdout).unwrap_or_default()
    }

    /// The entries that have come since the last look, newest first.
    fn new_entries(&mut self) -> Vec<Value> {
        let log = self.log();
        let mut entries = log["entries"].as_array().cloned().unwrap_or_default();
        entries.retain(|entry| self.seen.insert(entry["id"].to_string()));
        entries
    }

    /// Runs it; its exit code and the new entries have to be these.
    fn ends(&mut self, words: &[&str], status: i32, expected: &[&str]) {
        let ran = self.cli(words).run();
        assert_eq!(ran.status, Some(status), "{words:?}: {ran:?}");
        let told: Vec<String> = self
            .new_entries()
            .iter()
            .map(|entry| {
                format!(
                    "{} {}",
                    entry["action"].as_str().unwrap(),
                    entry["status"].as_str().unwrap()
                )
            })
            .collect();
        assert_eq!(told, expected, "{words:?}: {ran:?}");
    }
}

/// A shop whose data is told of in private, so that the audit log is there.
fn shop(host: &TestHost) -> Shop<'_> {
    let shop = Shop::new(host);
    shop.write(
        ".dokku/config.yml",
        "dashboard: {public: false}\nhealthcheck: {attempts: 2, wait: 1s}\n",
    );
    shop.release("1");
    shop
}

/// What is done, its exit code, and the one entry that it ends in; codes differ where the plugin is what
/// does it.
fn every_operation(watched: &mut Watched<'_>, has_plugin: bool) {
    let with = |good: i32, bad: i32| if has_plugin { good } else { bad };
    watched.ends(&["deploy"], 0, &["deploy success"]);
    watched.ends(&["rollback", "--yes"], 4, &["rollback refused"]);
    watched.ends(&["lock", "shop", "r"], 0, &["lock success"]);
    watched.ends(&["lock", "shop", "r"], 4, &["lock refused"]);
    watched.ends(&["deploy"], 4, &["deploy refused"]);
    watched.ends(
        &["db", "shop", "promote", "none"],
        5,
        &["server-config failure"],
    );
    watched.ends(
        &["destroy", "shop", "--confirm", "shop"],
        4,
        &["destroy refused"],
    );
    watched.ends(&["cleanup", "shop", "--yes"], 4, &["cleanup refused"]);
    watched.ends(&["unlock", "shop"], 0, &["unlock success"]);
    watched.ends(&["unlock", "none"], 5, &["unlock failure"]);
    watched.ends(&["lock", "--all", "r"], 0, &["lock success"]);
    watched.ends(&["unlock", "--all"], 0, &["unlock success"]);
    let look = ["apps:list", "deploy-system:locks"];
    watched.host.fail_next(look[usize::from(has_plugin)], 1);
    watched.ends(&["lock", "--all", "r"], 5, &["lock failure"]);
    watched.host.heal();
    watched.ends(&["create", "docs"], 0, &["create success"]);
    watched.ends(&["config:set", "docs", "A=1"], 0, &["config-set success"]);
    watched.ends(&["config:unset", "docs", "A"], 0, &["config-unset success"]);
    watched.ends(&["config:set", "none", "A=1"], 5, &["config-set failure"]);
    watched.ends(&["scale", "docs", "web=0"], 0, &["scale success"]);
    watched.ends(&["domains", "docs", "add", "a.b"], 0, &["domains success"]);
    watched.ends(&["ssl", "none", "enable"], 5, &["ssl failure"]);
    watched.ends(
        &["db", "docs", "create", "redis"],
        0,
        &["server-config success"],
    );
    watched.ends(
        &["db", "none", "create", "redis"],
        5,
        &["server-config failure"],
    );
    watched.ends(&["db", "docs", "backup"], 0, &["backup success"]);
    watched.ends(&["db", "none", "backup"], 5, &["backup failure"]);
    watched.ends(
        &["backup", "--app", "docs"],
        with(0, 5),
        &[if has_plugin {
            "backup success"
        } else {
            "backup failure"
        }],
    );
    watched.ends(
        &["db", "docs", "restore", "latest"],
        4,
        &["restore refused"],
    );
    watched.ends(
        &["db", "docs", "verify", "latest", "--restore"],
        0,
        &["restore-test success"],
    );
    watched.ends(&["db", "docs", "prune"], 0, &["backup-prune success"]);
    watched.ends(&["cleanup", "none", "--yes"], 0, &["cleanup success"]);
    watched.ends(&["maintain", "docker"], 0, &["maintenance success"]);
    watched.ends(
        &["server", "notify", "unset", "SLACK_WEBHOOK_URL"],
        with(0, 5),
        &[if has_plugin {
            "server-config success"
        } else {
            "server-config failure"
        }],
    );
    // What is only looked at, planned or misspelt is no operation.
    for words in [
        &["cleanup", "shop", "--dry-run"][..],
        &["deploy", "--dry-run"],
        &["scale", "docs"],
        &["scale", "docs", "web=x"],
        &["lock:status", "shop"],
    ] {
        watched.cli(words).run();
    }
    assert_eq!(watched.new_entries(), Vec::<Value>::new());
}

#[test]
fn each_operation_ends_in_one_entry_without_the_plugin() {
    let host = TestHost::start();
    let shop = shop(&host);
    every_operation(&mut Watched::new(&shop), false);
    assert_eq!(unsent(&host), 0);
}

#[test]
fn each_operation_ends_in_one_entry_with_the_plugin_and_the_log_has_the_same() {
    let host = server::guarded_bare();
    let shop = shop(&host.host);
    let mut watched = Watched::new(&shop);
    every_operation(&mut watched, true);
    watched.seen.clear();
    let branch = watched.new_entries();
    // The branch notes how far the host's log had come: what `audit verify` can be held against.
    let noted = watched.log()["chains"][0].clone();
    let data = host.data().display().to_string();
    let known = noted["hash"].as_str().unwrap();
    let verified = host
        .host
        .cli(&["audit", "verify", &data, "--known", known])
        .run();
    assert_eq!(verified.status, Some(0), "{noted}: {verified:?}");
    let log = host.audit();
    // Several locks together are one entry to people, and one of each app to the host.
    let is_together = |entry: &&Value| entry["metadata"]["apps"] == json!(["shop"]);
    assert_eq!(branch.iter().filter(is_together).count(), 2);
    for entry in branch.iter().filter(|entry| !is_together(entry)) {
        let lines = log.iter().filter(|line| line["id"] == entry["id"]);
        assert_eq!(lines.count(), 1, "{entry}");
    }
    let others = log.iter().filter(|line| line["id"].is_null());
    let others: Vec<&Value> = others.map(|line| &line["event"]).collect();
    assert_eq!(others, ["allowed"], "the gate's own word on the one deploy");
    assert_eq!(unsent(&host.host), 0);
}

/// How many entries wait on this machine for a host.
fn unsent(host: &TestHost) -> usize {
    let waiting = fs::read_dir(host.home().join(".local/state/dokku-cli/unsent"));
    waiting.map_or(0, Iterator::count)
}

/// Stops each of these at a call of `verb` on the host, by a signal; the entries that the log then has.
fn stopped(host: &Guarded, words: &[&str], verb: &str, signal: Signal) -> Vec<String> {
    let before = super::record::recorded(host).len();
    let _left = fs::remove_file(host.host.home().join("waiting"));
    eprintln!("stopping {words:?} at {verb}");
    let waits = gate(&host.host, verb);
    let running = host.host.cli(words).start();
    waits();
    if signal == Signal::KILL {
        kill_process(running.pid(), signal).unwrap();
    } else {
        running.signal_group(signal);
    }
    let ran = running.finish();
    host.host.open_gate();
    let expected = match signal {
        Signal::KILL => None,
        Signal::TERM => Some(143),
        _ => Some(130),
    };
    assert_eq!(ran.status, expected, "{words:?}: {ran:?}");
    super::record::recorded(host)[before..]
        .iter()
        .map(|entry| {
            format!(
                "{} {}",
                entry["action"].as_str().unwrap(),
                entry["status"].as_str().unwrap()
            )
        })
        .collect()
}

#[test]
fn what_is_stopped_or_killed_ends_in_one_entry_too() {
    let host = server::guarded(&[("redis", "cache")]);
    for (words, verb, action) in [
        (
            &["config:set", "shop", "A=1"][..],
            "config:import",
            "config-set",
        ),
        (&["scale", "shop", "web=0"], "ps:scale", "scale"),
        (&["domains", "shop", "add", "a.b"], "domains:add", "domains"),
        (&["create", "docs"], "apps:create", "create"),
        (
            &["backup", "--app", "shop"],
            "deploy-system:backup",
            "backup",
        ),
        (&["db", "shop", "backup"], "redis:export", "backup"),
        (
            &["destroy", "shop", "--confirm", "shop", "--without-backup"],
            "apps:destroy",
            "destroy",
        ),
        (
            &["cleanup", "shop", "--yes"],
            "deploy-system:backup",
            "cleanup",
        ),
        (&["lock", "shop", "r"], "deploy-system:lock", "lock"),
    ] {
        assert_eq!(
            stopped(&host, words, verb, Signal::INT),
            [format!("{action} cancelled")],
            "{words:?}"
        );
    }
    assert_eq!(unsent(&host.host), 0);
    let words = ["config:set", "shop", "A=1"];
    assert_eq!(
        stopped(&host, &words, "config:import", Signal::TERM),
        ["config-set cancelled"]
    );
    // Nobody can tell of what is killed but the next run from here.
    let none: [&str; 0] = [];
    assert_eq!(stopped(&host, &words, "config:import", Signal::KILL), none);
    assert_eq!(unsent(&host.host), 1);
    let before = super::record::recorded(&host).len();
    let ran = host.host.cli(&["config:set", "shop", "B=1"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let told = &super::record::recorded(&host)[before..];
    let told: Vec<&Value> = told.iter().map(|entry| &entry["status"]).collect();
    assert_eq!(told, ["unknown", "success"]);
    assert_eq!(unsent(&host.host), 0);
}

#[test]
fn what_a_lost_connection_kept_from_the_log_is_made_up_for() {
    let host = Guarded::start();
    host.ok("apps:create shop");
    let waits = gate(&host.host, "config:import");
    let running = host
        .host
        .cli(&["config:set", "shop", "A=1"])
        .env("DOKKU_TIMEOUT", "2s")
        .start();
    waits();
    host.host.hang();
    let ran = running.finish();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(
        ran.stderr
            .contains("the next operation from here on HOST makes up for it"),
        "{ran:?}"
    );
    assert_eq!(unsent(&host.host), 1);
    host.host.heal();
    host.host.open_gate();
    let ran = host.host.cli(&["config:set", "shop", "B=1"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let told = super::record::recorded(&host);
    let told: Vec<&Value> = told.iter().map(|entry| &entry["status"]).collect();
    assert_eq!(told, ["unknown", "success"]);
    assert_eq!(unsent(&host.host), 0);
}
