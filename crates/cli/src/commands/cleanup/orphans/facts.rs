//! What GitHub says of the repositories and pull requests that apps were deployed from.

use std::collections::BTreeMap;

use dokku_deploy::{
    clock::Clock,
    flows::cleanup::{Candidate, Fact},
};

use crate::{
    ci::{
        api,
        github::{Client, Existence, GitHubError, PullState, RepositoryName},
    },
    failure::Failure,
};

/// GitHub, asked once about each repository.
pub struct Facts<'c> {
    github: Client<'c>,
    repositories: BTreeMap<u64, Existence>,
}

impl<'c> Facts<'c> {
    /// With the token of the environment; without one GitHub says nothing that counts.
    pub fn new(clock: &'c dyn Clock) -> Result<Self, Failure> {
        Ok(Self {
            github: api::client(clock)?,
            repositories: BTreeMap::new(),
        })
    }

    /// What GitHub says about the app. An error means that GitHub cannot be asked at all: then its
    /// other answers are not to be acted on either.
    pub fn about(&mut self, candidate: &Candidate) -> Result<Fact, Failure> {
        let unknown = |why: &str| Fact::Unknown {
            why: why.to_owned(),
        };
        let named = candidate.repository.as_deref().unwrap_or_default();
        let (Some(name), Some(id)) = (RepositoryName::parse(named), candidate.repository_id) else {
            return Ok(unknown("its repository's name or number cannot be read"));
        };
        let repository = match self.repository(&name, id)? {
            Existence::There(repository) => repository.full_name,
            Existence::Gone => return Ok(Fact::RepositoryGone),
            Existence::Unknown { why } => return Ok(unknown(&why)),
        };
        let Some(number) = candidate.pull else {
            return Ok(Fact::Needed);
        };
        // It may have another name by now.
        let Some(name) = RepositoryName::parse(&repository) else {
            return Ok(unknown("its repository has a name that cannot be read"));
        };
        match self.github.pull(&name, number) {
            Ok(pull) if pull.state == PullState::Open => Ok(Fact::Needed),
            Ok(pull) => Ok(Fact::PullClosed {
                is_merged: pull.is_merged(),
            }),
            Err(error @ GitHubError::NotFound { .. }) => Ok(unknown(&error.to_string())),
            Err(error) => Err(api::failure(&error).hint("Nothing was destroyed.")),
        }
    }

    fn repository(&mut self, name: &RepositoryName, id: u64) -> Result<Existence, Failure> {
        if let Some(known) = self.repositories.get(&id) {
            return Ok(known.clone());
        }
        match self.github.existence(name, Some(id)) {
            Ok(existence) => {
                self.repositories.insert(id, existence.clone());
                Ok(existence)
            }
            Err(error @ GitHubError::NotFound { .. }) => Ok(Existence::Unknown {
                why: error.to_string(),
            }),
            Err(error) => Err(api::failure(&error).hint("Nothing was destroyed.")),
        }
    }
}
