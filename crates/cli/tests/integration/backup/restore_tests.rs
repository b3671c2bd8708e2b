//! `verify --restore`: a scratch service comes and goes, and the manifest tells.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use dokku_sandbox::faults::{Failing, Plan};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{
    backups, gate, host_with, say, say_to,
    server::{backups as on_server, guarded, shelf},
};
use crate::support::{TestBucket, TestHost};

fn tested(host: &TestHost) -> Option<String> {
    let file = backups(host.home()).remove(0);
    let manifest = fs::read(format!("{}.json", file.display())).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    manifest["restore_tested"].as_str().map(str::to_owned)
}

fn services(host: &TestHost, kind: &str) -> String {
    host.ssh(&format!("--quiet {kind}:list")).trim().to_owned()
}

fn verify(host: &TestHost) -> crate::support::Ran {
    host.cli(&["db", "shop", "verify", "latest", "--restore"])
        .run()
}

#[test]
fn a_postgres_backup_is_proven_to_restore_or_not_to() {
    let host = host_with("postgres");
    say(
        &host,
        "postgres",
        b"CREATE TABLE t AS SELECT n FROM generate_series(1, 1234) n; CREATE TABLE empty (x int);
        CREATE TABLE parent (x int); CREATE TABLE child () INHERITS (parent); INSERT INTO child VALUES (1);
        CREATE TABLE parted (x int) PARTITION BY LIST (x); CREATE TABLE part PARTITION OF parted DEFAULT; INSERT INTO parted VALUES (1), (2);
        CREATE MATERIALIZED VIEW seen AS SELECT * FROM t; SELECT lo_from_bytea(4711, 'large'::bytea);\n",
    );
    let made = host.cli(&["db", "shop", "backup", "--gzip"]).run();
    assert_eq!(made.status, Some(0), "{made:?}");
    assert_eq!(tested(&host), None);
    say(
        &host,
        "postgres",
        b"DROP TABLE t CASCADE; CREATE TABLE later (x int);\n",
    );

    let good = verify(&host);
    assert_eq!(good.status, Some(0), "{good:?}");
    // Four tables of one or more rows, one without, and the large objects.
    assert!(
        good.stderr.contains("restores: 6 tables with 1238 rows"),
        "{good:?}"
    );
    assert!(tested(&host).is_some());
    assert_eq!(services(&host, "postgres"), "store");
    let present = say(&host, "postgres", b"SELECT count(*) FROM later;\n");
    assert!(present.contains('0'), "{present}");

    // An import that brings nothing, without an error.
    host.fail_next("postgres:import", 0);
    let bad = host
        .cli(&["db", "shop", "verify", "latest", "--restore", "--json"])
        .run();
    assert_eq!(bad.status, Some(7), "{bad:?}");
    let told: Value = serde_json::from_str(bad.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(told["restores"], false);
    assert!(
        told["why"]
            .as_str()
            .unwrap()
            .contains("public.child is not there"),
        "{told}"
    );
    assert_eq!(
        tested(&host),
        None,
        "an old verdict does not outlive a bad one"
    );
    assert_eq!(services(&host, "postgres"), "store");

    // A host that fails says nothing of the backup.
    assert_eq!(verify(&host).status, Some(0));
    let before = tested(&host);
    host.fail_next("postgres:create", 1);
    let unknown = verify(&host);
    assert_eq!(unknown.status, Some(5), "{unknown:?}");
    assert_eq!(tested(&host), before);

    let limited = host
        .cli(&[
            "db",
            "shop",
            "verify",
            "latest",
            "--restore",
            "--limit",
            "0",
        ])
        .run();
    assert_eq!(limited.status, Some(4), "{limited:?}");
    assert_eq!(services(&host, "postgres"), "store");
}

#[test]
fn a_killed_test_leaves_a_service_that_the_next_one_removes() {
    let host = host_with("redis");
    say(
        &host,
        "redis",
        b"SET a b\nRPUSH list 1 2 3\nSETEX brief 1000 x\nSELECT 3\nXADD stream * f v\n",
    );
    let made = host.cli(&["db", "shop", "backup"]).run();
    assert_eq!(made.status, Some(0), "{made:?}");
    let waits = gate(&host, "redis:import");
    let running = host
        .cli(&["db", "shop", "verify", "latest", "--restore"])
        .start();
    waits();
    let second = verify(&host);
    assert_eq!(second.status, Some(4), "{second:?}");
    assert!(second.stderr.contains("one runs at a time"), "{second:?}");
    // One of another machine is nobody's business for a day.
    let elsewhere = host
        .cli(&["db", "shop", "verify", "latest", "--restore"])
        .env("XDG_STATE_HOME", host.home().join("other"))
        .run();
    assert_eq!(elsewhere.status, Some(4), "{elsewhere:?}");
    running.signal_group(Signal::KILL);
    assert_eq!(running.finish().status, None);
    host.open_gate();
    assert!(services(&host, "redis").contains("restore-test-"));
    assert_eq!(tested(&host), None);

    let next = verify(&host);
    assert_eq!(next.status, Some(0), "{next:?}");
    assert!(
        next.stderr.contains("of a test that was killed"),
        "{next:?}"
    );
    assert!(next.stderr.contains("2 databases with 4 keys"), "{next:?}");
    assert_eq!(services(&host, "redis"), "store");
    assert!(tested(&host).is_some());
}

/// A backup on the server and in the bucket, of a Redis that holds another value since.
#[test]
fn backups_elsewhere_are_restored_by_their_ids_and_tell_of_their_tests() {
    let guarded = guarded(&[("redis", "cache")]);
    let host = &guarded.host;
    let bucket = TestBucket::start(host);
    let run = |words: &[&str]| {
        let words = [&["db", "shop"], words].concat();
        bucket.open(host.cli(&words)).run()
    };
    say_to(host, "redis", "cache", b"SET a backed-up\n");
    let made = bucket.open(host.cli(&["backup"])).run();
    assert_eq!(made.status, Some(0), "{made:?}");
    let name = on_server(host).remove(0);
    let places = [
        (format!("server:{name}"), shelf(host).join(&name)),
        (
            format!("s3:{name}"),
            bucket.objects().join("dokku/one").join(&name),
        ),
    ];
    let noted = || -> Vec<bool> {
        let listed = run(&["list-backups", "--json"]);
        let told: Value = serde_json::from_str(&listed.stdout).unwrap();
        let rows = told["backups"].as_array().unwrap().iter();
        rows.map(|row| row["restore_tested"].is_string()).collect()
    };
    let manifest = |at: usize| -> Value {
        let path = format!("{}.json", places[at].1.display());
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    let before = manifest(0);
    assert_eq!(noted(), [false, false]);
    for (at, (id, file)) in places.iter().enumerate() {
        let content = fs::read(file).unwrap();
        let good = run(&["verify", id, "--restore"]);
        assert_eq!(good.status, Some(0), "{good:?}");
        // The room is known where the plugin is.
        assert!(!good.stderr.contains("not known"), "{good:?}");
        assert_eq!(noted(), [true, at == 1], "{good:?}");
        assert_eq!(fs::read(file).unwrap(), content);
        let mut after = manifest(at);
        assert!(after["restore_tested"].take().is_string());
        after.as_object_mut().unwrap().remove("restore_tested");
        assert_eq!(after, before, "nothing else is changed");
    }
    for (at, (id, _)) in places.iter().enumerate() {
        host.fail_next("redis:import", 0);
        let bad = run(&["verify", id, "--restore"]);
        assert_eq!(bad.status, Some(7), "{bad:?}");
        assert_eq!(noted(), [false, at == 0], "{bad:?}");
    }
    let failed = manifest(0);
    let why = failed["restore_failed"]["why"].as_str().unwrap();
    assert!(why.contains("is not there (1 in the dump)"), "{why}");
    let listed = run(&["list-backups"]).stdout;
    assert_eq!(
        listed.matches("did not restore in a test").count(),
        2,
        "{listed}"
    );

    // Of another dump, of no dump and of somebody else's file nothing is noted.
    let theirs = shelf(host).join("redis/shop/20200101_000000.gz");
    fs::write(&theirs, "theirs").unwrap();
    for (id, told) in [
        (places[0].0.as_str(), "another dump"),
        ("server:redis/shop/20200101_000000.gz", "no manifest"),
        ("server:redis/shop/20200102_000000.gz", "no backup"),
        ("server:../../etc/passwd", "is no id"),
    ] {
        let request = json!({"id": id, "raw_sha256": "0", "is_good": true});
        let word = STANDARD.encode(request.to_string());
        let said = guarded.ssh(&format!("deploy-system:backup-tested --request {word}"));
        assert_ne!(said.code, 0, "{}", said.text);
        assert!(said.text.contains(told), "{}", said.text);
    }
    assert_eq!(manifest(0), failed);
    assert!(!theirs.with_extension("gz.json").exists());

    for (id, _) in &places {
        say_to(host, "redis", "cache", b"FLUSHALL\nSET later x\n");
        let restored = run(&["restore", id, "cache", "--yes"]);
        assert_eq!(restored.status, Some(0), "{restored:?}");
        let there = say_to(host, "redis", "cache", b"GET a\nKEYS *\n");
        assert!(there.contains("backed-up"), "{there} {restored:?}");
        assert!(!there.contains("later"), "{there}");
    }
}

#[test]
fn what_cannot_fit_onto_the_host_is_not_begun() {
    let host = host_with("redis");
    say(&host, "redis", b"SET a b\n");
    let made = host.cli(&["db", "shop", "backup"]).run();
    assert_eq!(made.status, Some(0), "{made:?}");
    let files = backups(host.home());
    let begins = |words: &[&str], room: Option<u64>| {
        let answer = json!({"protocol": 1, "version": "0", "result": {"free": room}});
        host.fault(Plan {
            fail: room
                .map(|_| Failing {
                    verb: "deploy-system:backup-room".to_owned(),
                    stderr: String::new(),
                    stdout: format!("{answer}\n"),
                    exit: 0,
                    after: 0,
                })
                .into_iter()
                .collect(),
            ..Plan::default()
        });
        host.cli(&[&["db", "shop"], words].concat()).run()
    };
    for words in [
        &["restore", "latest", "--yes"] as &[&str],
        &["restore", "latest", "--into", "beside"],
        &["verify", "latest", "--restore"],
    ] {
        let refused = begins(words, Some(20));
        assert_eq!(refused.status, Some(4), "{refused:?}");
        assert!(
            refused.stderr.contains("and 20 bytes are free there"),
            "{refused:?}"
        );
        assert_eq!(backups(host.home()), files, "{refused:?}");
        assert_eq!(services(&host, "redis"), "store");
    }
    // Without the plugin nobody can tell: it is said, and tried.
    for words in [
        &["restore", "latest", "--yes"] as &[&str],
        &["verify", "latest", "--restore"],
    ] {
        let tried = begins(words, None);
        assert_eq!(tried.status, Some(0), "{tried:?}");
        let told = "how much room the disk of the host has is not known";
        assert_eq!(tried.stderr.matches(told).count(), 1, "{tried:?}");
    }
}
