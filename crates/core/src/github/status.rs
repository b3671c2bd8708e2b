//! Commit statuses.

use serde::Serialize;

use super::cut;
use crate::app::Environment;

/// GitHub refuses longer descriptions.
const LONGEST: usize = 140;

/// What a status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It goes on.
    Pending,
    /// It went well.
    Success,
    /// It did not.
    Failure,
}

/// A status of a commit, as GitHub takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommitStatus {
    /// What it says.
    pub state: State,
    /// Where a click leads; `None` where there is nothing to look at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_url: Option<String>,
    /// At most 140 characters.
    pub description: String,
    /// Which status it is; branch rules name it.
    pub context: String,
}

/// The context of an environment's status: `deploy/{environment}`, `preview/deploy`.
pub fn context(environment: Environment) -> String {
    match environment {
        Environment::Preview => "preview/deploy".to_owned(),
        other => format!("deploy/{other}"),
    }
}

/// The deploy has begun; `run` shows how it goes on.
pub fn pending(environment: Environment, run: Option<&str>) -> CommitStatus {
    let description = match environment {
        Environment::Preview => "Preview deployment in progress...",
        _ => "Deployment in progress...",
    };
    status(environment, State::Pending, description, run)
}

/// The commit serves, at `url` where the app has an address.
pub fn succeeded(environment: Environment, url: Option<&str>, run: Option<&str>) -> CommitStatus {
    let what = match environment {
        Environment::Preview => "Preview deployed",
        _ => "Deployed",
    };
    match url {
        Some(url) => status(
            environment,
            State::Success,
            &format!("{what} to {url}"),
            Some(url),
        ),
        None => status(environment, State::Success, what, run),
    }
}

/// The deploy failed; `run` shows why.
pub fn failed(environment: Environment, run: Option<&str>) -> CommitStatus {
    let description = match environment {
        Environment::Preview => "Preview deployment failed",
        _ => "Deployment failed",
    };
    status(environment, State::Failure, description, run)
}

fn status(
    environment: Environment,
    state: State,
    description: &str,
    target: Option<&str>,
) -> CommitStatus {
    CommitStatus {
        state,
        target_url: target.map(str::to_owned),
        description: cut(description, LONGEST),
        context: context(environment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "https://github.com/acme/shop/actions/runs/7";

    #[test]
    fn a_status_keeps_the_context_that_branch_rules_name() {
        let json = |status| serde_json::to_value(status).unwrap();
        assert_eq!(
            json(pending(Environment::Production, Some(RUN))),
            serde_json::json!({
                "state": "pending",
                "target_url": RUN,
                "description": "Deployment in progress...",
                "context": "deploy/production",
            })
        );
        assert_eq!(
            json(succeeded(
                Environment::Staging,
                Some("https://s.example.com"),
                Some(RUN)
            )),
            serde_json::json!({
                "state": "success",
                "target_url": "https://s.example.com",
                "description": "Deployed to https://s.example.com",
                "context": "deploy/staging",
            })
        );
        assert_eq!(
            json(failed(Environment::Preview, None)),
            serde_json::json!({
                "state": "failure",
                "description": "Preview deployment failed",
                "context": "preview/deploy",
            })
        );
    }

    #[test]
    fn an_app_without_an_address_points_at_the_run() {
        let status = succeeded(Environment::Preview, None, Some(RUN));
        assert_eq!(status.description, "Preview deployed");
        assert_eq!(status.target_url.as_deref(), Some(RUN));
    }

    #[test]
    fn a_long_description_is_cut_at_a_character() {
        let url = format!("https://{}.example.com", "ä".repeat(200));
        let status = succeeded(Environment::Production, Some(&url), None);
        assert_eq!(status.description.chars().count(), 140);
        assert!(status.description.ends_with('…'));
        assert_eq!(status.target_url, Some(url));
    }
}
