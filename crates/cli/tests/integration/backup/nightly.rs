//! The night's run: the timer's, its heartbeat, its lock and its stamp; and copies before something is
//! destroyed.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

use super::{
    host_with, say, say_to,
    server::{backups, files, guarded, hold, shelf},
};
use crate::{
    plugin::Guarded,
    support::{Ran, Receiver, await_until},
};

/// Takes heartbeats and remembers their paths.
struct Heart {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Heart {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/ping/secret-id", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line).unwrap();
                told.lock()
                    .unwrap()
                    .push(line.split(' ').nth(1).unwrap().to_owned());
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    .unwrap();
            }
        });
        Self { url, heard }
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

/// What `server schedule` leaves on the host.
fn schedule(guarded: &Guarded, url: Option<&str>) {
    let settings = json!({
        "bucket": null,
        "encrypt_to": [],
        "rule": {"days": 3, "last": 0, "daily": 0, "weekly": 0, "monthly": 0},
        "heartbeat_url": url,
        "at": "02:00",
    });
    fs::write(guarded.data().join("backup.json"), settings.to_string()).unwrap();
}

fn doctor(guarded: &Guarded) -> Ran {
    guarded.host.cli(&["doctor"]).run()
}

#[test]
fn the_timers_run_beats_stamps_and_prunes_and_the_workflow_only_checks() {
    let guarded = guarded(&[("redis", "cache")]);
    let host = &guarded.host;
    let heart = Heart::start();
    schedule(&guarded, Some(&heart.url));
    let check = || host.cli(&["backup", "--check"]).run();
    let early = check();
    assert_eq!(early.status, Some(7), "{early:?}");
    assert!(early.stderr.contains("redis cache of shop"), "{early:?}");
    let alarm = doctor(&guarded);
    assert_eq!(alarm.status, Some(7), "{alarm:?}");
    assert!(alarm.stdout.contains("never a run of backups"), "{alarm:?}");

    let said = guarded.ssh("deploy-system:backup --scheduled");
    assert_eq!(said.code, 0, "{}", said.text);
    assert_eq!(heart.heard(), ["/ping/secret-id/start", "/ping/secret-id"]);
    assert_eq!(backups(host).len(), 1);
    assert_eq!(check().status, Some(0));
    assert_eq!(backups(host).len(), 1, "a check makes nothing");
    assert_eq!(doctor(&guarded).status, Some(0));
    let log = guarded.audit();
    let last = log[log.len() - 3..].iter().map(|line| &line["entry"]);
    let last: Vec<_> = last.map(|one| [&one["action"], &one["actor"]]).collect();
    assert_eq!(
        last,
        [
            [&json!("backup"), &json!("schedule")],
            [&json!("restore-test"), &json!("schedule")],
            [&json!("maintenance"), &json!("schedule")]
        ]
    );

    // What is too old goes, once a new one is good, and not before.
    let name = backups(host).remove(0);
    let old = shelf(host).join("redis/shop/20200101_000000.gz");
    fs::copy(shelf(host).join(&name), &old).unwrap();
    fs::copy(
        shelf(host).join(format!("{name}.json")),
        old.with_extension("gz.json"),
    )
    .unwrap();
    host.fail_next("redis:export", 1);
    let said = guarded.ssh("deploy-system:backup --scheduled");
    assert_eq!(said.code, 7, "{}", said.text);
    assert_eq!(
        heart.heard(),
        ["/ping/secret-id/start", "/ping/secret-id/fail"]
    );
    assert!(old.exists());
    let said = guarded.ssh("deploy-system:backup --scheduled");
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(!old.exists());
    assert_eq!(backups(host).len(), 2);

    // A stamp of long ago raises the alarm.
    let stamp = guarded.data().join("backup-stamp.json");
    let text = fs::read_to_string(&stamp).unwrap();
    let mut stamped: Value = serde_json::from_str(&text).unwrap();
    stamped["last_success"] = json!("2026-01-01T00:00:00Z");
    fs::write(&stamp, stamped.to_string()).unwrap();
    let receiver = Receiver::answering("200 OK");
    let alarm = || {
        let slack = receiver.url("slack");
        host.cli(&["doctor"]).env("SLACK_WEBHOOK_URL", slack).run()
    };
    let first = alarm();
    assert_eq!(first.status, Some(7), "{first:?}");
    assert!(first.stdout.contains("more than 26 hours ago"), "{first:?}");
    // The alarm of this morning, before there was any backup, is not a day old.
    assert_eq!(receiver.got().len(), 0);
    let log = host
        .cli(&["audit", "--action", "backup-overdue", "--json"])
        .run();
    let log: Value = serde_json::from_str(&log.stdout).unwrap();
    assert_eq!(log["entries"].as_array().unwrap().len(), 1, "{log}");
    // A run over all apps is told of in one summary.
    let slack = receiver.url("slack");
    let ran = host.cli(&["backup"]).env("SLACK_WEBHOOK_URL", slack).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let got = receiver.got();
    assert_eq!(got.len(), 1, "{got:?}");
    assert!(
        got[0].body.contains("Nightly maintenance: all well"),
        "{got:?}"
    );
    assert!(got[0].body.contains("1 of 1 backups made"), "{got:?}");
    let log = host
        .cli(&["audit", "--action", "maintenance", "--json"])
        .run();
    let log: Value = serde_json::from_str(&log.stdout).unwrap();
    assert!(log["entries"].as_array().unwrap().len() >= 2, "{log}");
}

