//! Environments: what gates a job that deploys.
#![allow(dead_code, reason = "`init --environments` sets them up")]

use std::collections::BTreeSet;

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    client::{Call, Client},
    error::GitHubError,
    name::RepositoryName,
};

/// The gates of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gate {
    /// Minutes between a push and the deploy.
    pub wait_minutes: Option<u32>,
    /// The only branches that deploy to it, if it is limited to some.
    pub branches: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Policies {
    branch_policies: Vec<Policy>,
}

#[derive(Deserialize)]
struct Policy {
    name: String,
}

impl Client<'_> {
    /// Makes an environment, or changes the gates of one that is there.
    pub fn put_environment(
        &self,
        repository: &RepositoryName,
        name: &str,
        gate: &Gate,
    ) -> Result<(), GitHubError> {
        let mut body = json!({});
        if let Some(minutes) = gate.wait_minutes {
            body["wait_timer"] = json!(minutes);
        }
        if gate.branches.is_some() {
            body["deployment_branch_policy"] =
                json!({"protected_branches": false, "custom_branch_policies": true});
        }
        let path = repository.path(&["environments", name]);
        self.send(&Call::new(Method::PUT, path).body(body))?;
        let Some(branches) = &gate.branches else {
            return Ok(());
        };
        let path = repository.path(&["environments", name, "deployment-branch-policies"]);
        let present: BTreeSet<String> = self
            .pages(Call::get(path.clone()), |page: Policies| {
                page.branch_policies
            })?
            .into_iter()
            .map(|policy| policy.name)
            .collect();
        for branch in branches.iter().filter(|branch| !present.contains(*branch)) {
            let call = Call::new(Method::POST, path.clone()).body(json!({"name": branch}));
            self.send(&call.repeatable())?;
        }
        Ok(())
    }
}
