//! Environments: what gates a job that deploys.

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
    /// Numbers of the people of whom one has to agree to each deploy.
    pub reviewers: Vec<u64>,
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

#[derive(Deserialize)]
struct Person {
    id: u64,
}

impl Client<'_> {
    /// The number of the person with this name.
    pub fn person(&self, login: &str) -> Result<u64, GitHubError> {
        let person: Person = self.ask(&Call::get(vec!["users", login]))?;
        Ok(person.id)
    }

    /// Whether the repository, which has to be there, has such an environment.
    pub fn has_environment(
        &self,
        repository: &RepositoryName,
        name: &str,
    ) -> Result<bool, GitHubError> {
        match self.send(&Call::get(repository.path(&["environments", name]))) {
            Ok(_) => Ok(true),
            Err(GitHubError::NotFound { .. }) => {
                self.send(&Call::get(repository.path(&[])))?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

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
        if !gate.reviewers.is_empty() {
            let people = gate.reviewers.iter();
            let people: Vec<_> = people.map(|id| json!({"type": "User", "id": id})).collect();
            body["reviewers"] = json!(people);
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
