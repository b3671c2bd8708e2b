//! Whatever goes wrong, no file is called a backup that is none, and the next run works.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use dokku_sandbox::faults::Plan;
use rustix::process::{Signal, kill_process};

use super::{backups, filled::filled, gate, host_with, say, traces};
use crate::support::{TestHost, await_until};

/// Some megabytes that do not compress.
fn fill(host: &TestHost) {
    say(
        host,
        "postgres",
        b"CREATE TABLE t AS SELECT n, sha512(n::text::bytea) AS h FROM generate_series(1, 60000) n;\n",
    );
}

fn works(host: &TestHost) {
    let next = host.cli(&["db", "shop", "backup"]).run();
    assert_eq!(next.status, Some(0), "{next:?}");
    let left = traces(host.home());
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left[1].ends_with(".dump.json"), "{left:?}");
    let verified = host.cli(&["db", "shop", "verify", "--all"]).run();
    assert_eq!(verified.status, Some(0), "{verified:?}");
}

#[test]
fn an_export_that_fails_leaves_nothing() {
    let host = host_with("postgres");
    host.fail_next("postgres:export", 1);
    let failed = host.cli(&["db", "shop", "backup"]).run();
    assert_eq!(failed.status, Some(5), "{failed:?}");
    assert!(
        failed.stderr.contains("postgres:export is out of order"),
        "{failed:?}"
    );
    assert_eq!(traces(host.home()), [""; 0]);
    works(&host);
}

#[test]
fn an_export_that_succeeds_with_nothing_is_no_backup() {
    let host = host_with("postgres");
    for (said, complaint) in [("", "without a byte"), ("PGDMP\u{1}\u{e}", "is not whole")] {
        host.fault(Plan {
            fail: vec![dokku_sandbox::faults::Failing {
                verb: "postgres:export".to_owned(),
                stderr: String::new(),
                stdout: said.to_owned(),
                exit: 0,
                after: 0,
            }],
            ..Plan::default()
        });
        let failed = host.cli(&["db", "shop", "backup", "--gzip"]).run();
        assert_eq!(failed.status, Some(7), "{failed:?}");
        assert!(failed.stderr.contains(complaint), "{failed:?}");
        assert_eq!(traces(host.home()), [""; 0]);
    }
    works(&host);
}

/// A host whose service holds a megabyte, with a backup of it; the file, and what is in it.
fn backed_up(kind: &str) -> (TestHost, PathBuf, Vec<u8>) {
    let host = host_with(kind);
    say(&host, kind, filled(kind).fill.as_bytes());
    works(&host);
    let first = backups(host.home()).remove(0);
    let content = fs::read(&first).unwrap();
    assert!(content.len() > 500_000, "{kind}: {}", content.len());
    (host, first, content)
}

fn all_are_good(host: &TestHost) {
    let verified = host.cli(&["db", "shop", "verify", "--all"]).run();
    assert_eq!(verified.status, Some(0), "{verified:?}");
}

/// The connection drops after the first byte, and at 50 and 99 % of a dump.
fn dropped(kind: &str) {
    let (host, first, content) = backed_up(kind);
    let size = content.len() as u64;
    for (made, bytes) in [1, size / 2, size * 99 / 100].into_iter().enumerate() {
        host.fault(Plan {
            drop_after: Some(bytes),
            ..Plan::default()
        });
        let failed = host.cli(&["db", "shop", "backup"]).run();
        assert_eq!(failed.status, Some(5), "after {bytes}: {failed:?}");
        assert_eq!(traces(host.home()).len(), 2 * (made + 1), "after {bytes}");
        assert_eq!(fs::read(&first).unwrap(), content);
        host.heal();
        let next = host.cli(&["db", "shop", "backup"]).run();
        assert_eq!(next.status, Some(0), "after {bytes}: {next:?}");
    }
    all_are_good(&host);
}

#[test]
fn a_dropped_connection_leaves_nothing_of_postgres() {
    dropped("postgres");
}

#[test]
fn a_dropped_connection_leaves_nothing_of_mariadb() {
    dropped("mariadb");
}

#[test]
fn a_dropped_connection_leaves_nothing_of_redis() {
    dropped("redis");
}

/// Whoever is killed in the middle of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    /// `dokku-cli`, and nobody else.
    Program,
    /// The ssh that brings the dump.
    Ssh,
}

