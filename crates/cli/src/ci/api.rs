//! GitHub's API outside of a deploy: the token and the address come from the environment.

use std::env;

use dokku_deploy::{clock::Clock, secret::Secret};

use super::{
    actions::Actions,
    github::{Client, GitHubError, RepositoryName},
};
use crate::{exit_codes, failure::Failure};

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// `GH_ORG_TOKEN`, else `GITHUB_TOKEN`.
pub fn token() -> Option<Secret> {
    variable("GH_ORG_TOKEN")
        .or_else(|| variable("GITHUB_TOKEN"))
        .map(Secret::new)
}

/// Where GitHub's pages and repositories are.
pub fn server() -> String {
    variable("GITHUB_SERVER_URL").unwrap_or_else(|| "https://github.com".to_owned())
}

/// A client with [`token`].
pub fn client(clock: &dyn Clock) -> Result<Client<'_>, Failure> {
    let token = token().ok_or_else(|| {
        Failure::settings("GitHub cannot be asked: neither GH_ORG_TOKEN nor GITHUB_TOKEN is set")
            .hint("Only a token that sees all repositories of the owner can tell that one is gone.")
    })?;
    let base = variable("GITHUB_API_URL").unwrap_or_else(|| "https://api.github.com".to_owned());
    Client::new(&base, Some(token), clock)
        .map_err(|error| Failure::settings(format!("GITHUB_API_URL: {error}")))
}

/// Who tells GitHub of a repository: in a run of the repository itself the run's own token, which may write;
/// elsewhere [`client`]. `None` without a token.
pub fn writer<'c>(
    actions: &Actions,
    repository: &RepositoryName,
    clock: &'c dyn Clock,
) -> Result<Option<Client<'c>>, Failure> {
    let is_own = variable("GITHUB_REPOSITORY")
        .and_then(|name| RepositoryName::parse(&name))
        .is_some_and(|own| own == *repository);
    if is_own || token().is_none() {
        return actions.github(clock);
    }
    client(clock).map(Some)
}

/// GitHub's no, or its silence (exit 5).
pub fn failure(error: &GitHubError) -> Failure {
    Failure::new(exit_codes::HOST, error.to_string())
}
