//! Restore tests by schedule: each service once a week, one at a time, after the backups of a run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use dokku_sandbox::faults::{Failing, Plan};
use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{
    gate, host_with, say, say_to,
    server::{backups, guarded, hold, shelf, without_manifests},
};
use crate::{
    plugin::{Guarded, Said},
    support::{Receiver, TestBucket, TestHost, await_until},
};

const SCHEDULED: &str = "deploy-system:backup --scheduled";

/// What `server schedule` leaves on the host.
pub fn schedule(guarded: &Guarded, limit: u64, encrypt_to: &[&str]) {
    let settings = json!({
        "bucket": null,
        "encrypt_to": encrypt_to,
        "rule": {"days": 14, "last": 0, "daily": 0, "weekly": 0, "monthly": 0},
        "heartbeat_url": null,
        "restore_tests": {"days": 7, "limit": limit},
        "at": "02:00",
    });
    fs::write(guarded.data().join("backup.json"), settings.to_string()).unwrap();
}

/// A night of the timer: what its unit starts, in as bare an environment as that of systemd.
pub fn night(guarded: &Guarded, code: i32) -> Said {
    let dokku = guarded.host.home().join("root/bin/dokku");
    let said: Said = Command::new(dokku)
        .args(SCHEDULED.split(' '))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap()
        .into();
    assert_eq!(said.code, code, "{}", said.text);
    said
}

pub fn manifest(top: &Path, name: &str) -> (PathBuf, Value) {
    let path = top.join(format!("{name}.json"));
    let text = fs::read(&path).unwrap();
    (path, serde_json::from_slice(&text).unwrap())
}

/// The manifests of a kind on the host, the oldest first.
fn manifests(host: &TestHost, kind: &str) -> Vec<Value> {
    let names = backups(host);
    let of_kind = names.iter().filter(|name| name.starts_with(kind));
    of_kind.map(|name| manifest(&shelf(host), name).1).collect()
}

/// A week passes, and some days: every restore test is ten days ago.
pub fn a_week_passes(host: &TestHost) {
    let then = Timestamp::now() - SignedDuration::from_hours(10 * 24);
    for name in backups(host) {
        let (path, mut manifest) = manifest(&shelf(host), &name);
        if manifest["restore_tested"].is_string() {
            manifest["restore_tested"] = json!(then.to_string());
            fs::write(path, manifest.to_string()).unwrap();
        }
    }
}

/// Damages a file in its middle, its size and its manifest as they were.
fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}

fn services(host: &TestHost, kind: &str) -> String {
    host.ssh(&format!("--quiet {kind}:list")).trim().to_owned()
}

/// The note of the night's one summary, and its status.
fn summary(guarded: &Guarded) -> (String, String) {
    let log = guarded.audit();
    let entry = &log.last().unwrap()["entry"];
    assert_eq!(entry["action"], "maintenance");
    let text = |key: &str| entry[key].as_str().unwrap().to_owned();
    (text("status"), text("note"))
}

fn entries(guarded: &Guarded) -> Vec<[String; 3]> {
    let log = guarded.audit();
    let entries = log.iter().map(|line| &line["entry"]);
    let tests = entries.filter(|entry| entry["action"] == "restore-test");
    tests
        .map(|entry| {
            [
                entry["status"].as_str().unwrap().to_owned(),
                entry["metadata"]["service"].as_str().unwrap().to_owned(),
                entry["metadata"]["restores"].to_string(),
            ]
        })
        .collect()
}

/// What the dashboard says of the app, asking the host.
fn shown(host: &TestHost, key: &str) -> Value {
    let built = host.cli(&["dashboard", "build", "--out", "site"]).run();
    assert_eq!(built.status, Some(0), "{built:?}");
    let apps = fs::read(host.home().join("site/apps.json")).unwrap();
    let apps: Value = serde_json::from_slice(&apps).unwrap();
    apps["apps"][0][key].clone()
}

fn with_500_rows(host: &TestHost) {
    say_to(
        host,
        "postgres",
        "maindb",
        b"CREATE TABLE t AS SELECT n, md5(n::text) AS h FROM generate_series(1, 500) n;\n",
    );
}