/// kill -9 of the program and of its ssh at 0, 50 and 99 % of a dump: no backup is left, and the next
/// run works.
fn killed(kind: &str) {
    let (host, first, content) = backed_up(kind);
    let size = content.len() as u64;
    let mut count = 1;
    for victim in [Victim::Program, Victim::Ssh] {
        for bytes in [0, size / 2, size * 99 / 100] {
            let waits = gate(&host, &format!("{kind}:export"));
            let running = host.cli(&["db", "shop", "backup"]).start();
            waits();
            let ssh = host.shared_connection();
            host.fault(Plan {
                stall_after: Some(bytes),
                ..Plan::default()
            });
            host.open_gate();
            host.await_silence();
            kill_process(
                match victim {
                    Victim::Program => running.pid(),
                    Victim::Ssh => ssh,
                },
                Signal::KILL,
            )
            .unwrap();
            let ended = running.finish();
            host.heal();
            let expected = match victim {
                Victim::Program => None,
                Victim::Ssh => Some(5),
            };
            assert_eq!(ended.status, expected, "{victim:?} at {bytes}: {ended:?}");
            assert_eq!(backups(host.home()).len(), count, "{victim:?} at {bytes}");
            assert_eq!(fs::read(&first).unwrap(), content);
            // The next run works, and sweeps.
            let next = host.cli(&["db", "shop", "backup"]).run();
            assert_eq!(next.status, Some(0), "{victim:?} at {bytes}: {next:?}");
            count += 1;
            assert_eq!(
                traces(host.home()).len(),
                2 * count,
                "{victim:?} at {bytes}"
            );
        }
    }
    all_are_good(&host);
}

#[test]
fn whoever_is_killed_at_whatever_byte_leaves_no_backup_of_postgres() {
    killed("postgres");
}

#[test]
fn whoever_is_killed_at_whatever_byte_leaves_no_backup_of_mariadb() {
    killed("mariadb");
}

#[test]
fn whoever_is_killed_at_whatever_byte_leaves_no_backup_of_redis() {
    killed("redis");
}

#[test]
fn two_backups_at_once_are_two_backups() {
    let host = host_with("postgres");
    fill(&host);
    let waits = gate(&host, "postgres:export");
    let first = host.cli(&["db", "shop", "backup"]).start();
    waits();
    let second = host.cli(&["db", "shop", "backup"]).start();
    await_until("both under way", || traces(host.home()).len() == 2);
    host.open_gate();
    for ran in [first.finish(), second.finish()] {
        assert_eq!(ran.status, Some(0), "{ran:?}");
    }
    assert_eq!(backups(host.home()).len(), 2);
    assert_eq!(traces(host.home()).len(), 4, "each has its manifest");
    let verified = host.cli(&["db", "shop", "verify", "--all"]).run();
    assert_eq!(verified.status, Some(0), "{verified:?}");
}

/// Clocks that jump: files that say that they are of 1970, and of the next century.
#[test]
fn a_backup_of_the_wrong_time_is_neither_the_latest_nor_pruned_for() {
    let host = host_with("redis");
    say(&host, "redis", b"SET a right\n");
    works(&host);
    let right = backups(host.home()).remove(0);
    say(&host, "redis", b"SET a wrong\n");
    let ran = host
        .cli(&["db", "shop", "backup", "-o", "wrong.dump"])
        .run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let home = host.home();
    for time in ["20990101_000000", "20980101_000000", "19700101_000001"] {
        for end in ["", ".json"] {
            fs::copy(
                home.join(format!("wrong.dump{end}")),
                home.join(format!("shop-{time}.dump{end}")),
            )
            .unwrap();
        }
    }
    let restored = host
        .cli(&["db", "shop", "restore", "latest", "--yes"])
        .run();
    assert_eq!(restored.status, Some(0), "{restored:?}");
    assert!(
        restored
            .stderr
            .contains("shop-20990101_000000.dump is from the future"),
        "{restored:?}"
    );
    assert!(say(&host, "redis", b"GET a\n").contains("right"));

    let name = right.file_name().unwrap().to_str().unwrap().to_owned();
    let pruned = host.cli(&["db", "shop", "prune"]).run();
    assert_eq!(pruned.status, Some(0), "{pruned:?}");
    let left = backups(home);
    let has = |name: &str| left.iter().any(|path| path.ends_with(name));
    assert!(has(&name) && has("shop-20990101_000000.dump"), "{pruned:?}");
    assert!(has("shop-20980101_000000.dump"), "{pruned:?}");
    assert!(!has("shop-19700101_000001.dump"), "{pruned:?}");

    // Only what is from the future: it is not taken for the latest by mistake.
    for path in left
        .iter()
        .filter(|path| !path.ends_with("shop-20990101_000000.dump"))
    {
        fs::remove_file(path).unwrap();
    }
    let none = host
        .cli(&["db", "shop", "restore", "latest", "--yes"])
        .run();
    assert_eq!(none.status, Some(2), "{none:?}");
}

