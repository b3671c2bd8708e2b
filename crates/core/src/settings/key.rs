//! The keys of maps whose keys are free, or the names of something.

use super::{
    read::Key,
    value::{is_branch, is_word},
};
use crate::service::ServiceKind;

impl Key for ServiceKind {
    const EXPECTED: &'static str =
        "one of: postgres, mysql, mariadb, redis, mongo, rabbitmq, elasticsearch";
    fn parse_key(key: &str) -> Option<Self> {
        key.parse().ok()
    }
    fn known() -> Vec<&'static str> {
        Self::ALL.iter().map(|kind| kind.as_str()).collect()
    }
}

/// A process type of a Procfile.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, schemars::JsonSchema)]
#[schemars(transparent)]
pub(super) struct ProcessType(#[schemars(regex(pattern = "^[A-Za-z0-9_-]+$"))] pub String);

impl Key for ProcessType {
    const EXPECTED: &'static str = "a process type of the Procfile, such as web or worker";
    fn parse_key(key: &str) -> Option<Self> {
        is_word(key, "_-").then(|| Self(key.to_owned()))
    }
}

/// A branch as a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, schemars::JsonSchema)]
#[schemars(transparent)]
pub(super) struct BranchKey(pub String);

impl Key for BranchKey {
    const EXPECTED: &'static str = "the name of a git branch";
    fn parse_key(key: &str) -> Option<Self> {
        is_branch(key).then(|| Self(key.to_owned()))
    }
}

/// A free name as a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, schemars::JsonSchema)]
#[schemars(transparent)]
pub(super) struct Name(pub String);

impl Key for Name {
    const EXPECTED: &'static str = "a name of letters, digits, hyphens and underscores";
    fn parse_key(key: &str) -> Option<Self> {
        is_word(key, "_-").then(|| Self(key.to_owned()))
    }
}
