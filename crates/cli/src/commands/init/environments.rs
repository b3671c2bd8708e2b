//! The environments of the repository on GitHub: who may deploy where.

use std::path::Path;

use dokku_deploy::{app::Environment, secret::Secret};

use crate::{
    ci::github::{Client, Gate, GitHubError, RepositoryName},
    clock::RealClock,
    exit_codes,
    failure::Failure,
    interrupt::Watch,
    invocation::Invocation,
    project::Project,
    repository::Repository,
};

/// What scheduled and manual work runs in.
const MAINTENANCE: &str = "maintenance";

/// Makes what is not there. An environment that is there keeps its gates: they are somebody's decision.
pub fn set_up(
    root: &Path,
    reviewers: &[String],
    wait_minutes: Option<u32>,
    invocation: &Invocation<'_>,
) -> Result<(), Failure> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let token = variable("GITHUB_TOKEN").or_else(|| variable("GH_TOKEN")).ok_or_else(|| {
        Failure::settings("GITHUB_TOKEN is not set: the environments cannot be set up")
            .hint("`export GITHUB_TOKEN=$(gh auth token)`, or a token that may administer the repository.")
    })?;
    let api = variable("GITHUB_API_URL").unwrap_or_else(|| "https://api.github.com".to_owned());
    let name = name(root, variable("GITHUB_REPOSITORY"))?;
    let clock = RealClock::new(Watch::begin()?);
    let github = Client::new(&api, Some(Secret::new(token)), &clock)
        .map_err(|error| Failure::settings(format!("GITHUB_API_URL: {error}")))?;
    let failed = |error: GitHubError| {
        Failure::new(exit_codes::HOST, error.to_string())
            .hint("The token has to administer the repository; on GitHub: Settings, Environments.")
    };
    let branches = Project::at(root)?.settings()?.branches();
    let mut ids = Vec::new();
    for login in reviewers {
        ids.push(github.person(login).map_err(failed)?);
    }
    for environment in Environment::ALL {
        let gate = match environment {
            Environment::Preview => Gate::default(),
            deployable => Gate {
                branches: Some(
                    branches
                        .iter()
                        .filter(|(_, to)| *to == deployable)
                        .map(|(branch, _)| branch.to_owned())
                        .collect(),
                ),
                wait_minutes: wait_minutes.filter(|_| deployable == Environment::Production),
                reviewers: match deployable {
                    Environment::Production => ids.clone(),
                    _ => Vec::new(),
                },
            },
        };
        make(&github, &name, environment.as_str(), &gate, invocation).map_err(failed)?;
    }
    make(&github, &name, MAINTENANCE, &Gate::default(), invocation).map_err(failed)
}

fn make(
    github: &Client<'_>,
    repository: &RepositoryName,
    name: &str,
    gate: &Gate,
    invocation: &Invocation<'_>,
) -> Result<(), GitHubError> {
    if github.has_environment(repository, name)? {
        invocation.ui.info(&format!(
            "{repository} has the environment {name}, which was left as it is"
        ));
        return Ok(());
    }
    github.put_environment(repository, name, gate)?;
    invocation
        .ui
        .success(&format!("{repository} has the environment {name} now"));
    Ok(())
}

/// The repository on GitHub: as the run says, else where `origin` leads.
fn name(root: &Path, given: Option<String>) -> Result<RepositoryName, Failure> {
    let text = match given {
        Some(given) => given,
        None => Repository::of(root)?
            .map(|repository| repository.setting("remote.origin.url"))
            .transpose()?
            .flatten()
            .unwrap_or_default(),
    };
    of_address(&text).ok_or_else(|| {
        Failure::settings(format!("{text:?} leads to no repository on GitHub"))
            .hint("Name it in the variable GITHUB_REPOSITORY: OWNER/NAME.")
    })
}

/// `OWNER/NAME` of a remote's address, whichever way it is written.
fn of_address(text: &str) -> Option<RepositoryName> {
    let text = text.trim_end_matches('/');
    let text = text.strip_suffix(".git").unwrap_or(text);
    let mut parts = text.rsplit(['/', ':']);
    let (name, owner) = (parts.next()?, parts.next()?);
    RepositoryName::parse(&format!("{owner}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_leads_to_its_repository() {
        for address in [
            "git@github.com:acme/shop.git",
            "https://github.com/acme/shop.git",
            "ssh://git@github.com:22/acme/shop/",
            "acme/shop",
        ] {
            assert_eq!(
                of_address(address).unwrap().to_string(),
                "acme/shop",
                "{address}"
            );
        }
        assert_eq!(of_address(""), None);
        assert_eq!(of_address("shop"), None);
    }
}
