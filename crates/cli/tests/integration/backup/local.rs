//! The files in the directory: where `backup` puts them, how they are listed, which ones go.

use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{backups, host_with, say, say_to, traces};
use crate::support::TestHost;

fn made(host: &TestHost, arguments: &[&str]) -> String {
    let made = host
        .cli(&[&["db", "shop", "backup"], arguments].concat())
        .run();
    assert_eq!(made.status, Some(0), "{made:?}");
    made.stdout
}

fn manifest(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(format!("{}.json", path.display())).unwrap()).unwrap()
}

fn names(directory: &Path) -> BTreeSet<String> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_backup_goes_to_the_file_that_is_named_and_replaces_none() {
    let host = host_with("redis");
    say(&host, "redis", b"SET a b\n");
    made(&host, &["-o", "deep/down/mine.rdb"]);
    let path = host.home().join("deep/down/mine.rdb");
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.starts_with(b"REDIS"));
    assert_eq!(manifest(&path)["size"], bytes.len());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&host.home().join("deep")), 0o700);
    assert_eq!(names(path.parent().unwrap()).len(), 2);
    assert_eq!(traces(host.home()), [""; 0]);

    say(&host, "redis", b"SET a c\n");
    let again = host
        .cli(&["db", "shop", "backup", "-o", "deep/down/mine.rdb"])
        .run();
    assert_eq!(again.status, Some(4), "{again:?}");
    assert!(again.stderr.contains("exists already"), "{again:?}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(names(path.parent().unwrap()).len(), 2);
}

#[test]
fn a_backup_on_standard_output_is_the_dump_and_nothing_else() {
    let host = host_with("redis");
    say(&host, "redis", b"SET greeting hello\n");
    let output = host
        .cli(&["db", "shop", "backup", "-o", "-"])
        .command()
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(traces(host.home()), [""; 0]);
    // With anything before it or after it, this would be no dump.
    fs::write(host.home().join("out.dump"), &output.stdout).unwrap();
    let verified = host.cli(&["db", "shop", "verify", "out.dump"]).run();
    assert_eq!(verified.status, Some(0), "{verified:?}");

    host.fail_next("redis:export", 1);
    let failed = host.cli(&["db", "shop", "backup", "-o", "-"]).run();
    assert_eq!((failed.status, failed.stdout.as_str()), (Some(5), ""));

    // A dump and an object cannot share it.
    let both = host
        .cli(&["db", "shop", "backup", "-o", "-", "--json"])
        .run();
    assert_eq!(both.status, Some(2), "{both:?}");
    assert!(both.stderr.contains("standard output"), "{both:?}");
    assert!(both.stdout.starts_with("{\"error\":"), "{both:?}");
}

#[test]
fn the_json_of_a_backup_names_the_file_and_its_manifest() {
    let host = host_with("redis");
    say(&host, "redis", b"SET a b\n");
    let told: Value = serde_json::from_str(&made(&host, &["--gzip", "--json"])).unwrap();
    let file = backups(host.home()).remove(0);
    assert_eq!(told["file"], file.file_name().unwrap().to_str().unwrap());
    assert_eq!(told["manifest"], manifest(&file));
    assert_eq!(told["manifest"]["app"], "shop");
    assert_eq!(told["manifest"]["service"], "store");
    assert_eq!(told["manifest"]["reason"], "manual");
    assert_eq!(told["manifest"]["size"], fs::metadata(&file).unwrap().len());
}

