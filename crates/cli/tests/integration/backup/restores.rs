//! Restores that are looked at while they run, that are broken off, and that are refused.

use std::fs;

use dokku_sandbox::faults::Plan;
use rustix::process::{Signal, kill_process};

use super::{backups, gate, host_with, say};
use crate::{
    deploy::Shop,
    support::{Started, TestHost, await_until},
};

/// Statements that show everything in the database that the tests put there.
const SHOW: &[u8] = b"SELECT string_agg(x, ',' ORDER BY x) FROM t;\nSELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public';\n";
const DATABASES: &[u8] = b"SELECT 'is ' || datname FROM pg_database ORDER BY 1;\n";

/// A database that has changed since its only backup, and the name of that backup.
fn changed_since() -> (TestHost, String) {
    let host = host_with("postgres");
    say(
        &host,
        "postgres",
        b"CREATE TABLE t (x text); INSERT INTO t VALUES ('backed-up');\n",
    );
    let made = host.cli(&["db", "shop", "backup"]).run();
    assert_eq!(made.status, Some(0), "{made:?}");
    say(
        &host,
        "postgres",
        b"UPDATE t SET x = 'present'; CREATE TABLE newer (x int);\n",
    );
    let file = backups(host.home()).remove(0);
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    (host, name)
}

/// From now on imports wait on the host; runs a restore up to there.
fn held_at_import<'a>(host: &'a TestHost, file: &str) -> Started<'a> {
    let waits = gate(host, "postgres:import");
    let running = host.cli(&["db", "shop", "restore", file, "--yes"]).start();
    waits();
    running
}

fn has_aside(host: &TestHost) -> bool {
    say(host, "postgres", DATABASES).contains("is store_")
}

fn is_locked(host: &TestHost) -> bool {
    let status = host.cli(&["lock:status", "shop"]).run();
    assert!(matches!(status.status, Some(0 | 4)), "{status:?}");
    status.status == Some(4)
}

#[test]
fn meanwhile_the_app_is_locked_and_a_second_restore_refused() {
    let (host, file) = changed_since();
    let running = held_at_import(&host, &file);
    let status = host.cli(&["lock:status", "shop"]).run();
    assert_eq!(status.status, Some(4), "{status:?}");
    assert!(
        status.stdout.contains("restore of store from shop-"),
        "{status:?}"
    );
    let second = host.cli(&["db", "shop", "restore", &file, "--yes"]).run();
    assert_eq!(second.status, Some(4), "{second:?}");
    assert!(second.stderr.contains("another restore"), "{second:?}");
    // Somebody on another machine knows of the lock only.
    let other = host
        .cli(&["db", "shop", "restore", &file, "--yes"])
        .env("XDG_STATE_HOME", host.home().join("other"))
        .run();
    assert_eq!(other.status, Some(4), "{other:?}");
    assert!(other.stderr.contains("is locked by"), "{other:?}");
    host.open_gate();
    let restored = running.finish();
    assert_eq!(restored.status, Some(0), "{restored:?}");
    assert!(restored.stderr.contains("newer"), "the extra: {restored:?}");
    assert!(!is_locked(&host) && !has_aside(&host));
    let shown = say(&host, "postgres", SHOW);
    assert!(
        shown.contains("backed-up") && !shown.contains("newer"),
        "{shown}"
    );
}

#[test]
fn ctrl_c_puts_back_what_was_there_and_unlocks() {
    let (host, file) = changed_since();
    let before = say(&host, "postgres", SHOW);
    let running = held_at_import(&host, &file);
    running.signal_group(Signal::INT);
    let stopped = running.finish();
    host.open_gate();
    assert_eq!(stopped.status, Some(130), "{stopped:?}");
    assert!(stopped.stderr.contains("is there again"), "{stopped:?}");
    assert_eq!(say(&host, "postgres", SHOW), before);
    assert!(!is_locked(&host) && !has_aside(&host));
}

