//! Rules that every workflow keeps. zizmor knows most of them; these are ours.

use std::fs;

use github_sandbox::runner::Workflow;
use serde_json::{Value, json};

use super::{root, workflows};

/// The workflows and the actions, by name.
fn everything() -> Vec<(String, Workflow)> {
    let mut all: Vec<(String, Workflow)> = workflows().into_iter().collect();
    for action in ["action.yml", ".github/actions/install/action.yml"] {
        let text = fs::read_to_string(root().join(action)).unwrap();
        all.push((action.to_owned(), Workflow::parse(&text)));
    }
    all
}

#[test]
fn the_workflows_that_people_know_are_there() {
    let names: Vec<String> = workflows().into_keys().collect();
    for name in [
        "backup",
        "cleanup",
        "deploy",
        "lock",
        "preview",
        "rollback",
        "scheduled",
        "update-dashboard",
        "validate",
    ] {
        assert!(names.contains(&name.to_owned()), "{name} of {names:?}");
    }
}

#[test]
fn no_expression_stands_in_what_a_shell_reads() {
    for (name, workflow) in everything() {
        for (job, body) in &workflow.jobs {
            for step in &body.steps {
                let run = step.run.as_deref().unwrap_or_default();
                assert!(!run.contains("${{"), "{name} {job}: {run}");
            }
        }
    }
}

#[test]
fn what_others_wrote_is_pinned_by_its_commit_and_says_its_version() {
    for (name, workflow) in everything() {
        let path = match name.strip_suffix(".yml") {
            Some(_) => name.clone(),
            None => format!(".github/workflows/{name}.yml"),
        };
        let text = fs::read_to_string(root().join(path)).unwrap();
        let steps = workflow.jobs.iter().flat_map(|(_, job)| &job.steps);
        for uses in steps.filter_map(|step| step.uses.as_deref()) {
            if uses.starts_with("$/") {
                continue;
            }
            let (_, commit) = uses.split_once('@').unwrap();
            let is_commit = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
            assert!(is_commit, "{name}: {uses}");
            assert!(text.contains(&format!("{uses} # v")), "{name}: {uses}");
        }
    }
}

#[test]
fn every_job_has_its_own_permissions_an_end_and_a_queue() {
    for (name, workflow) in workflows() {
        assert_eq!(workflow.document["permissions"], json!({}), "{name}");
        for (job, body) in &workflow.jobs {
            let raw = &body.raw;
            assert!(raw["permissions"].is_object(), "{name} {job}");
            let minutes = raw["timeout-minutes"].as_u64().unwrap_or(0);
            assert!((1..=350).contains(&minutes), "{name} {job}: {minutes}");
            let group = raw["concurrency"]["group"].as_str().unwrap_or_default();
            assert!(!group.is_empty(), "{name} {job}");
            // Nothing is lost when a check of settings is stopped.
            let may_cancel = name == "validate";
            assert_eq!(
                raw["concurrency"]["cancel-in-progress"], may_cancel,
                "{name} {job}"
            );
        }
    }
}

#[test]
fn a_job_with_secrets_has_an_environment_that_can_gate_it() {
    for (name, workflow) in workflows() {
        for (job, body) in &workflow.jobs {
            let has_secrets = body.raw.to_string().contains("secrets.");
            if has_secrets {
                assert!(body.environment.is_some(), "{name} {job}");
            }
        }
    }
}

#[test]
fn inputs_and_secrets_keep_their_names() {
    let all = workflows();
    let names = |workflow: &str, trigger: &str, what: &str| -> Vec<String> {
        let declared = &all[workflow].document["on"][trigger][what];
        declared
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect()
    };
    let inputs = names("deploy", "workflow_call", "inputs");
    assert_eq!(inputs, ["health_check_path", "memory_limit", "cpu_limit"]);
    let secrets = names("deploy", "workflow_call", "secrets");
    for known in [
        "DOKKU_HOST",
        "DOKKU_SSH_PRIVATE_KEY",
        "GH_ORG_TOKEN",
        "SLACK_WEBHOOK_URL",
        "DEPLOY_WEBHOOK_URLS",
    ] {
        assert!(
            secrets.contains(&known.to_owned()),
            "{known} of {secrets:?}"
        );
    }
    let inputs = names("preview", "workflow_dispatch", "inputs");
    assert_eq!(inputs[..3], ["repo", "pr_number", "action"]);
    for (workflow, first) in [
        ("lock", "app_name"),
        ("backup", "app_name"),
        ("rollback", "app_name"),
        ("cleanup", "app_name"),
    ] {
        assert_eq!(names(workflow, "workflow_dispatch", "inputs")[0], first);
    }
    let tasks = &all["scheduled"].document["on"]["workflow_dispatch"]["inputs"]["task"]["options"];
    assert_eq!(
        *tasks,
        json!([
            "all",
            "cleanup-orphans",
            "renew-certs",
            "health-check",
            "backup-databases",
            "docker-cleanup"
        ])
    );
    let default = |input: &str| -> Value {
        all["preview"].document["on"]["workflow_call"]["inputs"][input]["default"].clone()
    };
    assert_eq!(
        (default("memory_limit"), default("cpu_limit")),
        (json!("256m"), json!("0.5"))
    );
}
