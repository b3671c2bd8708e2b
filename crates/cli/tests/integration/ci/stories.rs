//! Whole workflows, step by step as the runner would run them, with the real program, the sandbox
//! and a GitHub.

use std::{collections::BTreeMap, fs, path::Path};

use github_sandbox::{
    Fault, GitHub, Token,
    runner::{JobRan, Run, Workflow},
};
use serde_json::{Value, json};

use super::{
    hub, know,
    previews::{Project, SERVER},
    statuses,
};
use crate::{
    deploy::Shop,
    support::{Receiver, TestHost},
};

fn workflow(name: &str) -> Workflow {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join(format!(".github/workflows/{name}.yml"));
    Workflow::parse(&fs::read_to_string(path).unwrap())
}

/// A run in the shop's repository, with the secrets and variables that the documents ask for.
fn run(shop: &Shop<'_>, hub: &GitHub, branch: &str, inputs: Value) -> Run {
    let host = shop.host();
    let home = host.home();
    let program = Path::new(env!("CARGO_BIN_EXE_dokku-cli")).parent().unwrap();
    let search = format!(
        "{}:{}:{}",
        home.join("bin").display(),
        program.display(),
        std::env::var("PATH").unwrap()
    );
    let environment = [
        ("PATH", search),
        ("HOME", home.display().to_string()),
        ("XDG_RUNTIME_DIR", host.runtime().display().to_string()),
        ("RUNNER_TEMP", home.display().to_string()),
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("GITHUB_REPOSITORY", "acme/shop".to_owned()),
        ("GITHUB_REF", format!("refs/heads/{branch}")),
        ("GITHUB_REF_NAME", branch.to_owned()),
        ("GITHUB_RUN_ID", "42".to_owned()),
        ("GITHUB_ACTOR", "ada".to_owned()),
        ("GITHUB_API_URL", hub.url()),
    ];
    Run {
        github: json!({
            "repository": "acme/shop", "token": "ghs_test",
            "event": {"repository": {"name": "shop"}},
        }),
        inputs,
        secrets: json!({
            "DOKKU_HOST": format!("127.0.0.1:{}", host.port()),
            "DOKKU_SSH_PRIVATE_KEY": fs::read_to_string(home.join("my keys/id")).unwrap(),
        }),
        given: json!({}),
        vars: json!({
            "BASE_DOMAIN": "localhost",
            "DOKKU_HOST_KEY": host.known_hosts_line(),
            "GREETING": "it's \"$HOME\" ok",
        }),
        directory: shop.top().to_owned(),
        environment: environment
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
    }
}

/// An empty repository for the dashboard's data.
fn bare(shop: &Shop<'_>) -> String {
    let data = shop.host().home().join("data.git").display().to_string();
    shop.git(&["init", "--quiet", "--bare", &data]);
    data
}

fn published(shop: &Shop<'_>, data: &str, name: &str) -> Value {
    let text = shop.git(&["-C", data, "show", &format!("gh-pages:{name}")]);
    serde_json::from_str(&text).unwrap()
}

fn no_canary(shop: &Shop<'_>) {
    for place in [shop.top(), shop.host().home()] {
        assert!(!place.join("canary").exists());
    }
}

#[test]
fn a_push_goes_through_tests_to_a_live_app_its_statuses_its_comment_slack_and_the_dashboard() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    // The runner knows the host from the variable alone.
    host.know("");
    shop.write(
        ".dokku/config.yml",
        "healthcheck: {attempts: 2, wait: 1s}\ntest: {command: grep -q 2 version}\n",
    );
    shop.write("version", "2");
    let sha = shop.commit("$(touch canary) `touch canary` \"; touch canary; #");
    let hub = hub(&sha);
    let inputs = json!({"health_check_path": "", "memory_limit": "", "cpu_limit": ""});
    let slack = Receiver::answering("200 OK");
    let data = bare(&shop);
    let mut first = run(&shop, &hub, "main", inputs.clone());
    first.secrets["SLACK_WEBHOOK_URL"] = slack.url("slack").into();
    first.vars["DASHBOARD_REPOSITORY"] = data.clone().into();
    let jobs = first.jobs(&workflow("deploy"));
    let deploy = succeeded(&jobs, "deploy");
    assert_eq!(deploy.environment.as_deref(), Some("production"));
    assert_eq!(deploy.outputs["app"], "shop");
    assert_eq!(deploy.outputs["version"], "1");
    assert_eq!(shop.answer(), (200, "2 it's \"$HOME\" ok".to_owned()));
    let states: Vec<String> = statuses(&hub, &sha).into_iter().map(|s| s.0).collect();
    assert_eq!(states, ["pending", "success"]);
    assert_eq!(hub.state().repository("acme/shop").comments[&7].len(), 1);
    assert!(deploy.steps[0].summary.contains("| Release | v1 |"));
    let told = slack.got();
    assert_eq!(told.len(), 1, "{told:?}");
    for word in [
        "Deployed successfully",
        "shop",
        &sha[..7],
        "$(touch canary)",
    ] {
        assert!(told[0].body.contains(word), "{word}: {told:?}");
    }
    let row = &published(&shop, &data, "apps.json")["apps"][0];
    assert_eq!(row["name"], "shop");
    assert_eq!(row["status"], "success");
    assert_eq!(row["commit_sha"], sha.as_str());
    assert_eq!(row["uptime"]["status"], "healthy");
    no_canary(&shop);

    // A test that fails keeps the deploy from beginning.
    shop.write("version", "3");
    let sha = shop.commit("a version whose test fails");
    know(&hub, &sha);
    let jobs = run(&shop, &hub, "main", inputs.clone()).jobs(&workflow("deploy"));
    assert!(!jobs["test"].as_ref().unwrap().is_success);
    assert!(jobs["deploy"].is_none());
    assert!(statuses(&hub, &sha).is_empty());
    assert_eq!(shop.answer().1, "2 it's \"$HOME\" ok");

    // A branch that deploys nowhere ends in the first job.
    let hostile = "x$(touch${IFS}canary)";
    let jobs = run(&shop, &hub, hostile, inputs).jobs(&workflow("deploy"));
    let test = jobs["test"].as_ref().unwrap();
    assert_eq!(test.steps.last().unwrap().status, Some(3), "{test:?}");
    assert!(jobs["deploy"].is_none());
    no_canary(&shop);
}

