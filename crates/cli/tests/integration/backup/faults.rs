//! Whatever goes wrong, no file is called a backup that is none, and the next run works.

use std::{fs, path::Path, process::Command};

use dokku_sandbox::faults::Plan;

use super::{backups, host_with, say, traces};
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

#[test]
fn a_dropped_connection_leaves_nothing() {
    let host = host_with("postgres");
    fill(&host);
    host.fault(Plan {
        drop_after: Some(1_000_000),
        ..Plan::default()
    });
    let failed = host.cli(&["db", "shop", "backup"]).run();
    assert_eq!(failed.status, Some(5), "{failed:?}");
    assert_eq!(traces(host.home()), [""; 0]);
    host.heal();
    works(&host);
}

#[test]
fn a_killed_run_leaves_no_backup_and_the_next_sweeps() {
    let host = host_with("postgres");
    fill(&host);
    host.fault(Plan {
        delay_ms: 400,
        ..Plan::default()
    });
    let running = host.cli(&["db", "shop", "backup"]).start();
    await_until("some of the dump", || {
        fs::read_dir(host.home()).unwrap().flatten().any(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with(".dokku-cli-")
                && entry.metadata().is_ok_and(|data| data.len() > 0)
        })
    });
    running.signal_group(rustix::process::Signal::KILL);
    assert_eq!(running.finish().status, None);
    assert_eq!(backups(host.home()).len(), 0);
    assert_eq!(traces(host.home()).len(), 1);
    host.heal();
    works(&host);
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
}

#[test]
fn every_changed_byte_and_every_cut_is_found() {
    let host = host_with("redis");
    let keys: Vec<String> = (0..500)
        .map(|n| format!("SET key{n} value{}\n", n * n))
        .collect();
    let keys = keys.concat();
    say(&host, "redis", keys.as_bytes());
    let made = host.cli(&["db", "shop", "backup", "--gzip"]).run();
    assert_eq!(made.status, Some(0), "{made:?}");
    let original = backups(host.home()).remove(0);
    let good = fs::read(&original).unwrap();
    let manifest = fs::read(format!("{}.json", original.display())).unwrap();
    // 100 files with a byte changed, 100 cut short, each a second apart in its name.
    let place = |n: usize| n * (good.len() - 1) / 99;
    let directory = host.home().join("damaged");
    fs::create_dir(&directory).unwrap();
    for n in 0..200 {
        let mut bad = good.clone();
        if n < 100 {
            bad[place(n)] ^= 0x10;
        } else {
            bad.truncate(place(n - 100));
        }
        let name = format!("shop-20260101_00{:02}{:02}.dump.gz", n / 60, n % 60);
        fs::write(directory.join(&name), bad).unwrap();
        fs::write(directory.join(name + ".json"), &manifest).unwrap();
    }
    let verified = host
        .cli(&["db", "shop", "verify", "--all"])
        .directory(&directory)
        .run();
    assert_eq!(verified.status, Some(7), "{verified:?}");
    assert!(
        verified
            .stderr
            .contains("200 of 200 backups of shop did not pass"),
        "{verified:?}"
    );
    // What is damaged is not restored, and nothing is begun.
    let refused = host
        .cli(&["db", "shop", "restore", "latest", "--yes"])
        .directory(&directory)
        .run();
    assert_eq!(refused.status, Some(7), "{refused:?}");
    assert_eq!(backups(&directory).len(), 200);
}
