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

/// GitHub's own word for what a deployment does.
const TASK: &str = "deploy";

/// That of a pull request's preview, by which its deployments are found again.
fn task_of(pull: u64) -> String {
    format!("{TASK}:pr-{pull}")
}

#[derive(Debug, Deserialize)]
struct Listed {
    #[serde(flatten)]
    id: DeploymentId,
    task: String,
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
        pull: Option<u64>,
    ) -> Result<DeploymentId, GitHubError> {
        let body = json!({
            "ref": sha,
            "task": pull.map_or_else(|| TASK.to_owned(), task_of),
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

    /// The deployments of previews, each with its pull request, the newest first; those of one pull request
    /// or of all.
    pub fn preview_deployments(
        &self,
        repository: &RepositoryName,
        pull: Option<u64>,
    ) -> Result<Vec<(u64, DeploymentId)>, GitHubError> {
        let mut call = Call::get(repository.path(&["deployments"]));
        let environment = Environment::Preview.to_string();
        call.query.push(("environment", environment));
        if let Some(pull) = pull {
            call.query.push(("task", task_of(pull)));
        }
        let listed = self.pages(call, |page: Vec<Listed>| page)?;
        let of_pull = listed.into_iter().filter_map(|one| {
            let number = one.task.strip_prefix(TASK)?.strip_prefix(":pr-")?;
            Some((number.parse().ok()?, one.id))
        });
        Ok(of_pull.collect())
    }

    /// Tells that nothing serves any more what was deployed.
    pub fn retire_deployment(
        &self,
        repository: &RepositoryName,
        deployment: DeploymentId,
    ) -> Result<(), GitHubError> {
        let id = deployment.id.to_string();
        let path = repository.path(&["deployments", &id, "statuses"]);
        let body = json!({"state": "inactive"});
        self.send(&Call::new(Method::POST, path).body(body).repeatable())?;
        Ok(())
    }

    /// Removes a deployment that was retired; one that is gone already is no error.
    pub fn remove_deployment(
        &self,
        repository: &RepositoryName,
        deployment: DeploymentId,
    ) -> Result<(), GitHubError> {
        let id = deployment.id.to_string();
        let path = repository.path(&["deployments", &id]);
        match self.send(&Call::new(Method::DELETE, path)) {
            Ok(_) | Err(GitHubError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
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