#[test]
fn a_night_without_a_backup_is_told_once_and_a_late_one_is_no_backup_of_it() {
    let guarded = guarded(&[("redis", "cache")]);
    let host = &guarded.host;
    schedule(&guarded, None);
    let receiver = Receiver::answering("200 OK");
    let check = || {
        host.cli(&["backup", "--check"])
            .env("SLACK_WEBHOOK_URL", receiver.url("slack"))
            .env("PAGERDUTY_ROUTING_KEY", "hunter5")
            .env("PAGERDUTY_EVENTS_URL", receiver.url("pagerduty"))
            .run()
    };
    // Nothing.
    for _ in 0..2 {
        let ran = check();
        assert_eq!(ran.status, Some(7), "{ran:?}");
        assert!(
            ran.stderr
                .contains("no good backup younger than 26 hours of: redis cache of shop"),
            "{ran:?}"
        );
    }
    let got = receiver.got();
    assert_eq!(got.len(), 2, "once each, to two: {got:?}");
    for one in &got {
        assert!(one.body.contains("redis cache of shop"), "{got:?}");
    }
    let page = got.iter().find(|one| one.path.contains("pagerduty"));
    assert_eq!(page.unwrap().json()["event_action"], "trigger");
    // Right.
    let said = guarded.ssh("deploy-system:backup --scheduled");
    assert_eq!(said.code, 0, "{}", said.text);
    assert_eq!(check().status, Some(0));
    // Late: it was made 27 hours ago.
    let name = backups(host).remove(0);
    let late = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(27);
    let late = format!("redis/shop/{}.gz", late.strftime("%Y%m%d_%H%M%S"));
    for end in ["", ".json"] {
        let from = shelf(host).join(format!("{name}{end}"));
        fs::rename(from, shelf(host).join(format!("{late}{end}"))).unwrap();
    }
    let ran = check();
    assert_eq!(ran.status, Some(7), "{ran:?}");
    assert_eq!(receiver.got().len(), 2, "it was told within a day");
    let log = guarded.audit();
    let told = log
        .iter()
        .filter(|line| line["entry"]["action"] == "backup-overdue");
    assert_eq!(told.count(), 1);
}

#[test]
fn an_incident_that_the_host_began_is_ended_by_a_run_from_elsewhere() {
    let guarded = guarded(&[("redis", "cache")]);
    let host = &guarded.host;
    schedule(&guarded, None);
    let receiver = Receiver::answering("200 OK");
    let tells = |words: &[&str]| {
        let ran = host
            .cli(words)
            .env("PAGERDUTY_ROUTING_KEY", "hunter5")
            .env("PAGERDUTY_EVENTS_URL", receiver.url("pagerduty"))
            .run();
        assert_eq!(ran.status, Some(0), "{ran:?}");
    };
    tells(&["server", "notify", "set", "--from-env"]);
    host.fail_next("redis:export", 1);
    let said = guarded.ssh("deploy-system:backup --scheduled");
    assert_eq!(said.code, 7, "{}", said.text);
    let begun = receiver.await_count(2);
    tells(&["backup"]);
    let all = receiver.await_count(5);
    let keys = |action: &str| -> Vec<String> {
        let mut keys = Vec::new();
        for one in &all {
            let event = one.json();
            if event["event_action"] == action {
                keys.push(event["dedup_key"].as_str().unwrap().to_owned());
            }
        }
        keys.sort();
        keys
    };
    let (begun_keys, ended) = (keys("trigger"), keys("resolve"));
    assert_eq!(begun_keys.len(), begun.len(), "{all:?}");
    assert_eq!(begun_keys[0], "backup-shop-cache");
    for key in &begun_keys {
        assert!(ended.contains(key), "{key} of {ended:?}");
    }
}

#[test]
fn a_heartbeat_that_nobody_takes_stops_no_backup_and_is_not_told() {
    let guarded = guarded(&[("redis", "cache")]);
    schedule(&guarded, Some("http://127.0.0.1:1/ping/secret-id"));
    let said = guarded.ssh("deploy-system:backup --scheduled");
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(
        said.text.contains("the heartbeat was not taken"),
        "{}",
        said.text
    );
    assert!(!said.text.contains("secret-id"), "{}", said.text);
    assert_eq!(backups(&guarded.host).len(), 1);
}

