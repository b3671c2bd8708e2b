//! Encrypted backups: tested by the run that makes them, and restored by whoever has the key.

use std::{fs, path::Path};

use age::secrecy::ExposeSecret;
use serde_json::json;

use super::{
    say_to,
    server::{backups, guarded, shelf},
    weekly::{a_week_passes, manifest, night, schedule},
};

/// How many keys open a file of age.
fn keys(file: &Path) -> usize {
    let bytes = fs::read(file).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    text.matches("-> X25519 ").count()
}

#[test]
fn what_is_encrypted_is_tested_by_the_run_that_makes_it() {
    let guarded = guarded(&[("redis", "cache")]);
    let host = &guarded.host;
    say_to(host, "redis", "cache", b"SET a b\n");
    let owner = age::x25519::Identity::generate();
    let public = owner.to_public().to_string();
    let secret = owner.to_string();
    fs::write(host.home().join("owner"), secret.expose_secret()).unwrap();
    schedule(&guarded, 1 << 30, &[&public]);
    night(&guarded, 0);
    let name = backups(host).remove(0);
    let made = manifest(&shelf(host), &name).1;
    assert!(made["restore_tested"].is_string(), "{made}");
    assert_eq!(made["encrypted_to"], json!([public]));
    // The second key was the run's, and is gone.
    assert_eq!(keys(&shelf(host).join(&name)), 2);
    night(&guarded, 0);
    let second = backups(host).remove(1);
    assert_eq!(keys(&shelf(host).join(&second)), 1);

    // One of an earlier night can be tested by its owner alone, which is said.
    a_week_passes(host);
    host.fail_next("redis:export", 1);
    let said = night(&guarded, 7);
    let told =
        format!("`dokku-cli db shop verify server:{second} --restore --identity FILE` tests it");
    assert!(
        said.text.contains("is encrypted and not of this run") && said.text.contains(&told),
        "{}",
        said.text
    );
    let id = format!("server:{second}");
    let verify = |words: &[&str]| {
        let words = [&["db", "shop", "verify", &id, "--restore"], words].concat();
        host.cli(&words).run()
    };
    let sealed = verify(&[]);
    assert_eq!(sealed.status, Some(4), "{sealed:?}");
    assert!(sealed.stderr.contains("--identity FILE"), "{sealed:?}");
    let opened = verify(&["--identity", "owner"]);
    assert_eq!(opened.status, Some(0), "{opened:?}");
    assert!(manifest(&shelf(host), &second).1["restore_tested"].is_string());

    // And restored by its id.
    let restore = |words: &[&str]| {
        let words = [&["db", "shop", "restore", &id, "--yes"], words].concat();
        host.cli(&words).run()
    };
    say_to(host, "redis", "cache", b"SET a later\n");
    let sealed = restore(&[]);
    assert_eq!(sealed.status, Some(4), "{sealed:?}");
    assert!(
        sealed.stderr.contains("--identity FILE") && sealed.stderr.contains("Nothing was changed"),
        "{sealed:?}"
    );
    let kept = || say_to(host, "redis", "cache", b"GET a\n");
    assert!(kept().contains("later"));
    let opened = restore(&["--identity", "owner"]);
    assert_eq!(opened.status, Some(0), "{opened:?}");
    assert!(kept().contains('b') && !kept().contains("later"));

    // A copy that was downloaded as it is opens for its owner only.
    let loaded = host.cli(&["db", "shop", "download", &id]).run();
    assert_eq!(loaded.status, Some(0), "{loaded:?}");
    let entries = fs::read_dir(host.home()).unwrap();
    let file = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .find(|name| name.starts_with("shop-") && name.ends_with(".dump.gz.age"))
        .unwrap();
    let stranger = age::x25519::Identity::generate().to_string();
    fs::write(host.home().join("stranger"), stranger.expose_secret()).unwrap();
    let closed = verify(&["--identity", "stranger"]);
    assert_eq!(closed.status, Some(4), "{closed:?}");
    say_to(host, "redis", "cache", b"SET a later\n");
    for (identity, status) in [("stranger", 4), ("owner", 0)] {
        let words = [
            "db",
            "shop",
            "restore",
            &file,
            "--yes",
            "--identity",
            identity,
        ];
        let ran = host.cli(&words).run();
        assert_eq!(ran.status, Some(status), "{ran:?}");
        assert_eq!(kept().contains("later"), status != 0, "{ran:?}");
    }
}
