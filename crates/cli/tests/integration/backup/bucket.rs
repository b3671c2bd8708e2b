//! Backups in S3, against a server of S3 over HTTP; and encrypted ones.

use std::{fs, process::Command};

use age::secrecy::ExposeSecret;
use serde_json::Value;

use super::{
    say, say_to,
    server::{backups, files, guarded, shelf, without_manifests},
};
use crate::support::{Ran, TestBucket, TestHost};

fn run(bucket: &TestBucket, host: &TestHost, words: &[&str]) -> Ran {
    bucket.open(host.cli(words)).run()
}

fn ok(bucket: &TestBucket, host: &TestHost, words: &[&str]) -> Ran {
    let ran = run(bucket, host, words);
    assert_eq!(ran.status, Some(0), "{words:?} {ran:?}");
    ran
}

/// Backups in the bucket, below the prefix.
fn stored(bucket: &TestBucket) -> Vec<String> {
    without_manifests(&bucket.objects().join("dokku/one"))
}

/// Parts of uploads that were neither completed nor cleaned away.
fn leftovers(bucket: &TestBucket) -> Vec<String> {
    let all = files(bucket.root()).into_iter();
    all.filter(|name| name.contains("upload") || name.contains("part"))
        .collect()
}

#[test]
fn both_places_hold_the_same_and_are_listed_downloaded_verified_and_pruned() {
    let guarded = guarded(&[("redis", "cache")]);
    let host = &guarded.host;
    let bucket = TestBucket::start(host);
    say_to(host, "redis", "cache", b"SET a b\n");
    ok(&bucket, host, &["backup"]);
    let names = backups(host);
    assert_eq!(names.len(), 1);
    assert_eq!(stored(&bucket), names);
    let on_server = fs::read(shelf(host).join(&names[0])).unwrap();
    let in_bucket = bucket.objects().join("dokku/one").join(&names[0]);
    assert_eq!(fs::read(&in_bucket).unwrap(), on_server);
    assert_eq!(leftovers(&bucket), [""; 0]);
    // The keys came by standard input: no log of the host has seen them.
    assert!(!format!("{:?}", host.counts().commands).contains("test-secret"));

    let listed = ok(&bucket, host, &["db", "shop", "list-backups", "--json"]);
    let told: Value = serde_json::from_str(&listed.stdout).unwrap();
    let ids: Vec<&str> = told["backups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [format!("server:{}", names[0]), format!("s3:{}", names[0])]
    );
    assert_eq!(told["unknown"], serde_json::json!([]));

    let verified = ok(&bucket, host, &["db", "shop", "verify", "--all", "--json"]);
    let told: Value = serde_json::from_str(&verified.stdout).unwrap();
    assert_eq!(told["backups"].as_array().unwrap().len(), 2, "{told}");

    for id in ids {
        let directory = host.home().join(format!("from-{}", &id[..2]));
        fs::create_dir(&directory).unwrap();
        let loaded = bucket
            .open(host.cli(&["db", "shop", "download", id]))
            .directory(&directory)
            .run();
        assert_eq!(loaded.status, Some(0), "{loaded:?}");
        let file = super::backups(&directory).remove(0);
        assert_eq!(fs::read(&file).unwrap(), on_server);
        let checked = host
            .cli(&["db", "shop", "verify"])
            .directory(&directory)
            .run();
        assert_eq!(checked.status, Some(0), "{checked:?}");
    }

    // A byte that changed is found in both places, and is not downloaded.
    let mut bad = on_server.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(shelf(host).join(&names[0]), &bad).unwrap();
    fs::write(&in_bucket, &bad).unwrap();
    let verified = run(&bucket, host, &["db", "shop", "verify", "--all"]);
    assert_eq!(verified.status, Some(7), "{verified:?}");
    assert!(
        verified
            .stderr
            .contains("2 of 2 backups of shop did not pass"),
        "{verified:?}"
    );
    let loaded = run(
        &bucket,
        host,
        &["db", "shop", "download", &format!("server:{}", names[0])],
    );
    assert_eq!(loaded.status, Some(7), "{loaded:?}");
    assert_eq!(super::traces(host.home()), [""; 0]);
}