#[test]
fn the_list_tells_size_service_and_state_of_each() {
    let host = host_with("redis");
    let empty = host.cli(&["db", "shop", "list-backups", "--local"]).run();
    assert_eq!(empty.status, Some(0), "{empty:?}");
    assert!(empty.stderr.contains("No backups found"), "{empty:?}");

    say(&host, "redis", b"SET a b\n");
    made(&host, &[]);
    let good = backups(host.home()).remove(0);
    let good_name = good.file_name().unwrap().to_str().unwrap();
    let bytes = fs::read(&good).unwrap();
    let here = host.home();
    fs::write(here.join("shop-20260101_000000.dump"), &bytes).unwrap();
    fs::write(here.join("shop-20260102_000000.dump"), &bytes[1..]).unwrap();
    let beside = format!("{}.json", good.display());
    fs::copy(&beside, here.join("shop-20260102_000000.dump.json")).unwrap();
    fs::write(here.join("pre-restore_shop-20260103_000000.dump"), &bytes).unwrap();
    fs::write(here.join("pre-restore_shop-20260103_000000.dump.json"), "{").unwrap();
    fs::write(here.join("shop-two-20260104_000000.dump"), &bytes).unwrap();
    fs::write(here.join("notes.dump"), "mine").unwrap();

    let size = bytes.len();
    let row = |id: &str, size: usize, service: Value, flaw: Value, reason: &str| json!({"id": id, "size": size, "service": service, "flaw": flaw, "reason": reason});
    let wanted = json!([
        row(good_name, size, json!("store"), Value::Null, "manual"),
        row(
            "pre-restore_shop-20260103_000000.dump",
            size,
            Value::Null,
            json!("damaged manifest"),
            "pre-restore"
        ),
        row(
            "shop-20260102_000000.dump",
            size - 1,
            json!("store"),
            json!("damaged: its size has changed"),
            "manual"
        ),
        row(
            "shop-20260101_000000.dump",
            size,
            Value::Null,
            json!("no manifest"),
            "manual"
        ),
    ]);
    // Without the plugin nothing is known of the server, which is said.
    let listed = host.cli(&["db", "shop", "list-backups", "--json"]).run();
    assert_eq!(listed.status, Some(0), "{listed:?}");
    let told: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(told["app"], "shop");
    assert_eq!(told["unknown"][0]["place"], "server");
    assert_eq!(told["unknown"][0]["is_error"], false);
    let rows = told["backups"].as_array().unwrap();
    assert_eq!(rows[1]["time"], "2026-01-03T00:00:00Z");
    assert_eq!(
        rows[0]["verified_at"],
        manifest(&good)["finished"]
            .as_str()
            .map_or(Value::Null, |time| json!(format!("{}Z", &time[..19])))
    );
    for (row, wanted) in rows.iter().zip(wanted.as_array().unwrap()) {
        for (key, value) in wanted.as_object().unwrap() {
            assert_eq!(&row[key], value, "{key} of {row}");
        }
    }
    assert_eq!(rows.len(), 4);

    let listed = host.cli(&["db", "shop", "list-backups"]).run();
    assert_eq!(listed.status, Some(0), "{listed:?}");
    let lines: Vec<&str> = listed.stdout.lines().collect();
    assert_eq!(lines.len(), 6, "{listed:?}");
    assert!(
        lines[0].starts_with("PLACE") && lines[0].ends_with("ID"),
        "{listed:?}"
    );
    for (line, row) in lines[1..5].iter().zip(wanted.as_array().unwrap()) {
        assert!(line.starts_with("local"), "{line}");
        assert!(line.ends_with(row["id"].as_str().unwrap()), "{line}");
        assert!(
            line.contains(row["flaw"].as_str().unwrap_or("checked 20")),
            "{line}"
        );
    }
    assert_eq!(lines[5], "server  unknown: the plugin is not on the host");
    assert!(!(listed.stdout + &listed.stderr).contains("shop-two"));
}

/// A copy of a backup with its manifest, made so many days ago by its name.
fn aged(original: &Path, before: &str, days: i64) -> PathBuf {
    let time = Timestamp::now() - SignedDuration::from_hours(24 * days);
    let name = format!("{before}-{}.dump", time.strftime("%Y%m%d_%H%M%S"));
    let path = original.with_file_name(name);
    fs::copy(original, &path).unwrap();
    fs::copy(
        format!("{}.json", original.display()),
        format!("{}.json", path.display()),
    )
    .unwrap();
    path
}

/// A file that is older than the rule keeps, of this content, with the manifest of `original` for
/// `written`.
fn old_file(
    original: &Path,
    days: i64,
    (service, end): (&str, &str),
    content: &[u8],
    written: &[u8],
) -> PathBuf {
    let path = aged(original, "shop", days);
    let mut known = manifest(&path);
    let mut sha256 = String::new();
    for byte in Sha256::digest(written) {
        write!(sha256, "{byte:02x}").unwrap();
    }
    known["sha256"] = json!(sha256);
    known["size"] = json!(written.len());
    known["service"] = json!(service);
    if !end.is_empty() {
        known["encrypted_to"] = json!(["age1somebody"]);
    }
    fs::remove_file(format!("{}.json", path.display())).unwrap();
    fs::remove_file(&path).unwrap();
    let path = PathBuf::from(format!("{}{end}", path.display()));
    fs::write(&path, content).unwrap();
    fs::write(format!("{}.json", path.display()), known.to_string()).unwrap();
    path
}

