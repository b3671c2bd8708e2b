//! Deployments and their statuses.

use dokku_deploy::app::Environment;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    client::{Call, Client},
    error::GitHubError,
    name::RepositoryName,
};

/// The number of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct DeploymentId {
    id: u64,
}

/// What a deployment is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// It has begun.
    Begun,
    /// The commit serves, at this address where there is one.
    Success(Option<&'a str>),
    /// It does not.
    Failure,
}

impl Client<'_> {
    /// Tells that a commit is being deployed to an environment.
    pub fn create_deployment(
        &self,
        repository: &RepositoryName,
        sha: &str,
        environment: Environment,
    ) -> Result<DeploymentId, GitHubError> {
        let body = json!({
            "ref": sha,
            "environment": environment,
            "auto_merge": false,
            // Ours is one of the commit's statuses, and it is still pending.
            "required_contexts": [],
            "production_environment": environment == Environment::Production,
            "transient_environment": environment == Environment::Preview,
        });
        let call = Call::new(Method::POST, repository.path(&["deployments"])).body(body);
        self.ask(&call)
    }

    /// Tells what became of it; `run` is its log.
    pub fn set_deployment_status(
        &self,
        repository: &RepositoryName,
        deployment: DeploymentId,
        progress: Progress<'_>,
        run: &str,
    ) -> Result<(), GitHubError> {
        let mut body = match progress {
            Progress::Begun => json!({"state": "in_progress"}),
            Progress::Success(url) => json!({
                "state": "success",
                "environment_url": url.unwrap_or_default(),
                "description": "Deployed successfully",
            }),
            Progress::Failure => json!({"state": "failure", "description": "Deployment failed"}),
        };
        body["log_url"] = json!(run);
        let id = deployment.id.to_string();
        let path = repository.path(&["deployments", &id, "statuses"]);
        self.send(&Call::new(Method::POST, path).body(body).repeatable())?;
        Ok(())
    }
}
