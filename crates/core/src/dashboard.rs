//! The files behind the dashboard, and how two versions of one become one.
//!
//! Every merge here is commutative, associative and idempotent: whoever merges what in which order,
//! the result is the same. So a writer that lost a race merges again and nothing is lost.

mod alarm;
mod apps;
mod board;
mod checks;
mod deploys;
mod entry;
mod facts;
mod metrics;
mod public;
mod row;
mod schedules;

pub use self::{
    alarm::{Alarm, News, Seen},
    apps::Apps,
    board::{Board, FILES, PRIVATE_FILES},
    checks::{CELL_SECONDS, Checks, State, WEEK},
    deploys::{Deploys, PastDeploy},
    facts::{
        Backup, Certificate, Deploy, Health, HealthStatus, Identity, LockShown, Processes, Release,
    },
    metrics::{Measured, Metrics},
    public::hide_private,
    row::{Kind, Row},
    schedules::{Notice, Ran, Schedules},
};

/// A data file that cannot be read. Nothing is written over it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} is not what this program writes: {why}")]
pub struct Unreadable {
    /// The file's name.
    pub file: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl Unreadable {
    fn new(file: &'static str, why: impl Into<String>) -> Self {
        Self {
            file,
            why: why.into(),
        }
    }
}

/// A JSON object, or why it is none.
fn object(
    file: &'static str,
    text: &str,
) -> Result<serde_json::Map<String, serde_json::Value>, Unreadable> {
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Object(object)) => Ok(object),
        Ok(_) => Err(Unreadable::new(file, "it is no JSON object")),
        Err(error) => Err(Unreadable::new(file, error.to_string())),
    }
}

/// A value as text that is the same for equal values, whatever the order of their keys.
fn canonical(value: &serde_json::Value) -> String {
    fn sorted(value: &serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(object) => {
                let mut pairs: Vec<_> = object.iter().collect();
                pairs.sort_by(|one, other| one.0.cmp(other.0));
                let pairs = pairs.into_iter().map(|(key, v)| (key.clone(), sorted(v)));
                serde_json::Value::Object(pairs.collect())
            }
            serde_json::Value::Array(items) => {
                serde_json::Value::Array(items.iter().map(sorted).collect())
            }
            other => other.clone(),
        }
    }
    sorted(value).to_string()
}