#[test]
fn a_failed_import_leaves_everything_as_it_was() {
    let (host, file) = changed_since();
    let before = say(&host, "postgres", SHOW);
    host.fail_next("postgres:import", 1);
    let failed = host.cli(&["db", "shop", "restore", &file, "--yes"]).run();
    assert_eq!(failed.status, Some(5), "{failed:?}");
    assert!(failed.stderr.contains("is out of order"), "{failed:?}");
    assert!(failed.stderr.contains("is there again"), "{failed:?}");
    assert_eq!(say(&host, "postgres", SHOW), before);
    assert!(!is_locked(&host) && !has_aside(&host));
    // So does one that ends well and brings nothing.
    host.fail_next("postgres:import", 0);
    let empty = host.cli(&["db", "shop", "restore", &file, "--yes"]).run();
    assert_eq!(empty.status, Some(7), "{empty:?}");
    assert!(
        empty
            .stderr
            .contains("public.t is not there (1 in the dump)"),
        "{empty:?}"
    );
    assert_eq!(say(&host, "postgres", SHOW), before);
    assert!(!is_locked(&host) && !has_aside(&host));
}

#[test]
fn what_a_killed_restore_left_is_told_and_the_next_one_works() {
    let (host, file) = changed_since();
    let running = held_at_import(&host, &file);
    running.signal_group(Signal::KILL);
    assert_eq!(running.finish().status, None);
    host.open_gate();
    assert!(is_locked(&host) && has_aside(&host));
    let kept = backups(host.home())
        .into_iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .find(|name| name.starts_with("pre-restore_"))
        .unwrap();

    // What is there is whole as a dump, and half the data: no backup of it.
    let before = backups(host.home());
    let half = host.cli(&["db", "shop", "backup"]).run();
    assert_eq!(half.status, Some(4), "{half:?}");
    assert!(half.stderr.contains("may be half there"), "{half:?}");
    assert_eq!(backups(host.home()), before);

    let next = host.cli(&["db", "shop", "restore", &file, "--yes"]).run();
    assert_eq!(next.status, Some(0), "{next:?}");
    assert!(
        next.stderr.contains("did not end; it was replacing"),
        "{next:?}"
    );
    assert!(
        next.stderr
            .contains(&format!("dokku-cli db shop restore {kept} store")),
        "{next:?}"
    );
    assert!(say(&host, "postgres", SHOW).contains("backed-up"));
    assert!(!is_locked(&host));
    // The data from before is where the message says, until somebody removes it.
    let databases = say(&host, "postgres", DATABASES);
    let before = databases
        .lines()
        .filter_map(|line| line.trim().strip_prefix("is "))
        .find(|name| name.starts_with("store_before_"))
        .unwrap();
    assert!(
        next.stderr
            .contains(&format!("DROP DATABASE \"{before}\";")),
        "{next:?}"
    );
    say(
        &host,
        "postgres",
        format!("DROP DATABASE \"{before}\";\n").as_bytes(),
    );
    // The command that was told leads back.
    let back = host
        .cli(&["db", "shop", "restore", &kept, "store", "--yes"])
        .run();
    assert_eq!(back.status, Some(0), "{back:?}");
    assert!(!back.stderr.contains("did not end"), "{back:?}");
    assert!(say(&host, "postgres", SHOW).contains("present"));
    assert!(!has_aside(&host));
}

/// The connection is lost in the middle of an import, and the host stays out of reach.
#[test]
fn a_host_that_stays_away_keeps_what_was_there_and_the_next_restore_goes_on() {
    let (host, file) = changed_since();
    let running = held_at_import(&host, &file);
    let ssh = host.shared_connection();
    host.fault(Plan {
        refuse: true,
        ..Plan::default()
    });
    kill_process(ssh, Signal::KILL).unwrap();
    let cut = running.finish();
    host.heal();
    host.open_gate();
    assert_eq!(cut.status, Some(5), "{cut:?}");
    for told in [
        "what was there before could not be put back",
        "it is in the database store_before_",
        "shop is still locked",
        "The way back: dokku-cli db shop restore pre-restore_shop-",
    ] {
        assert!(cut.stderr.contains(told), "{told} in {cut:?}");
    }
    assert!(is_locked(&host) && has_aside(&host));
    let next = host.cli(&["db", "shop", "restore", &file, "--yes"]).run();
    assert_eq!(next.status, Some(0), "{next:?}");
    assert!(next.stderr.contains("did not end"), "{next:?}");
    assert!(say(&host, "postgres", SHOW).contains("backed-up"));
    assert!(!is_locked(&host));
}

