//! The end of previews: nothing is left, on the host or at GitHub, whatever failed on the way.

use github_sandbox::Fault;

use super::{clones, previews::Project};
use crate::support::{Ran, TestHost};

/// States of the deployments that GitHub shows, in the order in which they came.
fn deployments(project: &Project<'_>) -> Vec<String> {
    let mut state = project.hub.state();
    let deployments = &state.repository("acme/shop").deployments;
    let last = |statuses: &[serde_json::Value]| {
        let state = statuses.last().map(|status| status["state"].clone());
        state
            .unwrap_or_default()
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    deployments.iter().map(|one| last(&one.statuses)).collect()
}

fn nightly(project: &Project<'_>) -> Ran {
    project
        .host
        .cli(&["cleanup", "--orphans"])
        .env("GITHUB_API_URL", project.hub.url())
        .env("GH_ORG_TOKEN", "ghp_all")
        .run()
}

/// The repository's production app, which the nightly run knows the repository by.
fn production(project: &Project<'_>) {
    project.host.create_app("shop");
    let id = project.hub.state().repository("acme/shop").id;
    project.host.ssh(&format!(
        "config:set --no-restart shop APP_ENV=production DEPLOY_MANAGED=x DEPLOY_REPOSITORY=acme/shop DEPLOY_REPOSITORY_ID={id}"
    ));
}

fn services(host: &TestHost, kind: &str) -> Vec<String> {
    let list = host.ssh(&format!("--quiet {kind}:list"));
    list.split_whitespace().map(str::to_owned).collect()
}

fn nothing_is_left(project: &Project<'_>, kept: &[&str]) {
    let host = project.host;
    let apps = project.apps();
    let apps: Vec<&str> = apps.split_whitespace().collect();
    assert_eq!(apps, kept);
    assert!(!host.home().join("root/home/shop-pr-7").exists());
    assert_eq!(deployments(project), [""; 0]);
    let comments = project.comments();
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0].contains("🗑️ Destroyed"), "{comments:?}");
}

#[test]
fn a_preview_with_password_and_copy_lives_and_ends_without_a_trace() {
    let host = TestHost::start();
    host.install_http_auth();
    let mut project = clones::project(&host, &["redis"], None);
    project.environment.extend([
        ("PREVIEW_AUTH_USER", "ada".to_owned()),
        ("PREVIEW_AUTH_PASSWORD", "hunter2".to_owned()),
    ]);
    let ran = project.event("opened", "ada");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(deployments(&project), ["success"]);
    project.shop.release("2");
    project.push();
    let ran = project.event("synchronize", "ada");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(deployments(&project), ["inactive", "success"]);
    assert_eq!(services(&host, "redis").len(), 2);

    project.pull(|pull| pull.is_open = false);
    let ran = project.event("closed", "ada");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    nothing_is_left(&project, &["shop-staging"]);
    assert_eq!(services(&host, "redis"), ["redis-of-staging"]);
    let again = project.event("closed", "ada");
    assert_eq!(again.status, Some(0), "{again:?}");
}

#[test]
fn whatever_step_fails_the_nightly_run_goes_on() {
    let host = TestHost::start();
    let project = Project::start(&host);
    production(&project);
    let ran = project.event("opened", "ada");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    project.pull(|pull| pull.is_open = false);
    let fault = Fault::Status(503, "Service Unavailable");
    project
        .hub
        .state()
        .faults
        .add("GET /repos/acme/shop/pulls/7", 9, fault);
    let ran = project.event("closed", "ada");
    assert_eq!(ran.status, Some(5), "{ran:?}");
    project.hub.state().faults.clear();
    for verb in [
        "redis:export",
        "redis:unlink",
        "redis:destroy",
        "apps:destroy",
    ] {
        host.fail_next(verb, 1);
        let ran = project.event("closed", "ada");
        assert_ne!(ran.status, Some(0), "{verb} {ran:?}");
        host.fail_next(verb, 1);
        let ran = nightly(&project);
        assert_ne!(ran.status, Some(0), "{verb} {ran:?}");
        assert!(project.apps().contains("shop-pr-7"), "{verb}");
        assert_eq!(deployments(&project), ["success"]);
    }
    host.heal();
    // All of it goes but what GitHub does not take.
    let fault = Fault::Status(403, "Resource not accessible");
    project
        .hub
        .state()
        .faults
        .add("PATCH /repos/acme/shop/issues/comments", 1, fault);
    let ran = nightly(&project);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("was not told"), "{ran:?}");
    assert_eq!(project.apps().trim(), "shop");
    assert_eq!(services(&host, "redis"), [""; 0]);
    assert!(project.comments()[0].contains("✅ Deployed"));
    assert_eq!(deployments(&project), ["success"]);

    let ran = nightly(&project);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    nothing_is_left(&project, &["shop"]);
    let before = project.hub.state().requests.len();
    let ran = nightly(&project);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let state = project.hub.state();
    assert!(
        state.requests[before..]
            .iter()
            .all(|request| request.method == "GET")
    );
}

/// What a deploy leaves that fails before the app says what it is.
#[test]
fn an_app_that_never_came_to_say_what_it_is_goes_with_its_closed_pull_request() {
    let host = TestHost::start();
    let project = Project::start(&host);
    production(&project);
    host.fail_next("git:set", 1);
    let ran = project.event("opened", "ada");
    assert_ne!(ran.status, Some(0), "{ran:?}");
    host.heal();
    assert!(project.apps().contains("shop-pr-7"));
    assert!(project.variables().get("APP_ENV").is_none());
    let ran = nightly(&project);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(project.apps().contains("shop-pr-7"), "it is open");
    project.pull(|pull| pull.is_open = false);
    // Somebody else's app of that name stays.
    host.ssh("config:set --no-restart shop-pr-7 MINE=1");
    let ran = nightly(&project);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(project.apps().contains("shop-pr-7"));
    host.ssh("config:unset --no-restart shop-pr-7 MINE");
    let ran = nightly(&project);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    nothing_is_left(&project, &["shop"]);
}
