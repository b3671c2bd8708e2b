//! What a deploy came to: the record that every rendering is made from.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    app::{AppName, Environment},
    interrupt::Signal,
};

/// A commit of the repository that is deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Commit {
    /// 40 hexadecimal digits.
    pub sha: String,
    /// First line of its message. Hostile text.
    pub subject: String,
    /// The branch that was asked for, where there is one.
    pub branch: Option<String>,
}

impl Commit {
    /// The first seven digits.
    pub fn short(&self) -> &str {
        self.sha.get(..7).unwrap_or(&self.sha)
    }
}

/// Where in a deploy something happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "stage", content = "task")]
pub enum Stage {
    /// App, services, variables, domains.
    Prepare,
    /// Push and build.
    Build,
    /// The release task of that name.
    Task(String),
    /// Going live.
    Switch,
    /// The health check.
    Health,
    /// Writing the release down.
    Record,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Prepare => f.write_str("preparing the app"),
            Self::Build => f.write_str("the build"),
            Self::Task(name) => write!(f, "the release task {name:?}"),
            Self::Switch => f.write_str("going live"),
            Self::Health => f.write_str("the health check"),
            Self::Record => f.write_str("recording the release"),
        }
    }
}

/// How a deploy ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum Outcome {
    /// The commit serves, and that was verified.
    Live,
    /// There was nothing to do, and what serves was verified.
    Unchanged,
    /// The app's own fault: its build, a task or its health check failed.
    Failed {
        /// Where.
        #[serde(flatten)]
        at: Stage,
        /// Why, in words.
        why: String,
    },
    /// The host could not be asked any more, or its answer cannot be used: nobody knows.
    Unknown {
        /// Where.
        #[serde(flatten)]
        at: Stage,
        /// Why, in words.
        why: String,
    },
    /// A lock or another deploy came in between; nothing was pushed.
    Refused {
        /// Why, in words.
        why: String,
    },
    /// Somebody stopped it.
    Interrupted {
        /// Where.
        #[serde(flatten)]
        at: Stage,
        /// By which signal.
        #[serde(skip)]
        by: Signal,
    },
}

/// What serves the app's users now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Serving {
    /// The commit of this deploy, proven by the image that its containers run.
    New {
        /// Image id of the running containers.
        image: String,
    },
    /// What served before.
    Previous {
        /// Its commit, where a release recorded it.
        sha: Option<String>,
        /// Its release number, where recorded.
        version: Option<u64>,
    },
    /// No container runs.
    Nothing,
    /// It could not be found out.
    Unknown {
        /// Why not.
        why: String,
    },
}

/// One step and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepTime {
    /// The step in words.
    pub step: String,
    /// Wall time in seconds.
    #[serde(serialize_with = "as_seconds")]
    pub seconds: Duration,
}

fn as_seconds<S: serde::Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    let milliseconds = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    to.serialize_f64(f64::from(milliseconds) / 1000.0)
}

/// Everything that is known about one deploy, failed ones included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// The app.
    pub app: AppName,
    /// Its environment.
    pub environment: Environment,
    /// What was to be deployed.
    pub commit: Commit,
    /// The commit of the release before, where one is recorded.
    pub previous_sha: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// What serves now.
    pub serving: Serving,
    /// The number of the release that was recorded.
    pub version: Option<u64>,
    /// The app's address.
    pub url: Option<String>,
    /// Who deployed.
    pub actor: String,
    /// When it began, UTC.
    pub started: Timestamp,
    /// When it ended, UTC.
    pub finished: Timestamp,
    /// The steps in order.
    pub steps: Vec<StepTime>,
    /// What went wrong without changing the result.
    pub warnings: Vec<String>,
}
