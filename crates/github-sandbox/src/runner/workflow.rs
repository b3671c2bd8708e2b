//! Workflows as their files have them.

use serde_json::{Map, Value};

/// A workflow or, with one job named `action`, a composite action.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// The whole file.
    pub document: Value,
    /// In the order of the file.
    pub jobs: Vec<(String, Job)>,
}

/// A job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Jobs that have to succeed before.
    pub needs: Vec<String>,
    /// Its `if`.
    pub condition: Option<String>,
    /// The name of its environment.
    pub environment: Option<String>,
    /// Declared outputs.
    pub outputs: Vec<(String, String)>,
    /// Its steps.
    pub steps: Vec<Step>,
    /// As the file has it.
    pub raw: Value,
}

/// A step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Its `id`.
    pub id: Option<String>,
    /// Its `if`.
    pub condition: Option<String>,
    /// What it runs.
    pub run: Option<String>,
    /// What it uses.
    pub uses: Option<String>,
    /// What that is given.
    pub with: Vec<(String, String)>,
    /// Its environment.
    pub env: Vec<(String, String)>,
}

impl Workflow {
    /// Reads a file.
    pub fn parse(text: &str) -> Self {
        let document: Value = serde_saphyr::from_str(text).unwrap();
        let jobs = match (&document["jobs"], &document["runs"]) {
            (Value::Object(jobs), _) => jobs
                .iter()
                .map(|(key, job)| (key.clone(), Job::read(job)))
                .collect(),
            (_, runs) => vec![("action".to_owned(), Job::read(runs))],
        };
        Self { document, jobs }
    }
}

impl Job {
    fn read(job: &Value) -> Self {
        let needs = match &job["needs"] {
            Value::String(one) => vec![one.clone()],
            Value::Array(several) => several.iter().filter_map(text).collect(),
            _ => Vec::new(),
        };
        let environment = &job["environment"];
        let steps = job["steps"].as_array().map_or(&[][..], Vec::as_slice);
        Self {
            needs,
            condition: text(&job["if"]),
            environment: text(environment).or_else(|| text(&environment["name"])),
            outputs: texts(&job["outputs"]),
            steps: steps.iter().map(Step::read).collect(),
            raw: job.clone(),
        }
    }
}

impl Step {
    fn read(step: &Value) -> Self {
        Self {
            name: text(&step["name"]).unwrap_or_default(),
            id: text(&step["id"]),
            condition: text(&step["if"]),
            run: text(&step["run"]),
            uses: text(&step["uses"]),
            with: texts(&step["with"]),
            env: texts(&step["env"]),
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

fn texts(value: &Value) -> Vec<(String, String)> {
    let empty = Map::new();
    value
        .as_object()
        .unwrap_or(&empty)
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), text(value)?)))
        .collect()
}