#[test]
fn prune_keeps_the_newest_that_is_encrypted_and_where_none_is_good_all() {
    let host = host_with("redis");
    made(&host, &[]);
    let made = backups(host.home()).remove(0);
    fs::create_dir(host.home().join(".dokku")).unwrap();
    let config = host.home().join(".dokku/config.yml");
    fs::write(&config, "backup:\n  retention_days: 3\n").unwrap();
    let sealed = b"age-encryption.org/v1\nnobody here can look inside";
    let kept = old_file(&made, 40, ("store", ".gz.age"), sealed, sealed);
    let gone = old_file(&made, 50, ("store", ".gz.age"), sealed, sealed);
    // Of another service only damaged ones: one of them may be better than nothing.
    let [damaged, more] =
        [60, 70].map(|days| old_file(&made, days, ("gone", ""), b"changed", b"written"));
    fs::remove_file(format!("{}.json", made.display())).unwrap();
    fs::remove_file(&made).unwrap();

    let pruned = host.cli(&["db", "shop", "prune"]).run();
    assert_eq!(pruned.status, Some(0), "{pruned:?}");
    let there = [&kept, &damaged, &more, &gone].map(|path| path.exists());
    assert_eq!(there, [true, true, true, false], "{pruned:?}");
}

#[test]
fn prune_removes_what_is_too_old_and_nothing_that_is_not_its_own() {
    let host = host_with("redis");
    say(&host, "redis", b"SET a b\n");
    made(&host, &[]);
    let newest = backups(host.home()).remove(0);
    fs::create_dir(host.home().join(".dokku")).unwrap();
    let config = host.home().join(".dokku/config.yml");
    fs::write(&config, "backup:\n  retention_days: 3\n").unwrap();
    aged(&newest, "shop", 2);
    let old = aged(&newest, "shop", 4);
    let older = aged(&newest, "shop", 40);
    aged(&newest, "pre-restore_shop", 20);
    let way_back = aged(&newest, "pre-restore_shop", 31);
    aged(&newest, "shop-two", 40);
    let foreign = aged(&newest, "shop", 50);
    fs::remove_file(format!("{}.json", foreign.display())).unwrap();
    fs::write(host.home().join("shop.dump"), "mine").unwrap();
    fs::write(host.home().join("shop-20200101_000000.dump.json"), "mine").unwrap();
    let before = names(host.home());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let gone = [&old, &older, &way_back].map(|path| name(path));

    let dry = host.cli(&["db", "shop", "prune", "--dry-run"]).run();
    assert_eq!(dry.status, Some(0), "{dry:?}");
    let told = &dry.stdout;
    for gone in &gone {
        assert!(told.contains(&format!("{gone}: would go (")), "{told}");
    }
    assert!(dry.stderr.contains("3 backup(s) of shop would be removed"));
    assert!(told.contains(&format!("{}: stays (not made by", name(&foreign))));
    assert_eq!(names(host.home()), before);

    let pruned = host.cli(&["db", "shop", "prune", "--json"]).run();
    assert_eq!(pruned.status, Some(0), "{pruned:?}");
    let told: Value = serde_json::from_str(&pruned.stdout).unwrap();
    assert_eq!(told["is_dry_run"], false);
    let removed: BTreeSet<String> = serde_json::from_value(told["removed"].clone()).unwrap();
    assert_eq!(removed, BTreeSet::from(gone.clone()));
    let judged = told["judged"].as_array().unwrap();
    assert!(judged.iter().all(|one| one["why"].is_string()), "{told}");
    let kept = judged.iter().filter(|one| one["is_kept"] == true);
    assert_eq!(kept.count(), judged.len() - gone.len(), "{told}");
    let both = gone
        .iter()
        .flat_map(|name| [name.clone(), format!("{name}.json")]);
    let wanted: BTreeSet<String> = before.difference(&both.collect()).cloned().collect();
    assert_eq!(names(host.home()), wanted);

    // Settings that are wrong remove nothing.
    fs::write(&config, "backup:\n  retention_days: 0\n").unwrap();
    let refused = host.cli(&["db", "shop", "prune"]).run();
    assert_ne!(refused.status, Some(0), "{refused:?}");
    assert!(refused.stderr.contains("retention_days"), "{refused:?}");
    assert_eq!(names(host.home()), wanted);
}

