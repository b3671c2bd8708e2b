//! A restore that cannot go on: what was there is there, or the way back to it is told.

use std::fs;

use dokku_sandbox::faults::Plan;
use jiff::Timestamp;
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use super::{backups, filled::filled, gate, host_with, refuse_at_gate, say};
use crate::support::TestHost;

const SHOW: &[u8] = b"GET greeting\n";

/// A host whose data has changed since its only backup, and the name of that backup.
fn changed_since() -> (TestHost, String) {
    let host = host_with("redis");
    say(&host, "redis", b"SET greeting backed-up\n");
    let made = host.cli(&["db", "shop", "backup"]).run();
    assert_eq!(made.status, Some(0), "{made:?}");
    say(&host, "redis", b"SET greeting present\n");
    let file = backups(host.home()).remove(0);
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    (host, name)
}

fn shows(host: &TestHost, value: &str) {
    let shown = say(host, "redis", SHOW);
    assert!(shown.contains(value), "{shown}");
}

/// The copy that a restore made first.
fn kept(host: &TestHost) -> String {
    backups(host.home())
        .into_iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .find(|name| name.starts_with("pre-restore_shop-"))
        .unwrap()
}

#[test]
fn a_failed_import_tells_the_way_back() {
    let (host, file) = changed_since();
    host.fail_next("redis:import", 1);
    let failed = host.cli(&["db", "shop", "restore", &file, "--yes"]).run();
    assert_eq!(failed.status, Some(5), "{failed:?}");
    assert!(failed.stderr.contains("redis:import is out of order"));
    let kept = kept(&host);
    let way_back = format!("dokku-cli db shop restore {kept} store --yes");
    assert!(failed.stderr.contains(&way_back), "{failed:?}");

    // The command does what is said of it.
    say(&host, "redis", b"SET greeting half\n");
    let words: Vec<&str> = way_back.split(' ').skip(1).collect();
    let back = host.cli(&[words.as_slice(), &["--json"]].concat()).run();
    assert_eq!(back.status, Some(0), "{back:?}");
    let told: Value = serde_json::from_str(&back.stdout).unwrap();
    assert_eq!(
        (&told["file"], &told["service"]),
        (&json!(kept), &json!("store"))
    );
    let again = told["way_back"].as_str().unwrap();
    assert!(
        again.starts_with("pre-restore_shop-") && again != kept,
        "{told}"
    );
    assert!(host.home().join(again).is_file());
    shows(&host, "present");
}

#[test]
fn without_a_copy_of_the_present_data_nothing_is_imported() {
    let (host, file) = changed_since();
    host.fail_next("redis:export", 1);
    let failed = host.cli(&["db", "shop", "restore", &file, "--yes"]).run();
    assert_eq!(failed.status, Some(5), "{failed:?}");
    assert!(failed.stderr.contains("nothing was changed"), "{failed:?}");
    let commands = host.counts().commands;
    assert!(
        commands.iter().any(|sent| sent.contains("redis:export")),
        "{commands:?}"
    );
    assert!(
        !commands.iter().any(|sent| sent.contains("redis:import")),
        "{commands:?}"
    );
    assert_eq!(backups(host.home()).len(), 1);
    shows(&host, "present");
}

#[test]
fn an_app_that_is_being_deployed_keeps_its_data() {
    let (host, file) = changed_since();
    let journal = |alive: &str| {
        host.ssh(&format!(
            "config:set --no-restart shop DEPLOY_RUN_ID=r-1 DEPLOY_RUN_PHASE=tasks \
             DEPLOY_RUN_STARTED={alive} DEPLOY_RUN_ALIVE={alive} DEPLOY_RUN_BY=ada \
             DEPLOY_RUN_COMMIT=abc DEPLOY_RUN_UNDO=e30="
        ));
    };
    journal(&dokku_deploy::clock::stamp(Timestamp::now()));
    let refused = host.cli(&["db", "shop", "restore", &file, "--yes"]).run();
    assert_eq!(refused.status, Some(4), "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("shop is being deployed by ada (tasks)"),
        "{refused:?}"
    );
    assert_eq!(backups(host.home()).len(), 1, "nothing was begun");
    shows(&host, "present");

    // A journal that cannot be read is no leave to go on.
    journal("yesterday");
    let refused = host.cli(&["db", "shop", "restore", &file, "--yes"]).run();
    assert_eq!(refused.status, Some(5), "{refused:?}");
    shows(&host, "present");

    // That of a run that is gone does not bar it.
    journal("2026-01-01T00:00:00Z");
    let restored = host.cli(&["db", "shop", "restore", &file, "--yes"]).run();
    assert_eq!(restored.status, Some(0), "{restored:?}");
    shows(&host, "backed-up");
}

