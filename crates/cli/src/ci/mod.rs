//! What is particular to a run in CI: what GitHub Actions tells and takes, and GitHub's API.

pub mod actions;
pub mod api;
pub mod github;