#[test]
fn a_terminal_shows_how_far_a_dump_has_come_and_a_pipe_does_not() {
    let host = host_with("redis");
    say(&host, "redis", b"SET a b\n");
    let shown = host
        .cli(&["db", "shop", "backup"])
        .on_a_terminal()
        .env("TERM", "xterm")
        .output()
        .unwrap();
    assert!(shown.status.success(), "{shown:?}");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("B/s"), "{shown:?}");
    let piped = host.cli(&["db", "shop", "backup"]).run();
    assert_eq!(piped.status, Some(0), "{piped:?}");
    assert!(!piped.stderr.contains("B/s"), "{piped:?}");
    // The way back too.
    let restored = host
        .cli(&["db", "shop", "restore", "latest", "--yes"])
        .on_a_terminal()
        .env("TERM", "xterm")
        .output()
        .unwrap();
    assert!(restored.status.success(), "{restored:?}");
    let shown = String::from_utf8_lossy(&restored.stdout).into_owned();
    assert!(shown.contains("into store  "), "{shown:?}");
}

/// Two services of one app: what `latest` means depends on which is to be restored.
#[test]
fn the_latest_is_that_of_the_service_and_another_service_is_told() {
    let host = host_with("redis");
    host.ssh("redis:create twin");
    host.ssh("redis:link twin shop --no-restart");
    say_to(&host, "redis", "store", b"SET a store\n");
    say_to(&host, "redis", "twin", b"SET a twin\n");
    made(&host, &["store"]);
    made(&host, &["twin"]);
    let all = backups(host.home());
    let shown = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let (of_store, of_twin) = (shown(&all[0]), shown(&all[1]));
    assert_eq!(manifest(&all[1])["service"], "twin");
    say_to(&host, "redis", "store", b"SET a later\n");

    let restore = |words: &[&str]| {
        let words = [&["db", "shop", "restore"], words, &["--yes"]].concat();
        host.cli(&words).run()
    };
    let unclear = restore(&["latest"]);
    assert_eq!(unclear.status, Some(2), "{unclear:?}");
    // The newest of all is the twin's.
    let restored = restore(&["store", "latest"]);
    assert_eq!(restored.status, Some(0), "{restored:?}");
    assert!(
        restored
            .stderr
            .contains(&format!("from: {of_store} (store of shop, of ")),
        "{restored:?}"
    );
    assert!(say_to(&host, "redis", "store", b"GET a\n").contains("store"));
    // Whoever names a file may mean it, and is told.
    let other = restore(&[&of_twin, "store"]);
    assert_eq!(other.status, Some(0), "{other:?}");
    assert!(
        other.stderr.contains(&format!(
            "{of_twin} is a backup of the service twin, not of store"
        )),
        "{other:?}"
    );
    // What tells of no service is nobody's latest.
    for path in &all {
        fs::remove_file(format!("{}.json", path.display())).unwrap();
    }
    let none = restore(&["latest", "store"]);
    assert_eq!(none.status, Some(2), "{none:?}");
    assert!(
        none.stderr
            .contains("there is no backup of store of shop in this directory"),
        "{none:?}"
    );
}

#[test]
fn postgres_own_client_is_asked_and_what_it_refuses_is_no_backup() {
    let host = host_with("postgres");
    say(&host, "postgres", b"CREATE TABLE t AS SELECT 1 AS n;\n");
    for arguments in [&[][..], &["--gzip"]] {
        made(&host, arguments);
        let newest = backups(host.home()).pop().unwrap();
        let checks = manifest(&newest)["checks"].to_string();
        assert!(checks.contains("pg_restore --list"), "{checks}");
    }
    super::write_program(
        &host.home().join("bin/pg_restore"),
        "echo 'pg_restore: error: entry ID 5 out of range' >&2; exit 1",
    );
    let had = traces(host.home());
    let refused = host.cli(&["db", "shop", "backup"]).run();
    assert_eq!(refused.status, Some(7), "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("pg_restore --list says: entry ID 5 out of range"),
        "{refused:?}"
    );
    assert_eq!(traces(host.home()), had);
    let verified = host.cli(&["db", "shop", "verify", "--all"]).run();
    assert_eq!(verified.status, Some(7), "{verified:?}");
}