#[test]
fn what_the_server_lacks_is_told_before_anything_changes() {
    let (host, _) = changed_since();
    say(
        &host,
        "postgres",
        b"CREATE ROLE \"Odd reader\"; CREATE POLICY p ON t TO \"Odd reader\" USING (true);\n",
    );
    let made = host
        .cli(&["db", "shop", "backup", "-o", "rights.dump"])
        .run();
    assert_eq!(made.status, Some(0), "{made:?}");
    say(
        &host,
        "postgres",
        b"DROP POLICY p ON t; DROP ROLE \"Odd reader\";\n",
    );
    let before = say(&host, "postgres", SHOW);
    let refused = host
        .cli(&["db", "shop", "restore", "rights.dump", "--yes"])
        .run();
    assert_eq!(refused.status, Some(4), "{refused:?}");
    assert!(
        refused.stderr.contains("needs roles") && refused.stderr.contains("Odd reader"),
        "{refused:?}"
    );
    assert_eq!(say(&host, "postgres", SHOW), before);
    assert_eq!(backups(host.home()).len(), 2, "nothing was begun");
    say(&host, "postgres", b"CREATE ROLE \"Odd reader\";\n");
    let restored = host
        .cli(&["db", "shop", "restore", "rights.dump", "--yes"])
        .run();
    assert_eq!(restored.status, Some(0), "{restored:?}");
}

#[test]
fn a_dump_of_a_newer_server_is_refused_with_both_versions() {
    let host = host_with("redis");
    say(&host, "redis", b"SET a b\n");
    let dump = b"REDIS0011\xfa\x09redis-ver\x0599.1.\xfe\x00\x00\x01a\x01b\xff\0\0\0\0\0\0\0\0";
    fs::write(host.home().join("future.rdb"), dump).unwrap();
    let refused = host
        .cli(&["db", "shop", "restore", "future.rdb", "--yes"])
        .run();
    assert_eq!(refused.status, Some(4), "{refused:?}");
    assert!(
        refused.stderr.contains("Redis 99.1") && refused.stderr.contains("store runs 7."),
        "{refused:?}"
    );
    assert_eq!(backups(host.home()).len(), 0, "nothing was begun");
}

#[test]
fn the_app_is_stopped_and_started_again_and_the_name_is_typed() {
    let host = host_with("redis");
    say(&host, "redis", b"SET greeting backed-up\n");
    let shop = Shop::new(&host);
    shop.push_by_hand("main");
    assert_eq!(shop.answer().0, 200);
    let made = host.cli(&["db", "shop", "backup", "-o", "it.rdb"]).run();
    assert_eq!(made.status, Some(0), "{made:?}");
    say(&host, "redis", b"SET greeting present\n");
    let typed = |word: &str| {
        use std::io::Write;
        let mut child: std::process::Child = host
            .cli(&["db", "shop", "restore", "it.rdb", "--stop-app"])
            .on_a_terminal()
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(format!("{word}\n").as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), shown)
    };
    let (code, shown) = typed("yes");
    assert_eq!(code, Some(4), "{shown}");
    assert!(say(&host, "redis", b"GET greeting\n").contains("present"));

    let _ = host.ssh("apps:exists shop");
    let (code, shown) = typed("shop");
    assert_eq!(code, Some(0), "{shown}");
    let sent = host.counts().commands;
    let at = |verb: &str| sent.iter().position(|line| line.starts_with(verb)).unwrap();
    assert!(at("ps:stop shop") < at("redis:export"), "{sent:?}");
    assert!(at("redis:import") < at("ps:start shop"), "{sent:?}");
    assert!(say(&host, "redis", b"GET greeting\n").contains("backed-up"));
    await_until("the app", || shop.answer().0 == 200);

    // Also when it fails.
    host.fail_next("redis:import", 1);
    let failed = host
        .cli(&["db", "shop", "restore", "it.rdb", "--stop-app", "--yes"])
        .run();
    assert_eq!(failed.status, Some(5), "{failed:?}");
    await_until("the app", || shop.answer().0 == 200);
}
