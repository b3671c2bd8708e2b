//! `dokku-cli ci rollback` and `dokku-cli maintain`, as workflows call them.

use github_sandbox::Fault;

use super::{hub, output, step, summary};
use crate::{
    deploy::Shop,
    support::{Receiver, TestHost},
};

#[test]
fn a_rollback_needs_its_word_and_goes_to_the_release_before() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    let sha = shop.release("2");
    shop.deployed(&[]);
    assert_eq!(shop.answer().1, "2 -");
    let hub = hub(&sha);
    let rollback = |confirm: &str| {
        let confirm = format!("--confirm={confirm}");
        step(
            &shop,
            &hub,
            &[
                "ci",
                "rollback",
                "--app=",
                "--env=production",
                "--release=",
                &confirm,
            ],
        )
        .run()
    };
    for wrong in ["", "rollback", "$(touch canary)\n::warning::x"] {
        let ran = rollback(wrong);
        assert_eq!(ran.status, Some(4), "{ran:?}");
        assert!(
            ran.stderr.contains("not ROLLBACK: nothing was changed"),
            "{}",
            ran.stderr
        );
        assert_eq!(
            super::commands(&ran.stderr)
                .iter()
                .filter(|line| line.starts_with("::warning"))
                .count(),
            0
        );
    }
    assert_eq!(shop.answer().1, "2 -");
    host.ssh("config:set --no-restart shop DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=freeze");
    let ran = rollback("ROLLBACK");
    assert_eq!(ran.status, Some(4), "{}", ran.stderr);
    let text = summary(&shop);
    assert!(
        text.contains("## ❌ shop was not rolled back") && text.contains("freeze"),
        "{text}"
    );
    assert_eq!(output(&shop, "result"), "refused");
    host.ssh("config:unset --no-restart shop DEPLOY_LOCKED DEPLOY_LOCK_REASON");
    let ran = rollback("ROLLBACK");
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(shop.answer().1, "1 -");
    let text = summary(&shop);
    assert!(
        text.contains("## ⏪ Rolled back shop (production)")
            && text.contains("| Release | v3 (v1 again) |"),
        "{text}"
    );
    let outputs = ["app", "version", "result"].map(|name| output(&shop, name));
    assert_eq!(outputs, ["shop", "3", "live"]);
}

#[test]
fn maintenance_asks_the_host_for_what_it_can_do() {
    let host = TestHost::start();
    host.create_app("shop");
    let ran = host.cli(&["maintain", "certificates"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr.contains("The host has no Let's Encrypt plugin"),
        "{}",
        ran.stderr
    );
    host.install_letsencrypt();
    let ran = host.cli(&["maintain", "certificates"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stdout.ends_with("=====> Finished auto-renewal\n"),
        "{}",
        ran.stdout
    );
    host.cli(&["maintain", "docker"])
        .prints("-----> Cleaning up...\n", "");
    let slack = Receiver::answering("200 OK");
    for verb in ["letsencrypt:auto-renew", "cleanup"] {
        host.fail_next(verb, 1);
        let task = if verb == "cleanup" {
            "docker"
        } else {
            "certificates"
        };
        let told = slack.got().len();
        let ran = host
            .cli(&["maintain", task])
            .env("SLACK_WEBHOOK_URL", slack.url("slack"))
            .run();
        assert_eq!(ran.status, Some(5), "{ran:?}");
        let news = slack.got().split_off(told);
        assert!(
            news.len() == 1 && news[0].body.contains("something failed"),
            "{news:?}"
        );
        assert!(ran.stderr.contains("(status 1)"), "{}", ran.stderr);
        host.heal();
        let ran = host
            .cli(&["maintain", task])
            .env("SLACK_WEBHOOK_URL", slack.url("slack"))
            .run();
        assert_eq!(ran.status, Some(0), "{ran:?}");
        assert_eq!(slack.got().len(), told + 1, "what goes well is not told");
    }
    // Whether there is a plugin is not known then, which is not "there is none".
    host.fail_next("letsencrypt:help", 1);
    assert_eq!(
        host.cli(&["maintain", "certificates"]).run().status,
        Some(5)
    );
}

#[test]
fn a_cleanup_needs_the_apps_name() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    let hub = hub(&shop.git(&["rev-parse", "HEAD"]));
    let cleanup = |words: &[&str]| {
        let words: Vec<&str> = ["ci", "cleanup", "--app=shop"]
            .iter()
            .chain(words)
            .copied()
            .collect();
        step(&shop, &hub, &words).run()
    };
    for wrong in ["--confirm=", "--confirm=shop-staging"] {
        let ran = cleanup(&[wrong]);
        assert_eq!(ran.status, Some(4), "{ran:?}");
        assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
    }
    let ran = cleanup(&["--dry-run"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(shop.answer().0, 200);
    // Its repository is there: the form may mean another app.
    let ran = cleanup(&["--confirm=shop"]);
    assert_eq!(ran.status, Some(4), "{ran:?}");
    assert!(
        ran.stderr
            .contains("shop belongs to acme/shop, which is still there")
            && ran.stderr.contains("--force"),
        "{ran:?}"
    );
    // GitHub does not answer, or not to this token: that is no "gone".
    let fault = Fault::Status(401, "Bad credentials");
    hub.state().faults.add("GET", 9, fault);
    assert_eq!(cleanup(&["--confirm=shop"]).status, Some(5));
    hub.state().faults.clear();
    host.ssh("config:set --no-restart shop DEPLOY_REPOSITORY=acme/gone DEPLOY_REPOSITORY_ID=99");
    let ran = cleanup(&["--confirm=shop"]);
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(
        ran.stderr
            .contains("whether acme/gone, which shop belongs to, is still there is not known"),
        "{ran:?}"
    );
    assert_eq!(shop.answer().0, 200);
    let ran = cleanup(&["--confirm=shop", "--force"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(!host.ssh("apps:list").contains("shop"));
}