#[test]
fn the_buttons_lock_show_and_unlock() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let sha = shop.release("2");
    let hub = hub(&sha);
    host.create_app("shop");
    let reason = "it's \"down\" $(touch canary) `touch canary` --for 1s\nsecond line";
    let press = |action: &str| {
        let inputs = json!({"app_name": "shop", "action": action, "reason": reason});
        let jobs = run(&shop, &hub, "main", inputs).jobs(&workflow("lock"));
        jobs["lock"].clone().unwrap()
    };
    assert!(press("lock").is_success);
    let shown = press("status");
    assert!(shown.is_success, "locked is an answer: {shown:?}");
    assert!(
        shown.steps[0]
            .stdout
            .contains("it's \"down\" $(touch canary)"),
        "{shown:?}"
    );
    let inputs = json!({"health_check_path": "", "memory_limit": "", "cpu_limit": ""});
    let jobs = run(&shop, &hub, "main", inputs).jobs(&workflow("deploy"));
    assert!(!jobs["deploy"].as_ref().unwrap().is_success);
    assert!(press("unlock").is_success);
    let shown = press("status").steps.remove(0);
    assert!(shown.stdout.starts_with("UNLOCKED"), "{shown:?}");
    no_canary(&shop);
}

#[test]
fn the_rollback_button_goes_back_and_tells_the_one_who_typed_something_else() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    let sha = shop.release("2");
    shop.deployed(&[]);
    let hub = hub(&sha);
    let press = |confirm: &str| {
        let inputs = json!({"app_name": "", "environment": "production", "release": "v1", "confirm": confirm});
        run(&shop, &hub, "main", inputs).jobs(&workflow("rollback"))["rollback"]
            .clone()
            .unwrap()
    };
    assert_eq!(press("'; touch canary #").steps[0].status, Some(4));
    assert_eq!(shop.answer().1, "2 -");
    assert!(press("ROLLBACK").is_success);
    assert_eq!(shop.answer().1, "1 -");
    no_canary(&shop);
}

/// An app whose pull request is merged, with data, and a token that sees all of the organisation.
fn an_orphan(shop: &Shop<'_>, hub: &GitHub) {
    let host = shop.host();
    host.create_app("shop-pr-7");
    let mut state = hub.state();
    let id = state.repository("acme/shop").id;
    state.tokens.insert(
        "ghp_all".into(),
        Token::Classic {
            login: "ada".into(),
            scopes: vec!["repo"],
        },
    );
    state
        .organisations
        .insert("acme".into(), [("ada".to_owned(), true)].into());
    drop(state);
    host.ssh(&format!(
        "config:set --no-restart shop-pr-7 APP_ENV=preview DEPLOY_MANAGED=x DEPLOY_REPOSITORY=acme/shop DEPLOY_REPOSITORY_ID={id}"
    ));
    host.ssh("redis:create redis-shop-pr-7");
    host.ssh("redis:link redis-shop-pr-7 shop-pr-7 --no-restart");
}