/// A tmpfs of 2 MiB, unmounted at the end.
struct Small<'a>(&'a Path);

impl Drop for Small<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(self.0).status());
    }
}

#[test]
fn a_full_disk_leaves_nothing() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run: only root may mount a small disk");
        return;
    }
    let host = host_with("postgres");
    fill(&host);
    let directory = host.home().join("small");
    fs::create_dir(&directory).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
        .arg(&directory)
        .status()
        .unwrap();
    assert!(mounted.success());
    let _small = Small(&directory);
    let failed = host
        .cli(&["db", "shop", "backup"])
        .directory(&directory)
        .run();
    assert_eq!(failed.status, Some(70), "{failed:?}");
    assert!(
        failed.stderr.contains("No space left on device"),
        "{failed:?}"
    );
    assert_eq!(traces(&directory), [""; 0]);
    works(&host);
}

/// Numbers that are the same in each run (splitmix64).
struct Places(u64);

impl Places {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % below as u64).unwrap()
    }
}

/// For each engine 100 files with a changed byte, 100 that were cut, and 100 of these without the
/// manifest that gives a change away at once.
#[test]
fn every_changed_byte_and_every_cut_is_found() {
    const SEED: u64 = 20_261_125;
    eprintln!("seed {SEED}");
    let mut places = Places(SEED);
    let host = host_with("redis");
    let keys: Vec<String> = (0..500)
        .map(|n| format!("SET key{n} value{}\n", n * n))
        .collect();
    say(&host, "redis", keys.concat().as_bytes());
    let statements: &[u8] =
        b"CREATE TABLE t (n int, s varchar(40)); INSERT INTO t VALUES (1, 'one'), (2, 'two;\\n-- x');\n";
    for kind in ["postgres", "mariadb"] {
        host.ssh(&format!("{kind}:create store"));
        host.ssh(&format!("{kind}:link store shop --no-restart"));
        say(&host, kind, statements);
    }
    for (kind, packing) in [
        ("redis", "--gzip"),
        ("postgres", "--json"),
        ("mariadb", "--gzip"),
    ] {
        let directory = host.home().join(kind);
        fs::create_dir(&directory).unwrap();
        let made = host
            .cli(&["db", "shop", "backup", kind, packing])
            .directory(&directory)
            .run();
        assert_eq!(made.status, Some(0), "{made:?}");
        let original = backups(&directory).remove(0);
        let good = fs::read(&original).unwrap();
        let manifest_file = format!("{}.json", original.display());
        let manifest = fs::read(&manifest_file).unwrap();
        fs::remove_file(&original).unwrap();
        fs::remove_file(manifest_file).unwrap();
        let end = original
            .extension()
            .unwrap()
            .to_str()
            .unwrap()
            .replace("gz", "dump.gz");
        for n in 0..300 {
            let mut bad = good.clone();
            let place = places.next(good.len());
            if n < 100 {
                bad[place] ^= u8::try_from(1 + places.next(255)).unwrap();
            } else {
                bad.truncate(place);
            }
            let name = format!("shop-20260101_00{:02}{:02}.{end}", n / 60, n % 60);
            fs::write(directory.join(&name), bad).unwrap();
            if n < 200 {
                fs::write(directory.join(name + ".json"), &manifest).unwrap();
            }
        }
        let verified = host
            .cli(&["db", "shop", "verify", "--all"])
            .directory(&directory)
            .run();
        assert_eq!(verified.status, Some(7), "{kind}: {verified:?}");
        assert!(
            verified
                .stderr
                .contains("300 of 300 backups of shop did not pass"),
            "{kind}: {verified:?}"
        );
        // What is damaged is not restored, and nothing is begun.
        let refused = host
            .cli(&["db", "shop", "restore", "latest", kind, "--yes"])
            .directory(&directory)
            .run();
        assert_eq!(refused.status, Some(7), "{kind}: {refused:?}");
        assert_eq!(backups(&directory).len(), 300);
    }
}
