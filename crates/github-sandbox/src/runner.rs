//! Runs the `run:` steps of a workflow's jobs as GitHub's runner does: expressions evaluated,
//! environment merged, `bash -e` started, output files read. What `uses:` names is not run, but noted
//! with what it would be given.

mod expression;
mod workflow;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Map, Value, json};

pub use self::{
    expression::{Evaluation, evaluate, interpolate},
    workflow::{Job, Step, Workflow},
};

/// What a run is started with.
#[derive(Debug, Clone)]
pub struct Run {
    /// The `github` context: event, actor, ref, …
    pub github: Value,
    /// The `inputs` context.
    pub inputs: Value,
    /// Secrets that the run has.
    pub secrets: Value,
    /// Variables of repository, organisation and environment.
    pub vars: Value,
    /// The outputs of steps with `uses:`, by their ids.
    pub given: Value,
    /// Where the repository is checked out.
    pub directory: PathBuf,
    /// The environment of every step before the workflow adds to it. Nothing of this process is taken.
    pub environment: BTreeMap<String, String>,
}

/// A step that was run.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Its name.
    pub name: String,
    /// Exit code.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// What it wrote to the summary.
    pub summary: String,
}

/// An action that a step would use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// Which, without its commit.
    pub action: String,
    /// What it is given.
    pub with: BTreeMap<String, String>,
}

/// A job that was run.
#[derive(Debug, Clone)]
pub struct JobRan {
    /// `run:` steps in their order; the steps after a failed one are not run.
    pub steps: Vec<Ran>,
    /// The actions of the steps that were not left out, in their order.
    pub used: Vec<Used>,
    /// Whether every step succeeded.
    pub is_success: bool,
    /// The outputs that the job declares.
    pub outputs: Value,
    /// The name of the environment that its gates are of.
    pub environment: Option<String>,
}

impl Run {
    /// Runs all jobs in their order; a job that needs a failed or skipped one is skipped. `None` is
    /// a job whose condition does not hold.
    pub fn jobs(&self, workflow: &Workflow) -> BTreeMap<String, Option<JobRan>> {
        let mut done: BTreeMap<String, Option<JobRan>> = BTreeMap::new();
        for (key, job) in &workflow.jobs {
            let is_ready = job
                .needs
                .iter()
                .all(|need| matches!(done.get(need), Some(Some(job)) if job.is_success));
            let needs: Map<String, Value> = done
                .iter()
                .filter_map(|(name, job)| Some((name, job.as_ref()?)))
                .map(|(name, job)| {
                    let result = if job.is_success { "success" } else { "failure" };
                    let value = json!({"outputs": job.outputs, "result": result});
                    (name.clone(), value)
                })
                .collect();
            let contexts = self.contexts(&Value::Object(needs));
            let is_wanted = job
                .condition
                .as_deref()
                .is_none_or(|condition| evaluate(condition, &contexts).unwrap().is_truthy());
            let ran = (is_ready && is_wanted).then(|| self.job(job, contexts));
            done.insert(key.clone(), ran);
        }
        done
    }

    fn contexts(&self, needs: &Value) -> Value {
        json!({
            "github": self.github,
            "inputs": self.inputs,
            "secrets": self.secrets,
            "vars": self.vars,
            "needs": needs,
            "steps": self.steps(),
            "job": {"workflow_repository": "acme/dokku-deploy-system", "status": "success"},
            "matrix": {"target": "x86_64-unknown-linux-musl"},
            "runner": {"os": "Linux", "arch": "X64"},
        })
    }

    fn steps(&self) -> Value {
        let given = self.given.as_object().into_iter().flatten();
        given
            .map(|(id, outputs)| (id.clone(), json!({"outputs": outputs})))
            .collect::<Map<String, Value>>()
            .into()
    }

    fn job(&self, job: &Job, mut contexts: Value) -> JobRan {
        let environment = job
            .environment
            .as_deref()
            .map(|name| interpolate(name, &contexts).unwrap());
        let (mut steps, mut used) = (Vec::new(), Vec::new());
        let mut is_success = true;
        for step in &job.steps {
            let is_wanted = match step.condition.as_deref() {
                Some(condition) => evaluate(condition, &contexts).unwrap().is_truthy(),
                None => true,
            };
            if let Some(uses) = step.uses.as_deref().filter(|_| is_wanted && is_success) {
                let action = uses.split('@').next().unwrap_or(uses).to_owned();
                let with = step.with.iter();
                let with = with
                    .map(|(name, text)| (name.clone(), interpolate(text, &contexts).unwrap()))
                    .collect();
                used.push(Used { action, with });
            }
            let Some(script) = step.run.as_deref().filter(|_| is_wanted && is_success) else {
                continue;
            };
            let (ran, outputs) = self.step(step, script, &contexts);
            is_success = ran.status == Some(0);
            if let Some(id) = &step.id {
                contexts["steps"][id] = json!({"outputs": outputs});
            }
            steps.push(ran);
        }
        let outputs: Map<String, Value> = job
            .outputs
            .iter()
            .map(|(name, text)| (name.clone(), interpolate(text, &contexts).unwrap().into()))
            .collect();
        JobRan {
            steps,
            used,
            is_success,
            outputs: Value::Object(outputs),
            environment,
        }
    }

    fn step(&self, step: &Step, script: &str, contexts: &Value) -> (Ran, Map<String, Value>) {
        let temporary = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = temporary.path().join(name);
            fs::write(&path, "").unwrap();
            path
        };
        let (output, summary) = (file("output"), file("summary"));
        let script = interpolate(script, contexts).unwrap();
        let path = file("step.sh");
        fs::write(&path, script).unwrap();
        let ran = Command::new("bash")
            .arg("-e")
            .arg(&path)
            .current_dir(&self.directory)
            .env_clear()
            .envs(&self.environment)
            .envs(
                step.env
                    .iter()
                    .map(|(name, text)| (name, interpolate(text, contexts).unwrap())),
            )
            .env("GITHUB_OUTPUT", &output)
            .env("GITHUB_STEP_SUMMARY", &summary)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let outputs = outputs(&output);
        let ran = Ran {
            name: step.name.clone(),
            status: ran.status.code(),
            stdout: String::from_utf8_lossy(&ran.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&ran.stderr).into_owned(),
            summary: fs::read_to_string(summary).unwrap(),
        };
        (ran, outputs)
    }
}

/// `name=value` and `name<<END … END`, as the runner reads the file.
fn outputs(path: &Path) -> Map<String, Value> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let mut outputs = Map::new();
    while let Some(line) = lines.next() {
        match (line.split_once("<<"), line.split_once('=')) {
            (Some((name, end)), equals)
                if equals.is_none_or(|(before, _)| before.len() > name.len()) =>
            {
                let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
                outputs.insert(name.to_owned(), value.join("\n").into());
            }
            (_, Some((name, value))) => {
                outputs.insert(name.to_owned(), value.into());
            }
            _ => panic!("the runner does not understand the output {line:?}"),
        }
    }
    outputs
}
