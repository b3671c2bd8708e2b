//! Where the dashboard's data lives, and who can see it.

use std::env;

use dokku_deploy::{app::Environment, secret::Secret};

use crate::{
    data_branch::Remote,
    failure::Failure,
    project::{CONFIG, Project},
};

/// Names the repository of the data branch, once for everything that runs here.
pub const REPOSITORY: &str = "DASHBOARD_REPOSITORY";

/// A data branch, or that there is none, and whether it is public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The branch, if a repository is named.
    pub remote: Option<Remote>,
    /// Whether strangers see it. Without a word about it in `.dokku/config.yml`, they do: what a
    /// stranger was shown once cannot be taken back. `None`: there are no settings here to say so.
    pub is_public: Option<bool>,
}

impl Place {
    /// As the arguments have it, else the environment, else `dashboard` in `.dokku/config.yml`.
    pub fn find(repository: Option<&str>, branch: Option<&str>) -> Result<Self, Failure> {
        let project = Project::around(&env::current_dir()?)?;
        let is_told = project.files().contains(&CONFIG);
        let settings = project
            .settings()?
            .resolve(Environment::Production)
            .dashboard;
        let repository = repository
            .map(str::to_owned)
            .or_else(|| variable(REPOSITORY))
            .or(settings.repository);
        let branch = branch.map_or(settings.branch, str::to_owned);
        let server =
            variable("GITHUB_SERVER_URL").unwrap_or_else(|| "https://github.com".to_owned());
        let token = ["DASHBOARD_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"]
            .iter()
            .find_map(|name| variable(name))
            .map(Secret::new);
        let remote = repository
            .map(|repository| Remote::new(&repository, &branch, &server, token))
            .transpose()?;
        Ok(Self {
            remote,
            is_public: is_told.then(|| settings.public.unwrap_or(true)),
        })
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