#[test]
fn old_ones_go_in_both_places_and_only_ours() {
    let guarded = guarded(&[("redis", "cache")]);
    let host = &guarded.host;
    let bucket = TestBucket::start(host);
    ok(&bucket, host, &["backup"]);
    let name = backups(host).remove(0);
    let places = [shelf(host), bucket.objects().join("dokku/one")];
    for place in &places {
        let directory = place.join("redis/shop");
        for old in ["20200101_000000.gz", "pre-destroy_20200102_000000.gz"] {
            fs::copy(place.join(&name), directory.join(old)).unwrap();
            fs::copy(
                place.join(format!("{name}.json")),
                directory.join(format!("{old}.json")),
            )
            .unwrap();
        }
        // Of an older version, and of somebody else.
        fs::write(directory.join("20200101_000000.rdb.gz"), "theirs").unwrap();
        fs::write(directory.join("20200103_000000.gz"), "no manifest").unwrap();
    }
    let dry = ok(&bucket, host, &["db", "shop", "prune", "--dry-run"]);
    assert_eq!(dry.stdout.matches("would go (").count(), 4, "{dry:?}");
    assert_eq!(backups(host).len(), 5);
    let entries = || -> Vec<Value> {
        let log = guarded
            .audit()
            .into_iter()
            .map(|line| line["entry"].clone());
        log.filter(|entry| entry["action"] == "backup-prune")
            .collect()
    };
    assert_eq!(entries().len(), 0, "a dry run is no operation");
    ok(&bucket, host, &["db", "shop", "prune"]);
    let [entry] = &entries()[..] else {
        panic!("{:?}", entries());
    };
    assert_eq!(
        (&entry["status"], &entry["metadata"]["removed"]),
        (&"success".into(), &4.into())
    );
    let note = entry["note"].as_str().unwrap();
    for gone in [
        "s3:redis/shop/20200101_000000.gz",
        "server:redis/shop/pre-destroy_20200102_000000.gz",
    ] {
        assert!(note.contains(gone), "{note}");
    }
    for place in &places {
        let left = without_manifests(&place.join("redis/shop"));
        assert_eq!(
            left,
            [
                "20200101_000000.rdb.gz",
                "20200103_000000.gz",
                name.rsplit('/').next().unwrap()
            ]
        );
    }

    // Whoever asks the host itself is one entry too.
    guarded.ok("deploy-system:backup-prune shop --dry-run");
    assert_eq!(entries().len(), 1);
    guarded.ok("deploy-system:backup-prune shop");
    let last = entries().pop().unwrap();
    assert_eq!(entries().len(), 2);
    assert_eq!(last["app_name"], "shop");
    assert_eq!(last["metadata"]["removed"], 0);
    assert_ne!(last["actor"], "");
}

#[test]
fn without_the_plugin_a_dump_streams_into_the_bucket_and_a_broken_one_leaves_nothing() {
    let host = super::host_with("postgres");
    let bucket = TestBucket::start(&host);
    // Several parts of noise.
    say(&host, "postgres", b"CREATE TABLE t AS SELECT n, sha512(n::text::bytea) AS h FROM generate_series(1, 150000) n;\n");
    let made = ok(&bucket, &host, &["backup"]);
    assert!(
        made.stderr.contains("backups go to the bucket only"),
        "{made:?}"
    );
    let names = stored(&bucket);
    assert_eq!(names.len(), 1);
    let file = bucket.objects().join("dokku/one").join(&names[0]);
    let manifest: Value =
        serde_json::from_slice(&fs::read(format!("{}.json", file.display())).unwrap()).unwrap();
    assert_eq!(manifest["size"], fs::metadata(&file).unwrap().len());
    assert!(manifest["size"].as_u64().unwrap() > 8 << 20, "{manifest}");
    assert_eq!(
        manifest["checks"][0],
        "SHA-256 of every part checked by the store"
    );
    ok(
        &bucket,
        &host,
        &["db", "shop", "verify", &format!("s3:{}", names[0])],
    );
    assert_eq!(leftovers(&bucket), [""; 0]);

    host.fault(dokku_sandbox::faults::Plan {
        drop_after: Some(10_000_000),
        ..dokku_sandbox::faults::Plan::default()
    });
    let cut = run(&bucket, &host, &["backup", "--to", "s3"]);
    assert_eq!(cut.status, Some(7), "{cut:?}");
    host.heal();
    assert_eq!(stored(&bucket), names);
    assert_eq!(leftovers(&bucket), [""; 0]);
}

