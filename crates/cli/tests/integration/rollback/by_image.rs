//! With the plugin on the host: the image of the release is still there.

use serde_json::Value;

use super::{ends, two_releases};
use crate::{
    deploy::Shop,
    plugin::{Guarded, record::recorded},
};

#[test]
fn a_bad_release_is_left_by_the_kept_image_without_a_build_and_is_found_again() {
    let host = Guarded::start();
    let shop = Shop::new(&host.host);
    let [first, second] = two_releases(&shop);

    let shown = ends(&host.host, &shop, 0, &["--dry-run", "previous"]);
    assert!(
        shown.stdout.contains("Running the kept image of v1 again"),
        "{shown:?}"
    );
    assert_eq!(shop.answer().1, "2 -");
    // Nothing is fetched for an image; what cannot be told without the history is said.
    for (depth, expected) in [
        (
            "1",
            "is not in this repository: the commits between are not known",
        ),
        (
            "2",
            "this clone is shallow: there may be more commits between",
        ),
    ] {
        let clone = host.host.home().join(format!("depth-{depth}"));
        let from = format!("file://{}", shop.top().display());
        let (depth, to) = (format!("--depth={depth}"), clone.display().to_string());
        shop.git(&["clone", "--quiet", &depth, &from, &to]);
        let words = ["rollback", "shop", "v1", "--dry-run"];
        let ran = host.host.cli(&words).directory(&clone).run();
        assert_eq!(ran.status, Some(0), "{ran:?}");
        assert!(ran.stderr.contains(expected), "{ran:?}");
        assert!(!ran.stderr.contains("Fetching"), "{ran:?}");
    }

    let ran = ends(&host.host, &shop, 0, &["v1", "--yes"]);
    assert!(!ran.stderr.contains("Building"), "{ran:?}");
    assert!(
        ran.stderr
            .contains(&format!("serves {} as release v3 (v1 again)", &first[..7])),
        "{ran:?}"
    );
    assert_eq!(shop.answer().1, "1 -");
    assert_eq!(shop.newest_image(), "1");
    let variables = shop.variables();
    assert_eq!(variables["RELEASE_SHA"], first.as_str());
    assert_eq!(variables["RELEASE_VERSION"], "3");
    assert_eq!(variables["GIT_REV"], first.as_str());
    shop.is_tidy();

    // There and back: the release that was left is the previous one now, and its image is kept.
    let ran = ends(&host.host, &shop, 0, &["previous", "--yes", "--json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&told["version"], &told["to"]["version"]),
        (&4.into(), &2.into())
    );
    assert_eq!(told["serving"]["state"], "new");
    assert_eq!(told["commit"]["sha"], second.as_str());
    assert_eq!(shop.answer().1, "2 -");

    let ran = ends(&host.host, &shop, 0, &["v4"]);
    assert!(
        ran.stderr.contains("already; nothing had to be changed"),
        "{ran:?}"
    );
    assert_eq!(shop.variables()["RELEASE_VERSION"], "4");
}

#[test]
fn after_a_rollback_a_failed_deploy_goes_back_to_what_served_and_not_to_the_bad_release() {
    let host = Guarded::start();
    let shop = Shop::new(&host.host);
    two_releases(&shop);
    ends(&host.host, &shop, 0, &["v1", "--yes"]);
    shop.write("sick", "");
    shop.release("3");
    let told = shop.fails(6, &[]);
    assert!(told.contains("the health check"), "{told}");
    assert_eq!(shop.answer(), (200, "1 -".to_owned()), "{told}");
    assert_eq!(shop.newest_image(), "1");
    shop.is_tidy();
}

#[test]
fn a_lock_blocks_a_rollback_unless_it_is_passed_over_which_is_recorded() {
    let host = Guarded::start();
    let shop = Shop::new(&host.host);
    let [first, _] = two_releases(&shop);
    host.ok("deploy-system:lock shop --by bob an incident");
    let ran = ends(&host.host, &shop, 4, &["v1", "--yes"]);
    assert!(
        ran.stderr.contains("shop is locked: an incident (by bob")
            && ran.stderr.contains("--override-lock"),
        "{ran:?}"
    );
    let ran = ends(&host.host, &shop, 4, &["v1", "--override-lock"]);
    assert!(ran.stderr.contains("nobody is there to confirm"), "{ran:?}");
    assert_eq!(shop.answer().1, "2 -");

    let ran = ends(&host.host, &shop, 0, &["v1", "--override-lock", "--yes"]);
    assert!(ran.stderr.contains("A lock is passed over"), "{ran:?}");
    assert_eq!(shop.answer().1, "1 -");
    let rollbacks: Vec<Value> = recorded(&host)
        .into_iter()
        .filter(|entry| entry["action"] == "rollback")
        .collect();
    let statuses: Vec<&Value> = rollbacks.iter().map(|entry| &entry["status"]).collect();
    assert_eq!(
        statuses,
        ["refused", "refused", "success"],
        "{rollbacks:#?}"
    );
    let last = &rollbacks[2];
    assert_eq!(last["commit"]["sha_full"], first.as_str());
    assert_eq!(last["metadata"]["release"], 3);
    assert_eq!(last["metadata"]["previous_release"], 2);
    assert!(
        last["note"].as_str().unwrap().contains("an incident"),
        "{last}"
    );
    let audit = host.audit();
    let granted = audit
        .iter()
        .find(|entry| entry["event"] == "permitted")
        .unwrap_or_else(|| panic!("{audit:#?}"));
    assert_eq!(granted["commit"], first.as_str());
    assert!(
        granted["reason"]
            .as_str()
            .unwrap()
            .contains("an incident (by bob"),
        "{granted}"
    );
    assert_eq!(
        host.variables("shop")["DEPLOY_LOCKED"],
        "true",
        "the lock stays"
    );
}

#[test]
fn an_image_that_does_not_start_leaves_what_served_and_says_so() {
    let host = Guarded::start();
    let shop = Shop::new(&host.host);
    // It only starts as long as a file is there.
    let alive = host.host.home().join("alive");
    std::fs::write(&alive, "").unwrap();
    shop.write(
        "Procfile",
        &format!(
            "web: test -e '{}' && exec python3 app.py\n",
            alive.display()
        ),
    );
    shop.release("1");
    shop.deployed(&[]);
    shop.write("Procfile", "web: python3 app.py\n");
    shop.release("2");
    shop.deployed(&[]);
    std::fs::remove_file(&alive).unwrap();
    let ran = ends(&host.host, &shop, 6, &["v1", "--yes"]);
    assert!(
        ran.stderr.contains("the image of v1 did not start")
            && ran.stderr.contains("What serves now: the earlier version"),
        "{ran:?}"
    );
    assert_eq!(shop.answer().1, "2 -");
    assert_eq!(shop.newest_image(), "2");
    assert_eq!(shop.variables()["RELEASE_VERSION"], "2");
    shop.is_tidy();
}