#[test]
fn the_timer_restores_what_it_made_once_a_week_and_tells_what_it_proved() {
    let guarded = guarded(&[("postgres", "maindb"), ("redis", "cache")]);
    let host = &guarded.host;
    with_500_rows(host);
    say_to(host, "redis", "cache", b"SET a b\n");
    schedule(&guarded, 1 << 30, &[]);
    let said = night(&guarded, 0);
    // The room on the host is known.
    assert!(!said.text.contains("is not known"), "{}", said.text);
    for kind in ["postgres", "redis"] {
        assert!(manifests(host, kind)[0]["restore_tested"].is_string());
    }
    assert_eq!(services(host, "postgres"), "maindb");
    assert_eq!(services(host, "redis"), "cache");
    let both = [["success", "maindb", "true"], ["success", "cache", "true"]];
    assert_eq!(entries(&guarded), both);
    let (status, note) = summary(&guarded);
    assert_eq!(status, "success");
    assert!(
        note.contains("Restore tests: 2 good, 0 failed, 0 not made, 0 not due yet"),
        "{note}"
    );

    // Nobody but the host knows of this night: the dashboard asks it.
    assert!(shown(host, "restore_tested").is_string());
    assert_eq!(shown(host, "last_backup")["ok"], true);

    // The next night nothing is due. A week later it is again, but for what is too large.
    night(&guarded, 0);
    assert_eq!(entries(&guarded), both);
    assert!(summary(&guarded).1.contains("2 not due yet"));
    a_week_passes(host);
    schedule(&guarded, 1000, &[]);
    let said = night(&guarded, 0);
    assert!(
        said.text
            .contains("maindb of shop: its backup was not restore-tested: its dump has "),
        "{}",
        said.text
    );
    let (status, note) = summary(&guarded);
    assert_eq!(status, "success");
    assert!(
        note.contains("Not restore-tested: postgres maindb of shop: its dump has ")
            && note.contains("backup.restore_test_max_gib"),
        "{note}"
    );
    let last = entries(&guarded).pop().unwrap();
    assert_eq!(last, ["success", "cache", "true"]);
    assert!(manifests(host, "redis")[2]["restore_tested"].is_string());
    assert!(manifests(host, "postgres")[2]["restore_tested"].is_null());
}

#[test]
fn a_backup_that_does_not_restore_is_told_and_tested_again_and_a_host_that_fails_is_no_verdict() {
    let guarded = guarded(&[("postgres", "maindb")]);
    let host = &guarded.host;
    with_500_rows(host);
    let newest = || manifests(host, "postgres").pop().unwrap();
    // A restore that brings nothing, without an error of the engine. People are told.
    let receiver = Receiver::answering("200 OK");
    let set = host
        .cli(&["server", "notify", "set", "--from-env"])
        .env("SLACK_WEBHOOK_URL", receiver.url("slack"))
        .run();
    assert_eq!(set.status, Some(0), "{set:?}");
    schedule(&guarded, 1 << 30, &[]);
    host.fail_next("postgres:import", 0);
    let said = night(&guarded, 7);
    assert!(
        said.text.contains("1 backup(s) do not restore"),
        "{}",
        said.text
    );
    let got = receiver.await_count(2);
    let told = |words: &str| got.iter().filter(|one| one.body.contains(words)).count();
    assert_eq!(told("Backup Cannot Be Restored"), 1, "{got:?}");
    assert_eq!(
        told("Does not restore: postgres maindb of shop"),
        1,
        "{got:?}"
    );
    let (status, note) = summary(&guarded);
    assert_eq!(status, "failure");
    let told = "Does not restore: postgres maindb of shop: public.t is not there (500 in the dump)";
    assert!(note.contains(told), "{note}");
    let last = entries(&guarded).pop().unwrap();
    assert_eq!(last, ["failure", "maindb", "false"]);
    let failed = &newest()["restore_failed"];
    assert!(failed["at"].is_string(), "{failed}");
    let listed = host.cli(&["db", "shop", "list-backups"]).run();
    assert!(
        listed.stdout.contains("it did not restore in a test"),
        "{listed:?}"
    );
    assert_eq!(services(host, "postgres"), "maindb");
    assert!(shown(host, "restore_tested").is_null() && shown(host, "restore_failed").is_string());

    // Tonight's backup fails: the newest one is tested again, and by now it is damaged.
    damage(&shelf(host).join(backups(host).pop().unwrap()));
    host.fail_next("postgres:export", 1);
    let said = night(&guarded, 7);
    assert!(
        said.text.contains("it is not what was written"),
        "{}",
        said.text
    );
    let failed = &newest()["restore_failed"]["why"];
    assert!(
        failed.as_str().unwrap().contains("not what was written"),
        "{failed}"
    );

    // A host that fails says nothing of the backup, and is no success.
    host.fail_next("postgres:create", 1);
    let said = night(&guarded, 5);
    assert!(
        said.text.contains("1 restore test(s) could not be made"),
        "{}",
        said.text
    );
    assert!(newest()["restore_failed"].is_null());
    assert_eq!(summary(&guarded).0, "failure");
    night(&guarded, 0);
    assert!(newest()["restore_tested"].is_string());
    let on_host = host.ssh("deploy-system:backups shop");
    assert!(on_host.contains("  restored for a test 20"), "{on_host}");
}

