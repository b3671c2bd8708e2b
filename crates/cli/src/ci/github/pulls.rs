//! Pull requests.

use serde::Deserialize;

use super::{
    client::{Call, Client},
    error::GitHubError,
    name::RepositoryName,
};

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pull {
    /// Its number.
    pub number: u64,
    /// Whether it can still be merged.
    pub state: PullState,
    /// When it was merged, if it was.
    pub merged_at: Option<String>,
    /// Who opened it; `None` when that account was deleted.
    pub user: Option<Account>,
    /// Where its commits come from.
    pub head: End,
    /// Where they shall go.
    pub base: End,
}

/// Whether a pull request is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PullState {
    /// It is.
    Open,
    /// Closed or merged.
    Closed,
}

/// A person or an app.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// The name at GitHub.
    pub login: String,
}

/// One end of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct End {
    /// The branch. Hostile text.
    #[serde(rename = "ref")]
    pub branch: String,
    /// The newest commit; GitHub gives it with the head only.
    pub sha: Option<String>,
    /// The repository; `None` when it was deleted.
    pub repo: Option<EndRepository>,
}

/// The repository of an end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EndRepository {
    /// `OWNER/NAME`.
    pub full_name: String,
}

impl Pull {
    /// Whether it was merged.
    pub fn is_merged(&self) -> bool {
        self.merged_at.is_some()
    }
}

impl Client<'_> {
    /// All pull requests that a commit belongs to.
    pub fn pulls_of(
        &self,
        repository: &RepositoryName,
        sha: &str,
    ) -> Result<Vec<Pull>, GitHubError> {
        let path = repository.path(&["commits", sha, "pulls"]);
        self.pages(Call::get(path), |page: Vec<Pull>| page)
    }

    /// One pull request.
    pub fn pull(&self, repository: &RepositoryName, number: u64) -> Result<Pull, GitHubError> {
        let number = number.to_string();
        self.ask(&Call::get(repository.path(&["pulls", &number])))
    }

    /// A file of a repository at a commit or branch; `None` when the repository is there and the
    /// file is not.
    pub fn file(
        &self,
        repository: &RepositoryName,
        path: &str,
        at: &str,
    ) -> Result<Option<Vec<u8>>, GitHubError> {
        let parts: Vec<&str> = path.split('/').collect();
        let mut call = Call::get(repository.path(&[&["contents"][..], &parts].concat()));
        call.accept = "application/vnd.github.raw+json";
        call.query.push(("ref", at.to_owned()));
        match self.send(&call) {
            Ok(reply) => Ok(Some(reply.body)),
            // GitHub says the same of a repository that is not there.
            Err(GitHubError::NotFound { .. }) => {
                self.send(&Call::get(repository.path(&[])))?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