#[test]
fn a_night_without_github_without_a_good_token_or_without_a_copy_destroys_nothing() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let hub = hub(&shop.git(&["rev-parse", "HEAD"]));
    an_orphan(&shop, &hub);
    let kept = host.home().join("kept").display().to_string();
    let data = bare(&shop);
    let is_noted_as = |is_good: bool| {
        let file = published(&shop, &data, "schedules.json");
        assert_eq!(file["schedules"][0]["task"], "orphans");
        assert_eq!(file["schedules"][0]["is_good"], is_good);
    };
    let night = |directory: &str| {
        let inputs = json!({"task": "cleanup-orphans", "dry_run": false});
        let mut run = run(&shop, &hub, "main", inputs);
        run.secrets["GH_ORG_TOKEN"] = "ghp_all".into();
        run.vars["DOKKU_BACKUP_DIR"] = directory.into();
        run.vars["DASHBOARD_REPOSITORY"] = data.clone().into();
        let mut jobs = run.jobs(&workflow("scheduled"));
        assert!(jobs["backups"].is_none());
        jobs.remove("orphans")
            .unwrap()
            .unwrap()
            .steps
            .pop()
            .unwrap()
    };
    let is_there = || {
        assert!(host.ssh("apps:list").contains("shop-pr-7"));
        assert!(host.ssh("redis:list").contains("redis-shop-pr-7"));
    };
    hub.state().faults.add("GET", 1000, Fault::HangUp);
    let down = night(&kept);
    assert_eq!(down.status, Some(5), "{down:?}");
    is_there();
    hub.state().faults.clear();
    let token = hub.state().tokens.remove("ghp_all").unwrap();
    let expired = night(&kept);
    assert_eq!(expired.status, Some(5), "{expired:?}");
    is_there();
    is_noted_as(false);
    hub.state().tokens.insert("ghp_all".into(), token);
    // Nowhere to keep a copy, and then none that can be made.
    let nowhere = night("");
    assert_eq!(nowhere.status, Some(4), "{nowhere:?}");
    is_there();
    host.fail_next("redis:export", 9);
    let failed = night(&kept);
    assert!(!matches!(failed.status, Some(0) | None), "{failed:?}");
    is_there();
    host.heal();
    let good = night(&kept);
    assert_eq!(good.status, Some(0), "{good:?}");
    is_noted_as(true);
    assert!(!host.ssh("apps:list").contains("shop-pr-7"));
    assert!(!host.ssh("redis:list").contains("redis-shop-pr-7"));
    let names: Vec<String> = fs::read_dir(&kept)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let is_copy = |name: &String| name.starts_with("pre-destroy_shop-pr-7");
    assert!(names.iter().any(is_copy), "{names:?}");
}

#[test]
fn a_pull_request_goes_through_its_workflow_from_its_preview_to_its_end() {
    let host = TestHost::start();
    host.install_http_auth();
    let project = Project::start(&host);
    project.pull(|pull| pull.head_ref = "x`touch canary`$(touch canary)".into());
    let press = |action: &str| {
        let inputs = json!({"memory_limit": "256m", "cpu_limit": "0.5"});
        let mut run = run(&project.shop, &project.hub, "7/merge", inputs);
        run.github["event"] = project.told(action);
        run.secrets["GH_ORG_TOKEN"] = json!("ghp_all");
        run.secrets["PREVIEW_AUTH_USER"] = json!("ada");
        run.secrets["PREVIEW_AUTH_PASSWORD"] = json!("it's `touch canary` \"secret\"");
        run.vars["DOKKU_BACKUP_DIR"] = json!(host.home().join("vault").display().to_string());
        let event = host.home().join("event").display().to_string();
        run.environment.insert("GITHUB_EVENT_PATH".into(), event);
        run.environment
            .insert("GITHUB_SERVER_URL".into(), SERVER.into());
        let jobs = run.jobs(&workflow("preview"));
        succeeded(&jobs, "preview").clone()
    };
    let opened = press("opened");
    assert_eq!(opened.environment.as_deref(), Some("preview"));
    assert!(
        opened.steps[0].stderr.contains("everybody is refused"),
        "{opened:?}"
    );
    let variables = project.variables();
    assert_eq!(variables["GREETING"], "it's \"$HOME\" ok");
    assert!(variables.get("DOKKU_BACKUP_DIR").is_none());
    let limits = host.ssh("resource:limit shop-pr-7");
    assert!(
        limits.contains("256m") && limits.contains("0.5"),
        "{limits}"
    );
    assert!(project.comments()[0].contains("✅ Deployed"));
    let sha = project.shop.git(&["rev-parse", "HEAD"]);
    let told = statuses(&project.hub, &sha);
    assert_eq!(told.last().unwrap().0, "success", "{told:?}");
    assert_eq!(told.last().unwrap().1, "preview/deploy");

    project.pull(|pull| pull.is_open = false);
    press("closed");
    assert_eq!(project.apps().trim(), "");
    assert!(project.comments()[0].contains("Destroyed (PR closed)"));
    assert!(host.home().join("vault").is_dir());
    no_canary(&project.shop);
}

fn succeeded<'j>(jobs: &'j BTreeMap<String, Option<JobRan>>, name: &str) -> &'j JobRan {
    let job = jobs[name]
        .as_ref()
        .unwrap_or_else(|| panic!("{name} was skipped: {jobs:?}"));
    assert!(job.is_success, "{job:?}");
    job
}
