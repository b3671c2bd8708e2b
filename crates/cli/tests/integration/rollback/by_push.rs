//! Without the plugin: the commit is pushed and built again.

use rustix::process::Signal;
use serde_json::Value;

use super::{ends, rollback, two_releases};
use crate::{
    deploy::Shop,
    support::{TestHost, await_until},
};

/// A message that would do something in a shell, in a terminal or in JSON.
const HOSTILE: &str = "it's $(touch pwned) `id` \"--force\" \u{1b}[2J 'x";

#[test]
fn exactly_that_commit_is_pushed_and_what_lies_between_is_told() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    shop.tasks(&[("migrate", "true")]);
    shop.write("version", "2");
    let second = shop.commit(HOSTILE);
    shop.deployed(&[]);
    shop.write(
        ".dokku/config.yml",
        "healthcheck: {path: /other, attempts: 1}\n",
    );

    let ran = ends(&host, &shop, 0, &["v1", "--yes"]);
    for expected in [
        "Commits that are taken back: 1",
        &format!("{} it's $(touch pwned) `id` \"--force\"", &second[..7]),
        "Release tasks that have run since and are not undone:",
        "v2 migrate: true",
        "by pushing its commit and building it again",
        "as release v3 (v1 again)",
    ] {
        assert!(ran.stderr.contains(expected), "{expected:?} {ran:?}");
    }
    assert!(!ran.stderr.contains('\u{1b}'), "{ran:?}");
    assert!(!shop.top().join("pwned").exists());
    assert_eq!(shop.answer().1, "1 -");
    assert_eq!(shop.newest_image(), "1");
    shop.is_tidy();
    let ran = ends(&host, &shop, 0, &[&second[..7], "--yes", "--json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["commit"]["sha"], second.as_str());
    assert_eq!(shop.answer().1, "2 -");
}

#[test]
fn on_a_runner_the_data_is_copied_to_where_it_stays_or_nothing_is_rolled_back() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    shop.release("2");
    shop.deployed(&[]);
    host.ssh("redis:create cache");
    host.ssh("redis:link cache shop --no-restart");
    let on_a_runner = |words: &[&str]| {
        host.cli(&[&["rollback", "shop", "v1", "--yes"], words].concat())
            .directory(shop.top())
            .env("CI", "true")
            .run()
    };
    let ran = on_a_runner(&[]);
    assert_eq!(ran.status, Some(4), "{ran:?}");
    assert!(ran.stderr.contains("Nothing was rolled back."), "{ran:?}");
    assert_eq!(shop.answer().1, "2 -");
    let vault = host.home().join("vault");
    let ran = on_a_runner(&["--backup-dir", &vault.display().to_string()]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let copies = std::fs::read_dir(vault).unwrap();
    let mut names = copies.map(|copy| copy.unwrap().file_name().into_string().unwrap());
    assert!(names.any(|name| name.starts_with("pre-rollback_shop-")));
    assert_eq!(shop.answer().1, "1 -");
}

#[test]
fn what_cannot_be_gone_back_to_changes_nothing() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let ran = ends(&host, &shop, 5, &[]);
    assert!(ran.stderr.contains("there is no app shop"), "{ran:?}");
    shop.deployed(&[]);
    let ran = ends(&host, &shop, 4, &[]);
    assert!(
        ran.stderr.contains("Not enough releases to rollback"),
        "{ran:?}"
    );
    let [first, _] = two_releases(&shop);
    let ran = ends(&host, &shop, 2, &["v9", "--yes"]);
    assert!(
        ran.stderr.contains("Release not found: v9") && ran.stderr.contains("There are v2 ("),
        "{ran:?}"
    );
    let ran = ends(&host, &shop, 4, &["v1"]);
    assert!(ran.stderr.contains("confirm with --yes"), "{ran:?}");
    // In another repository the commit is not there, and nothing is pushed.
    let elsewhere = host.home().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let ran = host
        .cli(&["rollback", "shop", "v1", "--yes"])
        .directory(&elsewhere)
        .run();
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert!(
        ran.stderr.contains("no git repository") && ran.stderr.contains(&first[..7]),
        "{ran:?}"
    );
    host.ssh("config:set --no-restart shop DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=freeze");
    let ran = ends(&host, &shop, 4, &["v1", "--yes"]);
    assert!(ran.stderr.contains("shop is locked: freeze"), "{ran:?}");
    assert_eq!(shop.answer().1, "2 -");
    shop.is_tidy();
    ends(&host, &shop, 0, &["v1", "--yes", "--override-lock"]);
    assert_eq!(shop.answer().1, "1 -");
}

#[test]
fn a_killed_rollback_is_understood_and_a_deploy_and_a_rollback_exclude_each_other() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let build = shop.let_builds_wait();
    build.let_go();
    shop.release("1");
    two_releases(&shop);
    build.hold();
    let killed = rollback(&host, &shop, &["v1", "--yes"]).start();
    build.await_begun();
    let told = shop.fails(4, &[]);
    assert!(
        told.contains("another deploy of shop is under way"),
        "{told}"
    );
    rustix::process::kill_process(killed.pid(), Signal::KILL).unwrap();
    drop(killed.finish());
    let ran = ends(&host, &shop, 4, &["v1", "--yes"]);
    assert!(ran.stderr.contains("rollback --resume"), "{ran:?}");
    build.let_go();
    await_until("the end of the killed run's build", || {
        let ran = rollback(&host, &shop, &["v1", "--yes", "--resume"]).run();
        ran.status == Some(0)
    });
    assert_eq!(shop.answer().1, "1 -");
    assert_eq!(shop.newest_image(), "1");
    assert_eq!(shop.variables()["RELEASE_VERSION"], "3");
    shop.is_tidy();
}

#[test]
fn a_release_that_is_not_healthy_any_more_is_left_again() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let alive = host.home().join("alive");
    std::fs::write(&alive, "").unwrap();
    let app = std::fs::read_to_string(shop.top().join("app.py")).unwrap();
    shop.write(
        "app.py",
        &app.replace(
            "not os.path.exists(\"sick\")",
            &format!("os.path.exists('{}')", alive.display()),
        ),
    );
    shop.release("1");
    shop.deployed(&[]);
    shop.write("app.py", &app);
    shop.release("2");
    shop.deployed(&[]);
    std::fs::remove_file(&alive).unwrap();
    let ran = ends(&host, &shop, 6, &["v1", "--yes"]);
    assert!(
        ran.stderr.contains("failed in the health check") && ran.stderr.contains("release v3"),
        "{ran:?}"
    );
    assert_eq!(shop.answer().1, "2 -");
    assert_eq!(shop.newest_image(), "2");
    shop.is_tidy();
}
