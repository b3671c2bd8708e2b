//! Which apps go.

use std::io::Write;

use serde_json::Value;

use super::{app, apps, ends};
use crate::support::TestHost;

#[test]
fn an_app_goes_with_what_belongs_to_it_and_no_other_that_is_named_so() {
    let host = TestHost::start();
    for (name, environment) in [
        ("shop", "production"),
        ("shop-staging", "staging"),
        ("shop-pr-3", "preview"),
        ("shop-dev", "production"),
        ("shopping", "production"),
        ("shop-admin-pr-1", "preview"),
    ] {
        app(&host, name, environment);
    }
    host.create_app("shop-pr-4");
    let ran = ends(&host, 0, &["cleanup", "shop", "--dry-run"]);
    assert!(
        ran.stdout
            .contains("[DRY RUN] Would do:  app shop-pr-3: destroyed")
            && ran
                .stdout
                .contains("app shop-dev: stays, its variable APP_ENV says production"),
        "{ran:?}"
    );
    assert_eq!(apps(&host).len(), 7);
    let ran = ends(&host, 4, &["cleanup", "shop"]);
    assert!(ran.stderr.contains("confirm with --yes"), "{ran:?}");
    let ran = ends(
        &host,
        0,
        &["cleanup", "shop", "--previews", "--yes", "--json"],
    );
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["destroyed"]["apps"], serde_json::json!(["shop-pr-3"]));
    assert_eq!(told["left_alone"][0]["name"], "shop-pr-4");
    ends(&host, 0, &["cleanup", "shop", "--yes"]);
    assert_eq!(
        apps(&host),
        ["shop-admin-pr-1", "shop-dev", "shop-pr-4", "shopping"]
    );
    let ran = ends(&host, 0, &["cleanup", "shop", "--yes"]);
    assert!(
        ran.stderr.contains("nothing on HOST to clean up"),
        "{ran:?}"
    );
}

#[test]
fn locked_and_unreadable_apps_stay_with_all_others() {
    let host = TestHost::start();
    app(&host, "shop", "production");
    app(&host, "shop-staging", "staging");
    host.ssh("config:set --no-restart shop-staging DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=audit");
    let ran = ends(&host, 4, &["cleanup", "shop", "--yes"]);
    assert!(
        ran.stderr.contains("shop-staging is locked: audit")
            && ran.stderr.contains("Nothing was destroyed"),
        "{ran:?}"
    );
    host.ssh("config:set --no-restart shop-staging DEPLOY_LOCKED=maybe");
    ends(&host, 5, &["cleanup", "shop", "--yes"]);
    host.fail_next("config:export", 1);
    ends(&host, 5, &["cleanup", "shop", "--yes"]);
    host.heal();
    assert_eq!(apps(&host), ["shop", "shop-staging"]);
}

#[test]
fn destroy_wants_the_name_typed_in_full_and_create_makes_an_app() {
    let host = TestHost::start();
    let ran = ends(&host, 0, &["create", "shop"]);
    assert_eq!(
        ran.stderr,
        "ℹ Creating app: shop\n✓ Created\nℹ Domain: shop.localhost\n"
    );
    let ran = ends(&host, 4, &["create", "shop"]);
    assert!(ran.stderr.contains("already"), "{ran:?}");
    ends(&host, 2, &["create", "Shop"]);

    let ran = ends(&host, 4, &["destroy", "shop"]);
    assert!(ran.stderr.contains("--confirm shop"), "{ran:?}");
    ends(&host, 4, &["destroy", "shop", "--confirm", "sho"]);
    ends(&host, 0, &["destroy", "shop", "--dry-run"]);
    assert_eq!(apps(&host), ["shop"]);
    ends(&host, 5, &["destroy", "ship", "--confirm", "ship"]);

    let mut typing = host
        .cli(&["destroy", "shop"])
        .on_a_terminal()
        .spawn()
        .unwrap();
    let mut keyboard = typing.stdin.take().unwrap();
    keyboard.write_all(b"shop\n").unwrap();
    let output = typing.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}");
    for expected in [
        "This will PERMANENTLY delete shop and all its data!",
        "Type the app name to confirm: ",
        "Destroyed shop",
    ] {
        assert!(shown.contains(expected), "{shown}");
    }
    assert_eq!(apps(&host), [""; 0]);
}
