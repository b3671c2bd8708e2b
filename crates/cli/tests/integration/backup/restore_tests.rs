//! `verify --restore`: a scratch service comes and goes, and the manifest tells.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use super::{backups, gate, host_with, say};
use crate::support::TestHost;

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
    assert!(next.stderr.contains("2 tables with 4 rows"), "{next:?}");
    assert_eq!(services(&host, "redis"), "store");
    assert!(tested(&host).is_some());
}
