//! Backups on the host, made by the plugin.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::{Signal, kill_process};
use serde_json::Value;

use super::{filled::filled, write_program, written_pid};
use crate::{
    plugin::Guarded,
    support::{Ran, TestHost, await_until},
    terminal::await_text,
};

/// Where the host keeps its backups.
pub fn shelf(host: &TestHost) -> PathBuf {
    host.home().join("backups")
}

/// A host with the plugin and the app `shop`, linked to services of these kinds and names.
pub fn guarded(services: &[(&str, &str)]) -> Guarded {
    let guarded = guarded_bare();
    let host = &guarded.host;
    host.create_app("shop");
    for (kind, name) in services {
        host.ssh(&format!("{kind}:create {name}"));
        host.ssh(&format!("{kind}:link {name} shop --no-restart"));
    }
    guarded
}

/// A host with the plugin and a place for backups.
pub fn guarded_bare() -> Guarded {
    let guarded = Guarded::start();
    fs::create_dir_all(guarded.data()).unwrap();
    let place = shelf(&guarded.host).display().to_string();
    fs::write(guarded.data().join("backups"), place).unwrap();
    guarded
}

/// Files below a directory, relative.
pub fn files(top: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut directories = vec![top.to_owned()];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let inside = path.strip_prefix(top).unwrap();
                found.insert(inside.to_str().unwrap().to_owned());
            }
        }
    }
    found
}

pub fn backups(host: &TestHost) -> Vec<String> {
    without_manifests(&shelf(host))
}

/// The files below a directory, but for manifests and unfinished ones.
pub fn without_manifests(top: &Path) -> Vec<String> {
    let is_manifest = |name: &String| Path::new(name).extension().is_some_and(|end| end == "json");
    let all = files(top).into_iter();
    all.filter(|name| !is_manifest(name) && !name.contains("/.dokku-cli-"))
        .collect()
}

/// From now on calls of a verb (`export`) by the plugin wait on the host. The first file that is
/// returned appears when one does; the second one lets them go on.
pub fn hold(host: &TestHost, verb: &str) -> (PathBuf, PathBuf) {
    let dokku = host.home().join("root/bin/dokku");
    let real = host.home().join("root/bin/real-dokku");
    let (begun, go) = (host.home().join("begun"), host.home().join("go"));
    fs::rename(&dokku, &real).unwrap();
    write_program(
        &dokku,
        &format!(
            "case \"$*\" in *:{verb}*) : >{begun}; until [ -e {go} ]; do sleep 0.02; done ;; esac\nexec {real} \"$@\"",
            real = real.display(),
            begun = begun.display(),
            go = go.display(),
        ),
    );
    (begun, go)
}

fn back_up(host: &TestHost, words: &[&str]) -> Ran {
    host.cli(&[&["db", "shop", "backup-server"], words].concat())
        .run()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_plugin_writes_checked_files_for_their_owner_only() {
    let guarded = guarded(&[("postgres", "maindb"), ("redis", "cache")]);
    let host = &guarded.host;
    super::say_to(
        host,
        "postgres",
        "maindb",
        b"CREATE TABLE t AS SELECT generate_series(1, 1000) n;\n",
    );
    let made = back_up(host, &["--json"]);
    assert_eq!(made.status, Some(0), "{made:?}");
    assert!(
        made.stderr
            .contains("Backing up postgres database: maindb of shop"),
        "{made:?}"
    );
    let report: Value = serde_json::from_str(&made.stdout).unwrap();
    let results = report["results"].as_array().unwrap();
    assert_eq!(results.len(), 2, "{report}");
    for result in results {
        let id = result["id"].as_str().unwrap();
        let file = shelf(host).join(id.strip_prefix("server:").unwrap());
        let kind = result["kind"].as_str().unwrap();
        assert!(id.starts_with(&format!("server:{kind}/shop/20")), "{id}");
        assert!(Path::new(id).extension().unwrap() == "gz", "{id}");
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().unwrap()), 0o700);
        let manifest: Value =
            serde_json::from_slice(&fs::read(format!("{}.json", file.display())).unwrap()).unwrap();
        assert_eq!(manifest, result["manifest"]);
        assert_eq!(manifest["size"], fs::metadata(&file).unwrap().len());
        let unpacked = Command::new("gunzip")
            .arg("-c")
            .arg(&file)
            .output()
            .unwrap();
        assert!(unpacked.status.success());
        assert_eq!(manifest["raw_size"], unpacked.stdout.len());
    }
    assert_eq!(files(&shelf(host)).len(), 4);
    // Names that are taken are not written over.
    let again = back_up(host, &["redis"]);
    assert_eq!(again.status, Some(0), "{again:?}");
    assert_eq!(backups(host).len(), 3);
    let read = host.ssh("deploy-system:backup-verify shop");
    assert_eq!(read.matches(": good\n").count(), 3, "{read}");
}

