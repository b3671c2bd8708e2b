//! `cleanup --orphans`: only what GitHub says positively counts.

use dokku_deploy::flows::cleanup::{ORPHAN_SINCE, REPOSITORY, REPOSITORY_ID};
use github_sandbox::{Fault, GitHub, Pull, Token};
use serde_json::Value;

use super::{app, apps, backups, service, services};
use crate::support::{Ran, TestHost};

/// A GitHub with the private repository `acme/shop`, pull request 1 open, 2 merged; and a token that
/// sees everything of `acme`.
fn hub() -> GitHub {
    let hub = GitHub::start();
    let mut state = hub.state();
    let repository = state.repository("acme/shop");
    repository.is_private = true;
    repository.id = 7;
    for (number, is_open) in [(1, true), (2, false)] {
        repository.pulls.insert(
            number,
            Pull {
                is_open,
                is_merged: !is_open,
                author: "ada".into(),
                head_repository: Some("acme/shop".into()),
                head_ref: "feature".into(),
                head_sha: "a".repeat(40),
                base_ref: "main".into(),
            },
        );
    }
    state
        .organisations
        .insert("acme".into(), [("ada".to_owned(), true)].into());
    state.tokens.insert(
        "ghp_all".into(),
        Token::Classic {
            login: "ada".into(),
            scopes: vec!["repo"],
        },
    );
    drop(state);
    hub
}

/// An app that this system has deployed from a repository.
fn deployed(host: &TestHost, name: &str, environment: &str, repository: &str, id: &str) {
    app(host, name, environment);
    host.ssh(&format!(
        "config:set --no-restart {name} DEPLOY_MANAGED=x {REPOSITORY}={repository} {REPOSITORY_ID}={id}"
    ));
}

fn cleanup(host: &TestHost, hub: &GitHub, more: &[&str]) -> Ran {
    let words: Vec<&str> = ["cleanup", "--orphans"]
        .iter()
        .chain(more)
        .copied()
        .collect();
    host.cli(&words)
        .env("GITHUB_API_URL", hub.url())
        .env("GH_ORG_TOKEN", "ghp_all")
        .run()
}

fn variable(host: &TestHost, app: &str, key: &str) -> Option<String> {
    let text = host.ssh(&format!("config:export --format json {app}"));
    let all: Value = serde_json::from_str(&text).unwrap();
    all[key].as_str().map(str::to_owned)
}

