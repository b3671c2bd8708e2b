//! All apps of the host.

use super::{json, locked, state, unlocked};
use crate::support::TestHost;

fn host() -> TestHost {
    let host = TestHost::start();
    for app in ["api", "shop", "shop-dev", "shop-pr-7", "shop-staging"] {
        host.create_app(app);
    }
    host
}

#[test]
fn every_production_app_is_locked_and_that_is_undone() {
    let host = host();
    host.cli(&["-q", "lock", "api", "mine", "--by", "bob"])
        .prints("", "");
    let ran = host
        .cli(&["lock", "--all", "big", "freeze", "--by", "ada"])
        .run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr.contains("api was locked already, by bob"),
        "{ran:?}"
    );
    assert!(
        ran.stderr
            .contains("✓ shop is locked\n✓ Locked 1 of 2 production apps\n"),
        "{ran:?}"
    );
    for (app, expected) in [
        ("api", locked()),
        ("shop", locked()),
        ("shop-dev", unlocked()),
        ("shop-staging", unlocked()),
    ] {
        assert_eq!(state(&host, app), expected, "{app}");
    }
    let ran = host.cli(&["locks"]).run();
    let rows: Vec<&str> = ran.stdout.lines().collect();
    assert!(
        rows[0].starts_with("api           LOCKED    by bob since "),
        "{ran:?}"
    );
    assert!(
        rows[1].starts_with("shop          LOCKED    by ada since ")
            && rows[1].ends_with(": big freeze")
    );
    assert_eq!(rows[2], "shop-dev      UNLOCKED");
    assert_eq!(rows[3], "shop-pr-7     LOCKED    as its base app shop is");
    assert_eq!(ran.status, Some(0));

    host.cli(&["unlock", "--all", "--by", "ada"])
        .prints("", "✓ shop is unlocked\n✓ Undid `lock --all` for 1 apps\n");
    assert_eq!(state(&host, "shop"), unlocked());
    assert_eq!(state(&host, "api"), locked());
    host.cli(&["unlock", "--all"])
        .prints("", "ℹ No app is locked by `lock --all`\n");
}

#[test]
fn the_list_has_json_and_takes_a_bounded_number_of_round_trips() {
    let host = host();
    host.cli(&["-q", "lock", "shop", "r"]).prints("", "");
    host.ssh("config:set --no-restart api DEPLOY_LOCKED=maybe");
    let (code, told) = json(&host.cli(&["locks", "--json"]));
    assert_eq!(code, 5);
    let apps: Vec<(&str, &str)> = told["apps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|app| {
            (
                app["app"].as_str().unwrap(),
                app["lock"]["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        apps,
        [
            ("api", "unknown"),
            ("shop", "locked"),
            ("shop-dev", "unlocked"),
            ("shop-pr-7", "unlocked"),
            ("shop-staging", "unlocked"),
        ]
    );
    assert_eq!(told["apps"][0]["is_blocked"], serde_json::Value::Null);
    assert_eq!(told["apps"][3]["is_blocked"], true);
    assert_eq!(host.counts().connections, 1);
}
