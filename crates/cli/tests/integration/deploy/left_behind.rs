//! Nothing of a deploy stays behind: no journal, no hold, no claim that is not known.

use super::{At, Delayed, Shop};
use crate::support::{TestHost, await_until};

#[test]
fn an_abort_while_the_host_still_builds_says_so_and_a_later_one_puts_everything_back() {
    let host = TestHost::start();
    let slow = Delayed::new(&host, At::Build);
    let shop = &slow.shop;
    slow.killed(&["--var", "GREETING=hi"]);
    let told = shop.fails(5, &["--abort", "--yes"]);
    assert!(
        told.contains("deploy lock") && told.contains("abort again"),
        "{told}"
    );
    assert_eq!(shop.variables()["DEPLOY_RUN_PHASE"], "restoring");
    slow.let_go();
    await_until("an abort that works", || {
        shop.deploy(&["--abort", "--yes"]).run().status == Some(0)
    });
    assert_eq!(shop.answer(), (200, "1 -".to_owned()));
    assert!(shop.variables().get("GREETING").is_none());
    assert_eq!(shop.newest_image(), "1");
    shop.is_tidy();
}

#[test]
fn an_abort_does_not_say_put_back_of_what_went_live_by_itself() {
    let host = TestHost::start();
    let slow = Delayed::new(&host, At::Build);
    let shop = &slow.shop;
    slow.killed(&["--var", "GREETING=hi"]);
    slow.let_go();
    await_until("version 2", || shop.answer().1 == "2 hi");
    let mut told = String::new();
    await_until("the end of the build", || {
        let ran = shop.deploy(&["--abort", "--yes"]).run();
        told = ran.stderr;
        ran.status == Some(0)
    });
    assert!(
        told.contains("had gone live and serves, unverified"),
        "{told}"
    );
    assert_eq!(shop.answer().1, "2 hi");
    shop.is_tidy();
}

#[test]
fn a_run_whose_journal_was_taken_goes_on_with_nothing() {
    let host = TestHost::start();
    let slow = Delayed::new(&host, At::Task);
    let shop = &slow.shop;
    let first = shop.deploy(&[]).start();
    slow.has_begun();
    shop.deployed(&["--abort", "--yes"]);
    let ran = first.finish();
    // Its task was stopped under it, and then it looks whose journal that is.
    assert_eq!(ran.status, Some(6), "{ran:?}");
    assert!(
        ran.stderr
            .contains("another run has taken the journal of shop over: nothing is put back here"),
        "{ran:?}"
    );
    assert_eq!(shop.answer(), (200, "1 -".to_owned()));
    assert_eq!(shop.newest_image(), "1");
    shop.is_tidy();
}

#[test]
fn a_deploy_that_only_adds_a_domain_ends_its_journal() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    shop.write(
        ".dokku/config.yml",
        "custom_domains: [www.localhost]\nhealthcheck: {attempts: 2, wait: 1s}\n",
    );
    let ran = shop.deploy(&["--yes"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        host.ssh("domains:report shop --domains-app-vhosts")
            .contains("www.localhost")
    );
    shop.is_tidy();
}

#[test]
fn the_removal_of_a_bad_task_lets_a_held_deploy_go_live() {
    let host = TestHost::start();
    let slow = Delayed::new(&host, At::Task);
    let shop = &slow.shop;
    slow.killed(&[]);
    shop.tasks(&[]);
    shop.release("3");
    let ran = shop.deploy(&["--resume", "--yes"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(shop.answer(), (200, "3 -".to_owned()), "{ran:?}");
    shop.is_tidy();
}

#[test]
fn a_held_deploy_is_undone_by_deploying_the_commit_that_serves() {
    let host = TestHost::start();
    let slow = Delayed::new(&host, At::Task);
    let shop = &slow.shop;
    slow.killed(&[]);
    shop.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    let ran = shop.deploy(&["--resume", "--yes"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(shop.answer(), (200, "1 -".to_owned()), "{ran:?}");
    assert_eq!(shop.newest_image(), "1");
    shop.is_tidy();
}

#[test]
fn a_stale_master_is_not_taken_for_what_another_branch_deployed() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    host.create_app("shop");
    let old = shop.git(&["rev-parse", "HEAD"]);
    shop.push_by_hand("master");
    host.ssh("git:set shop deploy-branch live");
    shop.release("2");
    shop.deployed(&["--yes"]);
    assert_eq!(shop.answer().1, "2 -");
    shop.write("sick", "");
    shop.release("3");
    let told = shop.fails(6, &[]);
    assert_eq!(shop.answer().1, "2 -", "{told}");
    assert_eq!(shop.newest_image(), "2");
    shop.git(&["reset", "--quiet", "--hard", &old]);
    let ran = shop.deploy(&["--yes"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(shop.answer().1, "1 -", "{ran:?}");
    assert_eq!(shop.variables()["RELEASE_SHA"], old);
    shop.is_tidy();
}

#[test]
fn a_failed_deploy_forgets_no_source_of_a_variable() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.write("../vars.json", r#"{"GREETING": "hi", "GOES": "1"}"#);
    shop.deployed(&["--vars-file", "../vars.json"]);
    let managed = shop.variables()["DEPLOY_MANAGED"].clone();
    shop.write("../vars.json", r#"{"GREETING": "hi"}"#);
    shop.write("sick", "");
    shop.release("2");
    shop.fails(6, &["--vars-file", "../vars.json"]);
    assert_eq!(shop.variables()["GOES"], "1");
    assert_eq!(shop.variables()["DEPLOY_MANAGED"], managed);
    std::fs::remove_file(shop.top().join("sick")).unwrap();
    shop.release("3");
    shop.deployed(&["--vars-file", "../vars.json"]);
    assert!(shop.variables().get("GOES").is_none());
}
