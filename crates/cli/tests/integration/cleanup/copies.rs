//! Where the copies go before data is destroyed: never onto a runner that is gone with its job.

use super::{app, apps, backups, ends, service, services};
use crate::{
    backup::server::{files, guarded, shelf},
    support::{Ran, TestBucket, TestHost},
};

fn in_ci(host: &TestHost, status: i32, words: &[&str]) -> Ran {
    let ran = host.cli(words).env("CI", "true").run();
    assert_eq!(ran.status, Some(status), "{words:?} {ran:?}");
    ran
}

#[test]
fn what_lies_on_a_runner_is_no_copy_and_all_ways_out_work() {
    let host = TestHost::start();
    let bucket = TestBucket::start(&host);
    for name in ["one", "two", "three"] {
        app(&host, name, "production");
        service(&host, "redis", &format!("redis-{name}"), &[name]);
    }
    for words in [
        &["cleanup", "one", "--yes"][..],
        &["destroy", "one", "--with-services", "--confirm", "one"],
        &["db", "one", "ensure-backup"],
    ] {
        let ran = in_ci(&host, 4, words);
        for way in [
            "server setup",
            "AWS_S3_BUCKET",
            "--backup-dir",
            "--without-backup",
            "backup: false",
        ] {
            assert!(ran.stderr.contains(way), "{way}: {ran:?}");
        }
    }
    assert_eq!(apps(&host), ["one", "three", "two"]);
    assert_eq!(backups(&host), [""; 0]);

    let words = ["cleanup", "one", "--yes", "--backup-dir", "vault/kept"];
    in_ci(&host, 0, &words);
    let kept = files(&host.home().join("vault"));
    assert!(
        kept.iter()
            .any(|name| name.starts_with("kept/pre-destroy_one-")),
        "{kept:?}"
    );
    let test = host.cli(&["cleanup", "two", "--yes"]).env("CI", "true");
    let ran = bucket.open(test).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let objects = files(&bucket.objects());
    assert!(
        objects
            .iter()
            .any(|name| name.starts_with("dokku/one/redis/two/pre-destroy_")),
        "{objects:?}"
    );
    in_ci(&host, 0, &["cleanup", "three", "--yes", "--without-backup"]);
    assert_eq!(apps(&host), [""; 0]);
    assert_eq!(services(&host, "redis"), [""; 0]);
    assert_eq!(backups(&host), [""; 0]);
}

/// A run that was killed had unlinked `by-hand` already.
#[test]
fn a_service_that_nothing_is_linked_to_any_more_is_copied_on_the_server_too() {
    let guarded = guarded(&[("redis", "linked")]);
    let host = &guarded.host;
    host.ssh("redis:create by-hand");
    host.ssh(
        "config:set --no-restart shop APP_ENV=production DEPLOY_CLEANUP_SERVICES=redis:by-hand",
    );
    in_ci(host, 0, &["cleanup", "shop", "--yes"]);
    assert_eq!(services(host, "redis"), [""; 0]);
    let kept = files(&shelf(host));
    // Each with its manifest.
    assert_eq!(kept.len(), 4, "{kept:?}");
    assert!(kept.iter().any(|name| name.contains("by-hand")), "{kept:?}");
    assert_eq!(backups(host), [""; 0]);
}

/// Only the service is left of the app.
#[test]
fn a_service_whose_app_is_gone_is_copied_into_the_bucket() {
    let host = TestHost::start();
    let bucket = TestBucket::start(&host);
    host.ssh("redis:create redis-gone");
    in_ci(&host, 4, &["cleanup", "gone", "--yes"]);
    assert_eq!(services(&host, "redis"), ["redis-gone"]);
    let test = host.cli(&["cleanup", "gone", "--yes"]).env("CI", "true");
    let ran = bucket.open(test).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(services(&host, "redis"), [""; 0]);
    let objects = files(&bucket.objects());
    assert!(
        objects
            .iter()
            .any(|name| name.starts_with("dokku/one/redis/gone/pre-destroy_")),
        "{objects:?}"
    );
    ends(&host, 0, &["cleanup", "gone", "--yes"]);
}
