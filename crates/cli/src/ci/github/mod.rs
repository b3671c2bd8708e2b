//! GitHub's REST API, as far as this system needs it.
//!
//! Whatever goes wrong keeps its kind: gone, forbidden, unreachable and out of order are different
//! answers, and only a 404 that a token was proven to be entitled to counts as "gone".

mod client;
mod comments;
mod deployments;
mod environments;
mod error;
mod existence;
mod name;
mod pulls;
mod statuses;
#[cfg(test)]
mod tests;

pub use self::{
    client::Client,
    deployments::{DeploymentId, Progress},
    environments::Gate,
    error::GitHubError,
    existence::Existence,
    name::RepositoryName,
    pulls::{Pull, PullState},
};