#[test]
fn a_restore_into_a_new_service_leaves_the_old_one_linked_and_untouched() {
    let (host, file) = changed_since();
    let into = |name| {
        host.cli(&[
            "db", "shop", "restore", &file, "store", "--into", name, "--json",
        ])
        .run()
    };
    let restored = into("fresh");
    assert_eq!(restored.status, Some(0), "{restored:?}");
    let told: Value = serde_json::from_str(&restored.stdout).unwrap();
    assert_eq!(
        told,
        json!({"app": "shop", "file": file, "service": "fresh", "way_back": null, "tables": 1, "rows": 1, "warnings": []})
    );
    shows(&host, "present");
    assert_eq!(host.ssh("redis:app-links shop").trim(), "store");
    assert_eq!(backups(host.home()).len(), 1, "nothing was replaced");
    host.ssh("redis:link fresh shop --no-restart --alias FRESH");
    let made = host
        .cli(&["db", "shop", "backup", "fresh", "-o", "fresh.rdb"])
        .run();
    assert_eq!(made.status, Some(0), "{made:?}");
    let dump = fs::read(host.home().join("fresh.rdb")).unwrap();
    assert!(String::from_utf8_lossy(&dump).contains("backed-up"));

    // A service that is there is not taken for a new one.
    let refused = into("store");
    assert_eq!(refused.status, Some(4), "{refused:?}");
    shows(&host, "present");

    // What a failed one leaves is told.
    host.fail_next("redis:import", 1);
    let failed = into("second");
    assert_eq!(failed.status, Some(5), "{failed:?}");
    assert!(failed.stderr.contains("redis:destroy second"), "{failed:?}");
    shows(&host, "present");
}

/// The connection drops in the middle of an import. Nothing is lost, and the way back is told.
fn drops_in_the_middle(kind: &str) {
    let filled = filled(kind);
    let host = host_with(kind);
    say(&host, kind, filled.fill.as_bytes());
    let made = host.cli(&["db", "shop", "backup"]).run();
    assert_eq!(made.status, Some(0), "{kind}: {made:?}");
    let file = backups(host.home()).remove(0);
    let size = fs::metadata(&file).unwrap().len();
    assert!(size > 500_000, "{kind}: {size}");
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    let words = ["db", "shop", "restore", &name, "--yes"];
    let shows = |word: &str| {
        let shown = say(&host, kind, filled.show);
        assert!(shown.contains(word), "{kind}: {shown}");
    };
    say(&host, kind, filled.change);
    host.fault(Plan {
        drop_after_input: Some(size / 2),
        ..Plan::default()
    });
    let cut = host.cli(&words).run();
    assert_eq!(cut.status, Some(5), "{kind}: {cut:?}");
    assert!(
        cut.stderr.contains("restore of store failed: cannot reach"),
        "{kind}: {cut:?}"
    );
    let kept = kept(&host);
    if kind == "postgres" {
        assert!(cut.stderr.contains("is there again"), "{cut:?}");
        shows("present");
    } else {
        assert!(
            cut.stderr.contains("may be empty now, or hold half"),
            "{kind}: {cut:?}"
        );
    }
    let status = host.cli(&["lock:status", "shop"]).run();
    assert_eq!(status.status, Some(0), "{kind}: {status:?}");
    // What is told leads back, and the same command works the next time.
    let back = ["db", "shop", "restore", &kept, "store", "--yes"];
    if kind != "postgres" {
        let told = format!("dokku-cli {}", back.join(" "));
        assert!(cut.stderr.contains(&told), "{kind}: {cut:?}");
    }
    if kind != "postgres" {
        let ran = host.cli(&back).run();
        assert_eq!(ran.status, Some(0), "{kind}: {ran:?}");
        shows("present");
    }
    let next = host.cli(&words).run();
    assert_eq!(next.status, Some(0), "{kind}: {next:?}");
    shows("backed-up");
}

#[test]
fn a_dropped_restore_of_postgres_puts_back_what_was_there() {
    drops_in_the_middle("postgres");
}

#[test]
fn a_dropped_restore_of_mariadb_tells_the_way_back() {
    drops_in_the_middle("mariadb");
}

#[test]
fn a_dropped_restore_of_redis_tells_the_way_back() {
    drops_in_the_middle("redis");
}

/// kill -9 of the ssh that carries a restore.
#[test]
fn a_killed_ssh_leaves_what_was_there_or_the_way_back() {
    let (host, file) = changed_since();
    let waits = gate(&host, "redis:import");
    let running = host.cli(&["db", "shop", "restore", &file, "--yes"]).start();
    waits();
    kill_process(host.shared_connection(), Signal::KILL).unwrap();
    refuse_at_gate(&host);
    let cut = running.finish();
    assert_eq!(cut.status, Some(5), "{cut:?}");
    let told = format!("dokku-cli db shop restore {} store --yes", kept(&host));
    assert!(cut.stderr.contains(&told), "{cut:?}");
    let words: Vec<&str> = told.split(' ').skip(1).collect();
    let back = host.cli(&words).run();
    assert_eq!(back.status, Some(0), "{back:?}");
    shows(&host, "present");
}

/// kill -9 of a restore and of all that belongs to it.
#[test]
fn after_a_killed_restore_the_next_one_tells_the_way_back_and_goes_on() {
    let (host, file) = changed_since();
    let waits = gate(&host, "redis:import");
    let words = ["db", "shop", "restore", &file, "--yes"];
    let running = host.cli(&words).start();
    waits();
    running.signal_group(Signal::KILL);
    assert_eq!(running.finish().status, None);
    // The host would go on with the import while the next restore begins.
    refuse_at_gate(&host);
    let kept = kept(&host);
    let next = host.cli(&words).run();
    assert_eq!(next.status, Some(0), "{next:?}");
    for told in [
        "did not end; it was replacing".to_owned(),
        format!("dokku-cli db shop restore {kept} store"),
    ] {
        assert!(next.stderr.contains(&told), "{told} in {next:?}");
    }
    shows(&host, "backed-up");
    let back = ["db", "shop", "restore", &kept, "store", "--yes"];
    let back = host.cli(&back).run();
    assert_eq!(back.status, Some(0), "{back:?}");
    shows(&host, "present");
}