#[test]
fn closed_previews_go_at_once_and_nothing_else() {
    let host = TestHost::start();
    let hub = hub();
    deployed(&host, "shop", "production", "acme/shop", "7");
    deployed(&host, "shop-pr-1", "preview", "acme/shop", "7");
    deployed(&host, "shop-pr-2", "preview", "acme/shop", "7");
    deployed(&host, "shop-pr-9", "preview", "acme/shop", "7");
    app(&host, "api-dev", "production");
    host.create_app("by-hand-pr-2");
    service(&host, "redis", "redis-shop-pr-2", &["shop-pr-2"]);
    let ran = cleanup(&host, &hub, &["--dry-run"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stdout
            .contains("destroy  shop-pr-2: pull request 2 of acme/shop is merged")
            && ran
                .stdout
                .contains("keep     shop-pr-9: what GitHub has is not known")
            && ran
                .stdout
                .contains("keep     by-hand-pr-2: it was not deployed by this system"),
        "{ran:?}"
    );
    assert_eq!(apps(&host).len(), 6);
    let ran = cleanup(&host, &hub, &["--json"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let gone = &told["result"]["destroyed"];
    assert_eq!(gone["apps"], serde_json::json!(["shop-pr-2"]));
    assert_eq!(gone["services"], serde_json::json!(["redis-shop-pr-2"]));
    assert_eq!(backups(&host).len(), 1);
    assert_eq!(
        apps(&host),
        ["api-dev", "by-hand-pr-2", "shop", "shop-pr-1", "shop-pr-9"]
    );
    assert_eq!(services(&host, "redis"), [""; 0]);
}

#[test]
fn github_out_of_order_or_a_token_that_sees_less_destroys_nothing() {
    let host = TestHost::start();
    let hub = hub();
    deployed(&host, "gone", "production", "acme/gone", "8");
    deployed(&host, "shop-pr-2", "preview", "acme/shop", "7");
    let untouched = || {
        assert_eq!(apps(&host), ["gone", "shop-pr-2"]);
        assert_eq!(variable(&host, "gone", ORPHAN_SINCE), None);
    };
    hub.state().tokens.clear();
    let ran = cleanup(&host, &hub, &["--apply"]);
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(
        ran.stderr.contains("does not accept the token")
            && ran.stderr.contains("Nothing was destroyed"),
        "{ran:?}"
    );
    untouched();

    // It sees one repository only, so that a 404 for another says nothing.
    let narrow = Token::of_workflow("acme/shop", &["pull-requests:read"]);
    hub.state().tokens.insert("ghp_all".into(), narrow);
    hub.state()
        .repository("acme/shop")
        .pulls
        .get_mut(&2)
        .unwrap()
        .is_open = true;
    let ran = cleanup(&host, &hub, &["--apply"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stdout
            .contains("keep     gone: what GitHub has is not known"),
        "{ran:?}"
    );
    untouched();

    hub.state().faults.add(
        "GET /rep",
        100,
        Fault::Status(403, "Resource not accessible"),
    );
    let ran = cleanup(&host, &hub, &["--apply"]);
    assert_eq!(ran.status, Some(5), "{ran:?}");
    untouched();
    let nowhere = host
        .cli(&["cleanup", "--orphans", "--apply"])
        .env("GITHUB_API_URL", hub.url())
        .run();
    assert_eq!(nowhere.status, Some(3), "{nowhere:?}");
    untouched();
}

/// Two orphans that a run with `--apply` would destroy at once, one with data.
fn two_orphans(host: &TestHost) {
    deployed(host, "gone", "production", "acme/gone", "8");
    host.ssh(&format!(
        "config:set --no-restart gone {ORPHAN_SINCE}=2026-01-01T00:00:00Z"
    ));
    deployed(host, "shop-pr-2", "preview", "acme/shop", "7");
    service(host, "redis", "redis-shop-pr-2", &["shop-pr-2"]);
}

fn both_are_there(host: &TestHost, when: &str) {
    assert_eq!(apps(host), ["gone", "shop-pr-2"], "{when}");
    assert_eq!(services(host, "redis"), ["redis-shop-pr-2"], "{when}");
    assert_eq!(backups(host), [""; 0], "{when}");
    let since = variable(host, "gone", ORPHAN_SINCE);
    assert_eq!(since.as_deref(), Some("2026-01-01T00:00:00Z"), "{when}");
}

#[test]
fn whatever_keeps_github_from_answering_destroys_nothing_and_is_no_success() {
    let host = TestHost::start();
    let hub = hub();
    two_orphans(&host);
    let all: [&[&str]; 3] = [&["--dry-run"], &[], &["--apply", "--max", "9"]];
    let fails_in = |modes: &[&[&str]], when: &str, expected: &str| {
        for mode in modes {
            let ran = cleanup(&host, &hub, mode);
            assert_eq!(ran.status, Some(5), "{when} {mode:?} {ran:?}");
            assert!(ran.stderr.contains(expected), "{when} {mode:?} {ran:?}");
            both_are_there(&host, when);
        }
    };
    let in_an_hour = jiff::Timestamp::now().as_second() + 3600;
    let limited = "rate limit";
    // The second repository alone fails, after the first has answered: what is known of the other one
    // does not count either.
    for (beginning, when, fault, expected) in [
        ("GET", "403, an hour", Fault::ResetAt(in_an_hour), limited),
        ("GET", "403, later", Fault::RetryAfter(600), limited),
        ("GET", "429", Fault::TooMany(600), limited),
        (
            "GET /repositories/7",
            "429, late",
            Fault::TooMany(600),
            limited,
        ),
        (
            "GET /repositories/7",
            "html",
            Fault::Nonsense,
            "GET /repositories/7",
        ),
        (
            "GET /repos/acme/shop/pulls/2",
            "403",
            Fault::Status(403, "Forbidden"),
            "Forbidden",
        ),
        (
            "GET /user",
            "401, late",
            Fault::Status(401, "Bad credentials"),
            "token",
        ),
    ] {
        hub.state().faults.add(beginning, 100, fault);
        // What is said by all is looked at in all ways once.
        let modes = if when == "429" { &all[..] } else { &all[2..] };
        fails_in(modes, when, expected);
        hub.state().faults.clear();
    }
    // These are tried again for a while, so one mode is enough.
    for (when, fault) in [
        ("502", Fault::Status(502, "Server Error")),
        ("down", Fault::HangUp),
    ] {
        hub.state().faults.add("GET /repositories/7", 100, fault);
        let ran = cleanup(&host, &hub, &["--apply", "--max", "9"]);
        assert_eq!(ran.status, Some(5), "{when} {ran:?}");
        both_are_there(&host, when);
        hub.state().faults.clear();
    }
    // A token that sees nothing of the organisation: 404 everywhere.
    let blind = Token::Classic {
        login: "eve".into(),
        scopes: vec!["repo"],
    };
    let seeing = hub.state().tokens.insert("ghp_all".into(), blind).unwrap();
    fails_in(
        &all,
        "blind",
        "of 2 of 2 apps it is not known what GitHub has",
    );
    hub.state().tokens.clear();
    fails_in(&all, "expired", "does not accept the token");
    hub.state().tokens.insert("ghp_all".into(), seeing);

    // The copy cannot be had: neither goes, not even the one without data.
    host.fail_next("redis:export", 9);
    let ran = cleanup(&host, &hub, &["--apply", "--max", "9"]);
    assert_ne!(ran.status, Some(0), "{ran:?}");
    both_are_there(&host, "no copy");
    host.heal();
    let ran = cleanup(&host, &hub, &["--apply", "--max", "9"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(apps(&host), [""; 0]);
    assert_eq!(backups(&host).len(), 1);
}

#[test]
fn a_repository_that_took_the_name_of_a_former_one_says_nothing_about_its_apps() {
    let host = TestHost::start();
    let hub = hub();
    // Its pull request 2 is merged; that of the repository before it, nobody knows.
    deployed(&host, "shop-pr-2", "preview", "acme/shop", "6");
    let ran = cleanup(&host, &hub, &["--apply"]);
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(
        ran.stdout
            .contains("acme/shop is another repository by now"),
        "{ran:?}"
    );
    assert_eq!(apps(&host), ["shop-pr-2"]);
}

#[test]
fn an_app_whose_repository_is_gone_goes_at_the_second_sighting_after_a_week() {
    let host = TestHost::start();
    let hub = hub();
    deployed(&host, "gone", "production", "acme/gone", "8");
    // Renamed is not gone.
    deployed(&host, "shop", "production", "acme/former", "7");
    let ran = cleanup(&host, &hub, &["--apply"]);
    assert!(
        ran.stdout
            .contains("report   gone: the repository acme/gone is gone"),
        "{ran:?}"
    );
    let since = variable(&host, "gone", ORPHAN_SINCE).unwrap();
    let ran = cleanup(&host, &hub, &["--apply"]);
    assert!(ran.stdout.contains("less than a week ago"), "{ran:?}");
    assert_eq!(variable(&host, "gone", ORPHAN_SINCE), Some(since));
    host.ssh(&format!(
        "config:set --no-restart gone {ORPHAN_SINCE}=2026-01-01T00:00:00Z"
    ));
    let ran = cleanup(&host, &hub, &[]);
    assert!(ran.stdout.contains("--apply destroys it"), "{ran:?}");
    assert_eq!(apps(&host), ["gone", "shop"]);
    let ran = cleanup(&host, &hub, &["--apply"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(apps(&host), ["shop"]);
}

#[test]
fn more_than_a_few_at_once_stop_everything() {
    let host = TestHost::start();
    let hub = hub();
    for number in [2, 3, 4] {
        let pull = hub.state().repository("acme/shop").pulls[&2].clone();
        hub.state()
            .repository("acme/shop")
            .pulls
            .insert(number, pull);
        deployed(
            &host,
            &format!("shop-pr-{number}"),
            "preview",
            "acme/shop",
            "7",
        );
    }
    let ran = cleanup(&host, &hub, &["--yes"]);
    assert_eq!(ran.status, Some(4), "{ran:?}");
    assert!(
        ran.stderr.contains("3 of 3 apps would go at once") && ran.stderr.contains("--max 3"),
        "{ran:?}"
    );
    assert_eq!(apps(&host).len(), 3);
    let ran = cleanup(&host, &hub, &["--max", "3"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(apps(&host), [""; 0]);
}
