//! The workflows under `.github/`, read and run: every `run:` step under `bash -e`, with hostile
//! text wherever an event or a person can put some. `dokku-cli` is a script here that writes down
//! how it was called, and what it was called with has to be a command line of the program.

mod hardening;
mod install;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use clap::{Parser, error::ErrorKind};
use github_sandbox::runner::{JobRan, Run, Workflow};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::args::Arguments;

/// Would make a file if anything of it were executed.
const HOSTILE: &str =
    "x$(touch canary)`touch canary`;touch canary|touch canary&touch canary\n'\"'; touch canary #\\";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All workflows, by name.
fn workflows() -> BTreeMap<String, Workflow> {
    let directory = root().join(".github/workflows");
    let files = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, Workflow::parse(&fs::read_to_string(path).unwrap()))
        })
        .collect()
}

/// How the program was called.
#[derive(Debug)]
struct Called {
    words: Vec<String>,
    stdin: String,
}

/// A directory to run steps in, with a `dokku-cli` that writes down its calls.
struct Stage {
    directory: TempDir,
}

const RECORDER: &str = r#"#!/bin/bash
call=$(mktemp -d "$CALLS/XXXXXX")
printf '%s\0' PROGRAM "$@" >"$call/words"
cat >"$call/stdin"
if [ "$1 $2" = "ci target" ]; then
    printf 'app=shop\nenvironment=production\n' >>"$GITHUB_OUTPUT"
fi
"#;