#[test]
fn two_runs_over_all_apps_never_overlap_and_a_killed_one_holds_nothing() {
    let guarded = guarded(&[("redis", "cache")]);
    let host = &guarded.host;
    let (begun, go) = hold(host, "export");
    let start = || {
        guarded
            .entry(
                "subcommands/backup",
                &["deploy-system:backup", "--all-apps"],
                "",
            )
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut first = start();
    await_until("the first run's export", || begun.exists());
    let second = host.cli(&["backup"]).run();
    assert_eq!(second.status, Some(4), "{second:?}");
    assert!(second.stderr.contains("another run"), "{second:?}");
    // One app is no run over all.
    fs::write(&go, "").unwrap();
    let one = host.cli(&["db", "shop", "backup-server"]).run();
    assert_eq!(one.status, Some(0), "{one:?}");
    assert!(first.wait().unwrap().success());
    assert_eq!(backups(host).len(), 2, "{:?}", backups(host));

    fs::remove_file(&go).unwrap();
    fs::remove_file(&begun).unwrap();
    let mut killed = start();
    await_until("the killed run's export", || begun.exists());
    killed.kill().unwrap();
    killed.wait().unwrap();
    fs::write(&go, "").unwrap();
    assert_eq!(backups(host).len(), 2);
    let next = host.cli(&["backup"]).run();
    assert_eq!(next.status, Some(0), "{next:?}");
    assert_eq!(backups(host).len(), 3);
    // What the killed one left is swept.
    let left = files(&shelf(host));
    assert_eq!(left.len(), 6, "{left:?}");
}

#[test]
fn a_full_disk_on_the_server_leaves_nothing() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run: only root may mount a small disk");
        return;
    }
    let guarded = guarded(&[("postgres", "maindb")]);
    let host = &guarded.host;
    say_to(
        host,
        "postgres",
        "maindb",
        b"CREATE TABLE t AS SELECT n, sha512(n::text::bytea) AS h FROM generate_series(1, 60000) n;\n",
    );
    let top = shelf(host);
    fs::create_dir_all(&top).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
        .arg(&top)
        .status();
    assert!(mounted.unwrap().success());
    let full = host.cli(&["db", "shop", "backup-server"]).run();
    let left = files(&top);
    let unmounted = Command::new("umount").arg("--lazy").arg(&top).status();
    assert!(unmounted.unwrap().success());
    assert_eq!(full.status, Some(7), "{full:?}");
    assert!(full.stderr.contains("No space left on device"), "{full:?}");
    assert_eq!(left.len(), 0, "{left:?}");
}

#[test]
fn before_something_is_destroyed_a_young_good_copy_counts_and_a_damaged_one_does_not() {
    let guarded = guarded(&[("redis", "cache")]);
    let host = &guarded.host;
    say_to(host, "redis", "cache", b"SET a b\n");
    let ensure = |words: &[&str]| {
        host.cli(&[&["db", "shop", "ensure-backup", "--json"], words].concat())
            .run()
    };
    let kept = |ran: &Ran| -> String {
        assert_eq!(ran.status, Some(0), "{ran:?}");
        let told: Value = serde_json::from_str(&ran.stdout).unwrap();
        told["kept"][0]["at"].as_str().unwrap().to_owned()
    };
    let first = kept(&ensure(&[]));
    assert!(first.contains("/pre-destroy_20"), "{first}");
    assert_eq!(kept(&ensure(&["--before", "rollback"])), first);
    let fresh = kept(&ensure(&["--before", "rollback", "--fresh"]));
    assert!(fresh.contains("/pre-rollback_20"), "{fresh}");
    // Neither counts once its content is another.
    for id in [&first, &fresh] {
        let file = shelf(host).join(id.strip_prefix("server:").unwrap());
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&file, bytes).unwrap();
    }
    let third = kept(&ensure(&[]));
    assert!(third != first && third != fresh, "{third}");
    let hour = shelf(host).join(third.strip_prefix("server:").unwrap());
    fs::remove_file(&hour).unwrap();
    host.fail_next("redis:export", 1);
    let refused = ensure(&[]);
    assert_eq!(refused.status, Some(7), "{refused:?}");
    for told in [
        "no good copy of cache (redis)",
        "out of order",
        "--without-backup",
    ] {
        assert!(refused.stderr.contains(told), "{refused:?}");
    }
    assert_eq!(backups(host).len(), 2);
}

#[test]
fn without_the_plugin_the_copy_is_made_here() {
    let host = host_with("redis");
    say(&host, "redis", b"SET a b\n");
    let ensure = |words: &[&str]| {
        host.cli(&[&["db", "shop", "ensure-backup"], words].concat())
            .run()
    };
    for _ in 0..2 {
        let ran = ensure(&[]);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        assert!(
            ran.stdout.starts_with("store (redis): pre-destroy_shop-20"),
            "{ran:?}"
        );
    }
    assert_eq!(super::backups(host.home()).len(), 1);
    host.ssh("redis:unlink store shop --no-restart");
    assert_eq!(ensure(&["--fresh"]).status, Some(0));
}