#[test]
fn a_bucket_that_refuses_is_unknown_and_never_empty() {
    let guarded = guarded(&[("redis", "cache")]);
    let host = &guarded.host;
    let bucket = TestBucket::start(host);
    let locked = |words: &[&str]| {
        bucket
            .open(host.cli(words))
            .env("AWS_SECRET_ACCESS_KEY", "wrong-secret")
            .run()
    };
    let listed = locked(&["db", "shop", "list-backups"]);
    assert_eq!(listed.status, Some(5), "{listed:?}");
    assert!(listed.stdout.contains("s3  unknown: "), "{listed:?}");
    assert!(!format!("{listed:?}").contains("wrong-secret"));
    // The server's part is made, the bucket's is named as failed.
    let made = locked(&["backup"]);
    assert_eq!(made.status, Some(7), "{made:?}");
    assert!(
        made.stderr
            .contains("1 of 2 backups failed: redis cache of shop (s3)"),
        "{made:?}"
    );
    assert_eq!(backups(host).len(), 1);
    assert_eq!(stored(&bucket).len(), 0);

    let far = host
        .cli(&["db", "shop", "list-backups", "--json"])
        .env("DOKKU_HOST", "127.0.0.1:1")
        .run();
    assert_eq!(far.status, Some(5), "{far:?}");
    let told: Value = serde_json::from_str(&far.stdout).unwrap();
    assert_eq!(told["unknown"][0]["place"], "server");
    assert_eq!(told["unknown"][0]["is_error"], true);
}

#[test]
fn what_is_encrypted_opens_only_for_its_owner() {
    let guarded = guarded(&[("redis", "cache")]);
    let host = &guarded.host;
    let bucket = TestBucket::start(host);
    say_to(host, "redis", "cache", b"SET needle haystack\n");
    let keygen = |name: &str| {
        let key = age::x25519::Identity::generate();
        fs::write(host.home().join(name), key.to_string().expose_secret()).unwrap();
        key.to_public().to_string()
    };
    let (owner, _) = (keygen("owner"), keygen("stranger"));
    fs::create_dir(host.home().join(".dokku")).unwrap();
    fs::write(
        host.home().join(".dokku/config.yml"),
        format!("backup:\n  encrypt_to:\n    - {owner}\n"),
    )
    .unwrap();
    ok(&bucket, host, &["backup"]);
    let name = backups(host).remove(0);
    assert!(name.ends_with(".gz.age"), "{name}");
    let bytes = fs::read(shelf(host).join(&name)).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1"));
    assert_eq!(stored(&bucket), std::slice::from_ref(&name));
    let id = format!("s3:{name}");

    let sealed = ok(&bucket, host, &["db", "shop", "verify", "--all"]);
    assert!(
        sealed.stderr.contains("looked into only with --identity"),
        "{sealed:?}"
    );
    let refused = run(
        &bucket,
        host,
        &["db", "shop", "verify", &id, "--identity", "stranger"],
    );
    // A wrong key tells nothing of the backup.
    assert_eq!(refused.status, Some(4), "{refused:?}");
    assert!(
        refused.stderr.contains("does not open it") && !refused.stderr.contains("not good"),
        "{refused:?}"
    );
    let read = ok(
        &bucket,
        host,
        &["db", "shop", "verify", &id, "--identity", "owner"],
    );
    assert!(read.stderr.contains("is a whole dump"), "{read:?}");
    ok(
        &bucket,
        host,
        &["db", "shop", "download", &id, "--identity", "owner"],
    );
    let file = super::backups(host.home()).remove(0);
    assert!(file.to_str().unwrap().ends_with(".dump.gz"));
    let open = Command::new("gunzip")
        .arg("-c")
        .arg(&file)
        .output()
        .unwrap()
        .stdout;
    assert!(open.windows(6).any(|window| window == b"needle"));
    ok(&bucket, host, &["db", "shop", "verify"]);
    // The same of a file here.
    fs::remove_file(&file).unwrap();
    ok(&bucket, host, &["db", "shop", "download", &id]);
    for (key, code) in [("stranger", 4), ("owner", 0)] {
        let words = ["db", "shop", "verify", "--all", "--identity", key];
        let read = run(&bucket, host, &words);
        assert_eq!(read.status, Some(code), "{read:?}");
    }
}