impl Stage {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        for name in ["bin", "calls", "work"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        for name in ["dokku-cli", "cargo", "rustup", "sudo", "gh"] {
            let program = directory.path().join("bin").join(name);
            let text = RECORDER.replace("PROGRAM", name);
            fs::write(&program, text).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        // What the jobs before would have left.
        fs::create_dir(directory.path().join("work/dist")).unwrap();
        for name in ["a.tar.gz", "dokku-cli.cdx.json"] {
            fs::write(directory.path().join("work/dist").join(name), "").unwrap();
        }
        Self { directory }
    }

    fn run(&self, github: &Value, inputs: Value) -> Run {
        let path = self.directory.path();
        let search = format!("{}/bin:{}", path.display(), std::env::var("PATH").unwrap());
        let environment = [
            ("PATH", search),
            ("CALLS", path.join("calls").display().to_string()),
            ("HOME", path.display().to_string()),
        ];
        Run {
            github: github.clone(),
            inputs,
            secrets: json!({"DOKKU_HOST": HOSTILE, "DOKKU_SSH_PRIVATE_KEY": "key"}),
            given: json!({}),
            vars: json!({"BASE_DOMAIN": "example.com", "GREETING": HOSTILE}),
            directory: path.join("work"),
            environment: environment
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
        }
    }

    fn calls(&self) -> Vec<Called> {
        let calls = fs::read_dir(self.directory.path().join("calls")).unwrap();
        calls
            .map(|call| {
                let call = call.unwrap().path();
                let words = fs::read_to_string(call.join("words")).unwrap();
                Called {
                    words: words.split_terminator('\0').map(str::to_owned).collect(),
                    stdin: fs::read_to_string(call.join("stdin")).unwrap(),
                }
            })
            .collect()
    }

    /// Nothing of the hostile text was executed, wherever it would have left its mark.
    fn is_untouched(&self) {
        for place in ["", "work", "bin", "calls"] {
            let canary = self.directory.path().join(place).join("canary");
            assert!(!canary.exists(), "{} was made", canary.display());
        }
        assert!(!Path::new("canary").exists());
    }
}

/// The `github` context of a run whose every text is hostile.
fn github(event_name: &str) -> Value {
    json!({
        "event_name": event_name,
        "repository": "acme/shop",
        "repository_owner": "acme",
        "ref": format!("refs/heads/{HOSTILE}"),
        "ref_name": HOSTILE,
        "head_ref": HOSTILE,
        "actor": HOSTILE,
        "token": "ghs_x",
        "sha": "0123456789abcdef0123456789abcdef01234567",
        "run_id": "42",
        "action_repository": "",
        "event": {
            "number": 7,
            "schedule": null,
            "head_commit": {"message": HOSTILE},
            "repository": {"name": "shop"},
            "pull_request": {"title": HOSTILE, "body": HOSTILE, "head": {"ref": HOSTILE}},
        },
    })
}

/// Inputs of each kind of run: choices one after the other, hostile text for all that is free.
fn inputs(workflow: &Workflow) -> Vec<Value> {
    let on = &workflow.document["on"];
    let mut runs = Vec::new();
    for trigger in ["workflow_dispatch", "workflow_call"] {
        let Some(declared) = on[trigger]["inputs"].as_object() else {
            continue;
        };
        let mut variants = vec![json!({})];
        for (name, input) in declared {
            let values: Vec<Value> = match input["type"].as_str() {
                Some("choice") => input["options"].as_array().unwrap().clone(),
                Some("boolean") => vec![true.into(), false.into()],
                _ if name == "action" => vec!["deploy".into()],
                _ => vec![HOSTILE.into(), "".into()],
            };
            variants = variants
                .iter()
                .flat_map(|variant| {
                    values.iter().map(|value| {
                        let mut variant = variant.clone();
                        variant[name] = value.clone();
                        variant
                    })
                })
                .collect();
        }
        // Every value of every input occurs; not every combination has to.
        let count = variants.len();
        let some = count.min(12);
        let chosen = (0..some).map(|n| variants[n * count / some].clone());
        runs.extend(chosen);
    }
    if runs.is_empty() {
        runs.push(json!({}));
    }
    runs
}

fn schedules(workflow: &Workflow) -> Vec<Value> {
    let crons = workflow.document["on"]["schedule"].as_array();
    let crons = crons.map_or(&[][..], Vec::as_slice);
    crons
        .iter()
        .map(|entry| {
            let mut github = github("schedule");
            github["event"]["schedule"] = entry["cron"].clone();
            github
        })
        .collect()
}

/// Runs a workflow in all its ways; returns what was called, and which steps ran.
fn all_ways(name: &str, workflow: &Workflow) -> (Vec<Called>, BTreeSet<String>) {
    let mut calls = Vec::new();
    let mut ran = BTreeSet::new();
    let by_hand = inputs(workflow)
        .into_iter()
        .map(|i| (github("workflow_dispatch"), i));
    // Whoever may send such an event chooses what it says.
    let told = workflow.document["on"]["repository_dispatch"].is_object();
    let by_others = told.then(|| {
        let mut github = github("repository_dispatch");
        github["event"]["client_payload"] = json!({"repo_name": HOSTILE, "app_name": HOSTILE});
        (github, Value::Null)
    });
    let by_time = schedules(workflow).into_iter().map(|g| (g, Value::Null));
    for (github, inputs) in by_hand.chain(by_time).chain(by_others) {
        let stage = Stage::new();
        let jobs = stage.run(&github, inputs.clone()).jobs(workflow);
        stage.is_untouched();
        for (job, outcome) in jobs {
            let Some(JobRan {
                steps, is_success, ..
            }) = outcome
            else {
                continue;
            };
            assert!(is_success, "{name} {job} {inputs}: {steps:?}");
            ran.extend(
                steps
                    .into_iter()
                    .map(|step| format!("{job}: {}", step.name)),
            );
        }
        calls.extend(stage.calls());
    }
    (calls, ran)
}

#[test]
fn every_step_runs_executes_nothing_of_an_event_and_calls_the_program_rightly() {
    for (name, workflow) in workflows() {
        let (calls, ran) = all_ways(&name, &workflow);
        let all: BTreeSet<String> = workflow
            .jobs
            .iter()
            .flat_map(|(job, body)| {
                let steps = body.steps.iter().filter(|step| step.run.is_some());
                steps.map(move |step| format!("{job}: {}", step.name))
            })
            .collect();
        assert_eq!(ran, all, "steps of {name} that never ran");
        assert!(!calls.is_empty(), "{name} calls nothing");
        for call in calls {
            if call
                .words
                .first()
                .is_none_or(|program| program != "dokku-cli")
            {
                continue;
            }
            let refused = Arguments::try_parse_from(&call.words).err();
            // A value may be refused, as hostile ones are, or be missing where a form was left empty; an
            // option or a command has to be known.
            let unknown = refused.filter(|error| {
                !matches!(
                    error.kind(),
                    ErrorKind::InvalidValue
                        | ErrorKind::ValueValidation
                        | ErrorKind::MissingRequiredArgument
                )
            });
            assert!(
                unknown.is_none(),
                "{name}: {:?}: {:?}",
                call.words,
                unknown.map(|error| error.to_string())
            );
        }
    }
}

#[test]
fn what_a_person_typed_arrives_as_one_word_and_the_variables_as_they_are() {
    let all = workflows();
    let stage = Stage::new();
    let inputs = json!({"app_name": "--all", "action": "lock", "reason": HOSTILE});
    stage
        .run(&github("workflow_dispatch"), inputs)
        .jobs(&all["lock"]);
    let calls = stage.calls();
    assert_eq!(
        calls[0].words,
        ["dokku-cli", "lock", "--", "--all", HOSTILE]
    );
    let stage = Stage::new();
    let inputs = json!({"health_check_path": "", "memory_limit": HOSTILE, "cpu_limit": "2"});
    stage.run(&github("push"), inputs).jobs(&all["deploy"]);
    let calls = stage.calls();
    let deploy = calls
        .iter()
        .find(|call| call.words.contains(&"deploy".to_owned()));
    let deploy = deploy.unwrap();
    assert!(
        deploy.words.contains(&format!("--memory={HOSTILE}")),
        "{:?}",
        deploy.words
    );
    let variables: Value = serde_json::from_str(&deploy.stdin).unwrap();
    assert_eq!(variables["GREETING"], HOSTILE);
}

/// The proof that the tests above would see it.
#[test]
fn an_expression_in_what_a_shell_reads_would_be_executed_and_seen() {
    let bad = Workflow::parse(
        "jobs: {x: {steps: [{run: 'true ${{ github.event.pull_request.title }}'}]}}",
    );
    let stage = Stage::new();
    stage.run(&github("pull_request"), json!({})).jobs(&bad);
    assert!(stage.directory.path().join("work/canary").exists());
}

#[test]
fn a_failing_step_fails_its_job_and_what_needs_it_does_not_begin() {
    let all = workflows();
    let stage = Stage::new();
    let program = stage.directory.path().join("bin/dokku-cli");
    let failing = RECORDER.to_owned() + "[ \"$*\" != 'ci test' ]\n";
    fs::write(&program, failing).unwrap();
    let jobs = stage.run(&github("push"), json!({})).jobs(&all["deploy"]);
    assert!(!jobs["test"].as_ref().unwrap().is_success);
    assert!(jobs["deploy"].is_none(), "{jobs:?}");
}
