//! What is particular to a run in CI: what GitHub Actions tells and takes, and GitHub's API.

pub mod actions;
pub mod api;
pub mod github;

use std::env;

/// Whether a CI runs this, of whatever make: `GITHUB_ACTIONS` or `CI` says so.
pub fn is_here() -> bool {
    ["GITHUB_ACTIONS", "CI"]
        .iter()
        .any(|name| env::var(name).is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false")))
}
