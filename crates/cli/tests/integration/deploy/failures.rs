//! Deploys that fail: the old version serves on, nothing is half switched, and it is said.

use super::Shop;
use crate::support::TestHost;

/// Version 1 serves; the next release carries what `break_it` did.
fn after_version_1(host: &TestHost, break_it: impl FnOnce(&Shop<'_>)) -> Shop<'_> {
    let shop = Shop::new(host);
    shop.deployed(&[]);
    break_it(&shop);
    shop.release("2");
    shop
}

/// Version 1 serves, would be restarted into, and is what the variables speak of.
fn version_1_is_untouched(shop: &Shop<'_>) {
    assert_eq!(shop.answer(), (200, "1 -".to_owned()));
    assert_eq!(shop.newest_image(), "1");
    let variables = shop.variables();
    assert_eq!(variables["GIT_REV"], shop.git(&["rev-parse", "HEAD~1"]));
    assert!(variables.get("GREETING").is_none(), "{variables}");
    shop.is_tidy();
}

/// The next good commit deploys as if nothing had been.
fn the_next_deploy_works(shop: &Shop<'_>) {
    shop.git(&["revert", "--no-edit", "HEAD"]);
    shop.release("3");
    shop.deployed(&[]);
    assert_eq!(shop.answer(), (200, "3 -".to_owned()));
    shop.is_tidy();
}

#[test]
fn a_failing_build_leaves_everything_as_it_was() {
    let host = TestHost::start();
    let shop = after_version_1(&host, |shop| {
        shop.write("bin/build", "#!/bin/sh\necho compiling\nexit 42\n");
        shop.make_executable("bin/build");
    });
    let told = shop.fails(6, &["--var", "GREETING=hi"]);
    assert!(
        told.contains("failed in the build") && told.contains("App build failed"),
        "{told}"
    );
    assert!(
        told.contains("What serves now: the earlier version"),
        "{told}"
    );
    version_1_is_untouched(&shop);
    assert_eq!(shop.variables()["RELEASE_VERSION"], "1");
    the_next_deploy_works(&shop);
}

#[test]
fn a_failing_task_stops_the_later_ones_and_the_deploy() {
    let host = TestHost::start();
    let later = host.home().join("later");
    let shop = after_version_1(&host, |shop| {
        shop.tasks(&[
            ("migrate", "echo halfway >&2; exit 3"),
            ("warm", &format!("touch '{}'", later.display())),
        ]);
    });
    let told = shop.fails(6, &["--var", "GREETING=hi"]);
    assert!(
        told.contains("failed in the release task \"migrate\": its command failed with status 3"),
        "{told}"
    );
    assert!(told.contains("migrate │ halfway"), "{told}");
    assert!(!later.exists());
    version_1_is_untouched(&shop);
    the_next_deploy_works(&shop);
}

#[test]
fn a_task_that_takes_too_long_is_really_stopped() {
    let host = TestHost::start();
    let shop = after_version_1(&host, |shop| {
        shop.write(
            ".dokku/config.yml",
            "release: {tasks: [{name: slow, command: 'echo begun; exec sleep 600', timeout: 1s}]}\n",
        );
    });
    let told = shop.fails(6, &[]);
    assert!(told.contains("it did not end within 1 s"), "{told}");
    assert!(told.contains("was stopped"), "{told}");
    version_1_is_untouched(&shop);
}

#[test]
fn processes_that_crash_at_once_never_take_traffic() {
    let host = TestHost::start();
    let shop = after_version_1(&host, |shop| shop.write("app.py", "raise SystemExit(7)\n"));
    let told = shop.fails(6, &[]);
    assert!(
        told.contains("What serves now: the earlier version"),
        "{told}"
    );
    version_1_is_untouched(&shop);
    the_next_deploy_works(&shop);
}

#[test]
fn processes_that_crash_after_good_tasks_never_take_traffic() {
    let host = TestHost::start();
    let shop = after_version_1(&host, |shop| {
        shop.tasks(&[("fine", "true")]);
        shop.write("app.py", "raise SystemExit(7)\n");
    });
    let told = shop.fails(6, &[]);
    assert!(told.contains("failed in going live"), "{told}");
    version_1_is_untouched(&shop);
}

#[test]
fn an_unhealthy_version_is_rolled_back_and_that_is_verified() {
    let host = TestHost::start();
    let shop = after_version_1(&host, |shop| shop.write("sick", ""));
    let told = shop.fails(6, &["--var", "GREETING=hi"]);
    assert!(told.contains("status 500, expected 200"), "{told}");
    assert!(
        told.contains("going back to") && told.contains("answered 200"),
        "{told}"
    );
    version_1_is_untouched(&shop);
    // Going back is a release of its own.
    assert_eq!(shop.variables()["RELEASE_VERSION"], "2");
    the_next_deploy_works(&shop);
}

#[test]
fn keep_leaves_the_unhealthy_version_and_says_so() {
    let host = TestHost::start();
    let shop = after_version_1(&host, |shop| {
        shop.write("sick", "");
        shop.write(
            ".dokku/config.yml",
            "healthcheck: {attempts: 1}\nrelease: {on_failure: keep}\n",
        );
    });
    let told = shop.fails(6, &[]);
    assert!(told.contains("the new version."), "{told}");
    assert_eq!(shop.answer().0, 500);
    assert_eq!(shop.variables()["RELEASE_VERSION"], "1");
    shop.is_tidy();
}

#[test]
fn a_first_deploy_that_fails_serves_nothing_and_can_be_tried_again() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.tasks(&[("migrate", "exit 1")]);
    shop.commit("Broken from the start");
    let told = shop.fails(6, &[]);
    assert!(
        told.contains("nothing, no container of the app runs"),
        "{told}"
    );
    shop.is_tidy();
    // The same commit again: the host has it already, and it is tried again all the same.
    let told = shop.fails(6, &[]);
    assert!(
        told.contains("failed in the release task \"migrate\""),
        "{told}"
    );
    shop.tasks(&[("migrate", "true")]);
    shop.commit("Mended");
    shop.deployed(&[]);
    assert_eq!(shop.answer().1, "1 -");
    shop.is_tidy();
}

#[test]
fn a_locked_app_is_not_deployed() {
    let host = TestHost::start();
    let shop = after_version_1(&host, |_| {});
    host.ssh("config:set --no-restart shop DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=maintenance");
    let told = shop.fails(4, &[]);
    assert!(told.contains("shop is locked: maintenance"), "{told}");
    assert_eq!(shop.answer().1, "1 -");
    host.ssh("config:unset --no-restart shop DEPLOY_LOCKED DEPLOY_LOCK_REASON");
    shop.deployed(&[]);
    assert_eq!(shop.answer().1, "2 -");
}

#[test]
fn a_refusal_of_the_host_in_any_step_puts_everything_back() {
    for verb in [
        "config:import",
        "domains:add",
        "ps:set",
        "ps:rebuild",
        "config:unset",
    ] {
        let host = TestHost::start();
        let shop = Shop::new(&host);
        shop.deployed(&[]);
        shop.write(
            ".dokku/config.yml",
            "custom_domains: [www.localhost]\nhealthcheck: {attempts: 1}\nrelease: {tasks: [{name: fine, command: 'true'}]}\n",
        );
        shop.release("2");
        host.fail_next(verb, 1);
        let ran = shop.deploy(&["--var", "GREETING=hi"]).run();
        if ran.status == Some(0) {
            match verb {
                // Needed only for the journal's end, when the new version is live.
                "config:unset" => {
                    assert!(ran.stderr.contains("the deploy's journal stays"), "{ran:?}");
                }
                // Not needed on this way.
                verb => assert_eq!(verb, "ps:rebuild", "{ran:?}"),
            }
            continue;
        }
        assert!(ran.stderr.contains(verb), "{verb}: {ran:?}");
        let (status, body) = shop.answer();
        assert_eq!(status, 200, "{verb}");
        assert!(
            body.starts_with('1') || ran.stderr.contains("the new version."),
            "{verb}: {ran:?}"
        );
    }
}

#[test]
fn a_full_disk_fails_the_deploy_and_the_old_version_serves_on() {
    let Some(host) = TestHost::on_small_disk(64) else {
        return;
    };
    let shop = after_version_1(&host, |_| {});
    host.set_disk_full(true);
    let ran = shop.deploy(&[]).run();
    assert!(matches!(ran.status, Some(5 | 6)), "{ran:?}");
    assert!(
        ran.stderr.contains("No space left on device") || ran.stderr.contains("no space"),
        "{ran:?}"
    );
    assert_eq!(shop.answer(), (200, "1 -".to_owned()));
    host.set_disk_full(false);
    shop.deployed(&["--resume", "--yes"]);
    assert_eq!(shop.answer(), (200, "2 -".to_owned()));
    shop.is_tidy();
}

#[test]
fn the_same_sick_commit_again_is_still_the_new_version() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.write("sick", "");
    let commit = shop.commit("sick from the start");
    for _ in 0..2 {
        let told = shop.fails(6, &[]);
        let serving = format!("What serves now: {}, the new version.", &commit[..7]);
        assert!(told.contains(&serving), "{told}");
    }
}