#[test]
fn two_services_of_one_kind_have_names_of_their_own() {
    let guarded = guarded(&[("redis", "redis-shop"), ("redis", "queue")]);
    let made = back_up(&guarded.host, &[]);
    assert_eq!(made.status, Some(0), "{made:?}");
    let names = backups(&guarded.host);
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(
        names.iter().any(|name| name.ends_with(".queue.gz")),
        "{names:?}"
    );
    let only = back_up(&guarded.host, &["queue"]);
    assert_eq!(only.status, Some(0), "{only:?}");
    assert!(only.stdout.contains("redis queue of shop"), "{only:?}");
    assert!(!only.stdout.contains("redis-shop"), "{only:?}");
}

#[test]
fn all_apps_are_backed_up_but_previews_and_every_failure_is_named() {
    let guarded = guarded(&[("redis", "cache")]);
    let host = &guarded.host;
    for app in ["blog", "shop-pr-4"] {
        host.create_app(app);
        host.ssh(&format!("redis:create redis-{app}"));
        host.ssh(&format!("redis:link redis-{app} {app} --no-restart"));
    }
    let made = host.cli(&["backup", "--to", "server"]).run();
    assert_eq!(made.status, Some(0), "{made:?}");
    let names = backups(host);
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(
        names[0].starts_with("redis/blog/") && names[1].starts_with("redis/shop/"),
        "{names:?}"
    );

    host.fail_next("redis:export", 1);
    let half = host.cli(&["backup"]).run();
    assert_eq!(half.status, Some(7), "{half:?}");
    assert!(
        half.stderr.contains("data and backups are on one disk"),
        "{half:?}"
    );
    assert!(
        half.stderr.contains("1 of 2 backups failed: redis "),
        "{half:?}"
    );
    assert!(
        half.stderr.contains("redis:export is out of order"),
        "{half:?}"
    );
    assert_eq!(half.stdout.matches('✓').count(), 1, "{half:?}");
    assert_eq!(half.stdout.matches('✗').count(), 1, "{half:?}");
    assert_eq!(backups(host).len(), 3);

    let one = host
        .cli(&[
            "backup",
            "--app",
            "shop-pr-4",
            "--service",
            "redis",
            "--json",
        ])
        .run();
    assert_eq!(one.status, Some(0), "{one:?}");
    let report: Value = serde_json::from_str(&one.stdout).unwrap();
    assert_eq!(report["results"][0]["app"], "shop-pr-4");
    let unknown = host.cli(&["backup", "--app", "nobody"]).run();
    assert_eq!(unknown.status, Some(5), "{unknown:?}");
    assert!(
        unknown.stderr.contains("there is no app nobody"),
        "{unknown:?}"
    );
    let nowhere = host.cli(&["backup", "--to", "s3"]).run();
    assert_eq!(nowhere.status, Some(3), "{nowhere:?}");
}

#[test]
fn without_the_plugin_both_ways_out_are_told() {
    let host = super::host_with("redis");
    let refused = back_up(&host, &[]);
    assert_eq!(refused.status, Some(5), "{refused:?}");
    for way in [
        "dokku-cli server setup --root-ssh root@",
        "dokku-cli db APP backup",
    ] {
        assert!(refused.stderr.contains(way), "{refused:?}");
    }
}

