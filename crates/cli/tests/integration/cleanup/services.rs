//! What becomes of databases.

use rustix::process::Signal;
use serde_json::Value;

use super::{app, apps, backups, ends, service, services};
use crate::support::TestHost;

#[test]
fn every_service_is_copied_unlinked_and_destroyed_but_what_others_use() {
    let host = TestHost::start();
    app(&host, "shop", "production");
    app(&host, "other", "production");
    service(&host, "redis", "redis-shop", &["shop"]);
    service(&host, "redis", "shared", &["shop", "other"]);
    let ran = ends(&host, 0, &["cleanup", "shop", "--yes", "--json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        told["destroyed"]["services"],
        serde_json::json!(["redis-shop"])
    );
    assert_eq!(told["kept"][0]["name"], "shared");
    assert_eq!(told["kept"][0]["why"], "it is linked to other too");
    let at = told["backups"][0]["at"].as_str().unwrap();
    assert!(backups(&host).iter().any(|name| name == at), "{at}");
    assert!(at.starts_with("pre-destroy_shop-"), "{at}");
    assert_eq!(services(&host, "redis"), ["shared"]);
    assert_eq!(apps(&host), ["other"]);
}

#[test]
fn without_a_backup_nothing_is_destroyed_unless_that_is_given_up_in_full() {
    let host = TestHost::start();
    app(&host, "shop", "production");
    app(&host, "shop-staging", "staging");
    service(&host, "redis", "a", &["shop"]);
    service(&host, "redis", "b", &["shop-staging"]);
    host.fail_next("redis:export", 1);
    let ran = ends(&host, 5, &["cleanup", "shop", "--yes"]);
    assert!(ran.stderr.contains("Nothing was destroyed"), "{ran:?}");
    host.heal();
    assert_eq!(apps(&host), ["shop", "shop-staging"]);
    assert_eq!(services(&host, "redis"), ["a", "b"]);
    ends(&host, 2, &["cleanup", "shop", "--yes", "--without"]);

    let ran = ends(&host, 0, &["destroy", "shop", "--confirm", "shop"]);
    assert!(
        ran.stderr
            .contains("service a of shop: stays, services are kept"),
        "{ran:?}"
    );
    assert_eq!(services(&host, "redis"), ["a", "b"]);
    let words = [
        "destroy",
        "shop-staging",
        "--with-services",
        "--confirm",
        "shop-staging",
        "--without-backup",
    ];
    ends(&host, 0, &words);
    assert_eq!(services(&host, "redis"), ["a"]);
    assert!(
        backups(&host)
            .iter()
            .all(|name| !name.contains("shop-staging"))
    );
}

#[test]
fn what_was_interrupted_half_way_is_finished_by_the_next_run() {
    let host = TestHost::start();
    app(&host, "shop", "production");
    service(&host, "redis", "by-hand", &["shop"]);
    // The run is killed when the service is unlinked and not yet destroyed.
    let closed = host.home().join("closed");
    std::fs::write(&closed, "").unwrap();
    host.plugin(
        "gate",
        "user-auth",
        &format!(
            "case \"$3\" in redis:destroy) while [ -e '{}' ]; do sleep 0.02; done; exit 1;; esac\n",
            closed.display()
        ),
    );
    let killed = host.cli(&["cleanup", "shop", "--yes"]).start();
    host.await_command("redis:destroy");
    rustix::process::kill_process(killed.pid(), Signal::KILL).unwrap();
    drop(killed.finish());
    host.open_gate();
    std::fs::remove_file(host.home().join("root/plugins/gate/user-auth")).unwrap();
    assert_eq!(services(&host, "redis"), ["by-hand"]);
    assert_eq!(apps(&host), ["shop"]);
    let ran = ends(&host, 0, &["cleanup", "shop", "--yes"]);
    assert!(
        ran.stderr.contains("service by-hand (linked to nothing)"),
        "{ran:?}"
    );
    assert_eq!(services(&host, "redis"), [""; 0]);
    assert_eq!(apps(&host), [""; 0]);
}
