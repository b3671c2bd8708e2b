//! `dokku-cli ci`, end to end: the sandbox as the host, a GitHub of the tests' own, and the
//! variables and files that a runner gives.

mod clones;
mod deploys;
mod previews;
mod protected;
mod rollbacks;
mod stories;
mod teardown;
mod testing;

use std::fs;

use github_sandbox::{GitHub, Pull, Token};

use crate::{deploy::Shop, support::Test};

/// What a deploying job is given.
const PERMISSIONS: &[&str] = &["statuses:write", "deployments:write", "pull-requests:write"];

/// A GitHub that has `acme/shop` with this commit, which came by the merged pull request 7.
fn hub(sha: &str) -> GitHub {
    let hub = GitHub::start();
    know(&hub, sha);
    let mut state = hub.state();
    let token = Token::of_workflow("acme/shop", PERMISSIONS);
    state.tokens.insert("ghs_test".into(), token);
    state.repository("acme/shop").pulls.insert(
        7,
        Pull {
            is_open: false,
            is_merged: true,
            author: "ada".into(),
            head_repository: Some("acme/shop".into()),
            head_ref: "feature".into(),
            head_sha: sha.to_owned(),
            base_ref: "main".into(),
        },
    );
    drop(state);
    hub
}

/// A further commit of the same pull request.
fn know(hub: &GitHub, sha: &str) {
    let mut state = hub.state();
    let commits = &mut state.repository("acme/shop").commits;
    commits.insert(sha.to_owned(), vec![7]);
}

/// The program as a step of a job, in the shop's repository.
fn step<'a>(shop: &Shop<'a>, hub: &GitHub, words: &[&str]) -> Test<'a> {
    let home = shop.host().home();
    for name in ["output", "summary"] {
        fs::write(home.join(name), "").unwrap();
    }
    shop.host()
        .cli(words)
        .directory(shop.top())
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_REPOSITORY", "acme/shop")
        .env("GITHUB_REF", "refs/heads/main")
        .env("GITHUB_REF_NAME", "main")
        .env("GITHUB_RUN_ID", "42")
        .env("GITHUB_ACTOR", "ada")
        .env("GITHUB_API_URL", hub.url())
        .env("GITHUB_TOKEN", "ghs_test")
        .env("GITHUB_OUTPUT", home.join("output"))
        .env("GITHUB_STEP_SUMMARY", home.join("summary"))
}

/// The outputs of the step, as the runner reads them.
fn outputs(shop: &Shop<'_>) -> Vec<(String, String)> {
    let text = fs::read_to_string(shop.host().home().join("output")).unwrap();
    let mut lines = text.lines();
    let mut outputs = Vec::new();
    while let Some(first) = lines.next() {
        let (name, end) = first.split_once("<<").unwrap();
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
        outputs.push((name.to_owned(), value.join("\n")));
    }
    outputs
}

fn output(shop: &Shop<'_>, name: &str) -> String {
    let outputs = outputs(shop);
    let found = outputs.iter().find(|(known, _)| known == name);
    found
        .unwrap_or_else(|| panic!("{name} in {outputs:?}"))
        .1
        .clone()
}

fn summary(shop: &Shop<'_>) -> String {
    fs::read_to_string(shop.host().home().join("summary")).unwrap()
}

/// States of the commit's statuses, in their order, with context and target.
fn statuses(hub: &GitHub, sha: &str) -> Vec<(String, String, String)> {
    let mut state = hub.state();
    let statuses = &state.repository("acme/shop").statuses;
    let of_commit = statuses.iter().filter(|(of, _)| of == sha);
    of_commit
        .map(|(_, status)| {
            let text = |key: &str| status[key].as_str().unwrap_or_default().to_owned();
            (text("state"), text("context"), text("target_url"))
        })
        .collect()
}

/// The commands that a runner would carry out, in order: it obeys `::stop-commands::` as GitHub's does.
fn commands(log: &str) -> Vec<String> {
    let mut word: Option<String> = None;
    let mut carried_out = Vec::new();
    for line in log.lines().map(str::trim_start) {
        if let Some(stop) = &word {
            if line == format!("::{stop}::") {
                word = None;
            }
        } else if let Some(stop) = line.strip_prefix("::stop-commands::") {
            word = Some(stop.to_owned());
        } else if line.starts_with("::") || line.contains("##[") {
            carried_out.push(line.to_owned());
        }
    }
    carried_out
}