/// An export that is killed on the server at 0, 50 and 99 % leaves no backup.
fn killed_on_the_server(kind: &str) {
    let guarded = guarded(&[(kind, "main")]);
    let host = &guarded.host;
    super::say_to(host, kind, "main", filled(kind).fill.as_bytes());
    let works = back_up(host, &[]);
    assert_eq!(works.status, Some(0), "{works:?}");
    let first = shelf(host).join(backups(host).remove(0));
    let manifest = fs::read(format!("{}.json", first.display())).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let size = manifest["raw_size"].as_u64().unwrap();
    let content = fs::read(&first).unwrap();
    let dokku = host.home().join("root/bin/dokku");
    let real = host.home().join("root/bin/real-dokku");
    fs::rename(&dokku, &real).unwrap();
    for (made, bytes) in [0, size / 2, size * 99 / 100].into_iter().enumerate() {
        // An export that comes so far, and waits to be killed.
        let waiting = host.home().join(format!("waiting-{bytes}"));
        write_program(
            &dokku,
            &format!(
                "case \"$*\" in *:export*) {real} \"$@\" | head -c {bytes}; echo $$ >{waiting}; while :; do sleep 0.05; done ;; *) exec {real} \"$@\" ;; esac",
                real = real.display(),
                waiting = waiting.display()
            ),
        );
        let running = host.cli(&["db", "shop", "backup-server"]).start();
        kill_process(written_pid(&waiting), Signal::KILL).unwrap();
        let failed = running.finish();
        assert_eq!(failed.status, Some(7), "at {bytes}: {failed:?}");
        assert!(failed.stderr.contains("was killed"), "{failed:?}");
        assert_eq!(files(&shelf(host)).len(), 2 * (made + 1), "at {bytes}");
        assert_eq!(fs::read(&first).unwrap(), content);
        fs::copy(&real, &dokku).unwrap();
        let works = back_up(host, &[]);
        assert_eq!(works.status, Some(0), "at {bytes}: {works:?}");
        assert_eq!(backups(host).len(), made + 2);
    }
    let read = host.ssh("deploy-system:backup-verify shop");
    assert_eq!(read.matches(": good\n").count(), 4, "{read}");
}

#[test]
fn an_export_of_postgres_that_is_killed_on_the_server_leaves_no_backup() {
    killed_on_the_server("postgres");
}

#[test]
fn an_export_of_mariadb_that_is_killed_on_the_server_leaves_no_backup() {
    killed_on_the_server("mariadb");
}

#[test]
fn an_export_of_redis_that_is_killed_on_the_server_leaves_no_backup() {
    killed_on_the_server("redis");
}

/// kill -9 of the program that has asked the plugin, and of all that belongs to it here.
#[test]
fn whoever_asked_the_plugin_and_is_killed_leaves_only_good_backups() {
    let guarded = guarded(&[("redis", "cache")]);
    let host = &guarded.host;
    let (begun, go) = hold(host, "export");
    let running = host.cli(&["db", "shop", "backup-server"]).start();
    await_until("an export", || begun.exists());
    running.signal_group(Signal::KILL);
    assert_eq!(running.finish().status, None);
    assert_eq!(backups(host).len(), 0);
    fs::write(&go, "").unwrap();
    let next = back_up(host, &[]);
    assert_eq!(next.status, Some(0), "{next:?}");
    // The other one may go on to its end on the host, or be over.
    await_until("the end of both", || {
        files(&shelf(host)).len() == 2 * backups(host).len()
    });
    let read = host.ssh("deploy-system:backup-verify shop");
    assert_eq!(
        read.matches(": good\n").count(),
        backups(host).len(),
        "{read}"
    );
}

#[test]
fn a_terminal_shows_how_far_the_host_has_come() {
    let guarded = guarded(&[("redis", "cache")]);
    let host = &guarded.host;
    let dokku = host.home().join("root/bin/dokku");
    let real = host.home().join("root/bin/real-dokku");
    let go = host.home().join("go");
    fs::rename(&dokku, &real).unwrap();
    write_program(
        &dokku,
        &format!(
            "case \"$*\" in *redis:export*) {real} \"$@\" | {{ dd bs=50 count=1 iflag=fullblock 2>/dev/null; until [ -e {go} ]; do sleep 0.02; done; cat; }} ;; *) exec {real} \"$@\" ;; esac",
            real = real.display(),
            go = go.display(),
        ),
    );
    let mut child = host
        .cli(&["db", "shop", "backup-server"])
        .on_a_terminal()
        .env("TERM", "xterm")
        .spawn()
        .unwrap();
    let mut shown = String::new();
    await_text(&mut child, &mut shown, "cache of shop  50 B");
    fs::write(&go, "").unwrap();
    await_text(&mut child, &mut shown, "cache of shop: server:");
    assert!(child.wait().unwrap().success(), "{shown}");
    assert!(!shown.contains("deploy-system:progress"), "{shown}");
    // Nobody who sees it: no word of it.
    let ran = back_up(host, &[]);
    assert!(
        ran.status == Some(0) && !ran.stderr.contains("progress"),
        "{ran:?}"
    );
}
