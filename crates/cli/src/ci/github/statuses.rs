//! Commit statuses.

use dokku_deploy::github::CommitStatus;
use reqwest::Method;
use serde_json::json;

use super::{
    client::{Call, Client},
    error::GitHubError,
    name::RepositoryName,
};

impl Client<'_> {
    /// Gives a commit a status; the newest of its context counts.
    pub fn set_status(
        &self,
        repository: &RepositoryName,
        sha: &str,
        status: &CommitStatus,
    ) -> Result<(), GitHubError> {
        let call = Call::new(Method::POST, repository.path(&["statuses", sha]));
        self.send(&call.body(json!(status)).repeatable())?;
        Ok(())
    }
}