#[test]
fn a_killed_run_has_made_its_backups_and_the_next_one_removes_its_scratch_service() {
    let guarded = guarded(&[("redis", "cache")]);
    let host = &guarded.host;
    say_to(host, "redis", "cache", b"SET a b\n");
    schedule(&guarded, 1 << 30, &[]);
    let (begun, go) = hold(host, "import");
    let mut killed = guarded
        .entry(
            "subcommands/backup",
            &SCHEDULED.split(' ').collect::<Vec<_>>(),
            "",
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    await_until("an import", || begun.exists());
    // Meanwhile nobody else tests.
    let id = format!("server:{}", backups(host).remove(0));
    let verify = || host.cli(&["db", "shop", "verify", &id, "--restore"]).run();
    let second = verify();
    assert_eq!(second.status, Some(4), "{second:?}");
    assert!(second.stderr.contains("One runs at a time"), "{second:?}");
    killed.kill().unwrap();
    killed.wait().unwrap();
    fs::write(&go, "").unwrap();
    assert!(services(host, "redis").contains("restore-test-"));
    // The backups themselves are made, and known to be.
    let doctor = host.cli(&["doctor"]).run();
    assert_eq!(doctor.status, Some(0), "{doctor:?}");
    assert_eq!(backups(host).len(), 1);
    assert!(manifests(host, "redis")[0]["restore_tested"].is_null());

    let said = night(&guarded, 0);
    assert!(
        said.text.contains("of a test that was killed"),
        "{}",
        said.text
    );
    assert_eq!(services(host, "redis"), "cache");
    assert!(manifests(host, "redis")[1]["restore_tested"].is_string());
}

#[test]
fn a_workflow_tests_what_is_only_in_the_bucket_and_leaves_it_to_the_timer_where_one_is_on() {
    let host = host_with("mariadb");
    let bucket = TestBucket::start(&host);
    say(
        &host,
        "mariadb",
        b"CREATE TABLE t (n int, s varchar(20)); INSERT INTO t VALUES (1, 'one'), (2, 'it''s; --');\n\
          CREATE VIEW v AS SELECT * FROM t; CREATE TABLE empty (x int);\n",
    );
    let scheduled = || {
        let words = ["backup", "--check", "--prune", "--restore-test", "--json"];
        bucket.open(host.cli(&words)).run()
    };
    let ran = scheduled();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["tests"][0]["outcome"], "restores", "{report}");
    assert_eq!(report["tests"][0]["rows"], 2, "{report}");
    let top = bucket.objects().join("dokku/one");
    let name = without_manifests(&top).remove(0);
    assert!(manifest(&top, &name).1["restore_tested"].is_string());
    assert_eq!(services(&host, "mariadb"), "store");
    let traces = super::traces(host.home());
    assert_eq!(traces, [""; 0], "the copy is gone");
    let again: Value = serde_json::from_str(&scheduled().stdout).unwrap();
    assert_eq!(again["tests"][0]["outcome"], "recent", "{again}");

    let guarded = guarded(&[("redis", "cache")]);
    schedule(&guarded, 1 << 30, &[]);
    night(&guarded, 0);
    let ran = guarded
        .host
        .cli(&["backup", "--check", "--prune", "--restore-test"])
        .run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(backups(&guarded.host).len(), 1, "{ran:?}");
    assert!(!ran.stderr.contains("for a test lately"), "{ran:?}");

    // Where there is no room nothing is tried, which is said, and seen where it lasts.
    a_week_passes(&guarded.host);
    let answer = json!({"protocol": 1, "version": "0", "result": {"free": 20}});
    guarded.host.fault(Plan {
        fail: vec![Failing {
            verb: "deploy-system:backup-room".to_owned(),
            stderr: String::new(),
            stdout: format!("{answer}\n"),
            exit: 0,
            after: 0,
        }],
        ..Plan::default()
    });
    night(&guarded, 0);
    let (status, note) = summary(&guarded);
    assert_eq!(status, "success");
    assert!(note.contains("and 20 bytes are free there"), "{note}");
    let late = guarded.host.cli(&["backup", "--check"]).run();
    assert_eq!(late.status, Some(0), "{late:?}");
    assert!(
        late.stderr
            .contains("redis cache of shop: no backup of it has been restored for a test lately"),
        "{late:?}"
    );
}

#[test]
fn ctrl_c_ends_the_tests_and_leaves_no_scratch_service() {
    let host = host_with("redis");
    host.create_app("blog");
    host.ssh("redis:create other");
    host.ssh("redis:link other blog --no-restart");
    let bucket = TestBucket::start(&host);
    let waits = gate(&host, "redis:import");
    let words = ["backup", "--restore-test", "--json"];
    let running = bucket.open(host.cli(&words)).start();
    waits();
    running.signal_group(Signal::INT);
    let ran = running.finish();
    host.open_gate();
    assert_eq!(ran.status, Some(130), "{ran:?}");
    let line = ran.stdout.lines().next().unwrap();
    let report: Value = serde_json::from_str(line).unwrap();
    let tests = report["tests"].as_array().unwrap();
    let told: Vec<_> = tests.iter().map(|one| &one["why"]).collect();
    assert_eq!(told, ["somebody stopped it"; 2], "{report}");
    assert_eq!(services(&host, "redis"), "other\nstore");
}
