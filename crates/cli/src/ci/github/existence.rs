//! Who is a member, and what is gone for certain.

use serde::Deserialize;

use super::{
    client::{Call, Client},
    error::GitHubError,
    name::RepositoryName,
};

/// A repository as GitHub has it now.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repository {
    /// Stays through renames and transfers.
    pub id: u64,
    /// `OWNER/NAME`.
    pub full_name: String,
}

/// Whether a repository is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Existence {
    /// It is, under this name.
    There(Repository),
    /// It is not, says GitHub to somebody who would see it.
    Gone,
    /// Nobody knows: the token may be one that does not see it.
    Unknown {
        /// Why the 404 proves nothing.
        why: String,
    },
}

#[derive(Deserialize)]
struct Membership {
    state: String,
    role: String,
}

#[derive(Deserialize)]
struct Person {
    login: String,
}

#[derive(Deserialize)]
struct Installation {
    repository_selection: Option<String>,
    repositories: Vec<Installed>,
}

#[derive(Deserialize)]
struct Installed {
    owner: Person,
}

impl Client<'_> {
    /// Whether somebody is a member of the organisation. An organisation that the token is not
    /// inside of is an error: it would only show public members.
    pub fn is_member(&self, organisation: &str, login: &str) -> Result<bool, GitHubError> {
        let mut call = Call::get(vec!["orgs", organisation, "members", login]);
        call.is_followed = false;
        match self.send(&call) {
            Ok(reply) if reply.status == 204 => Ok(true),
            Ok(reply) => Err(GitHubError::Forbidden {
                what: reply.what,
                why: "the token does not see who is a member of this organisation".to_owned(),
            }),
            // Also what is said of an organisation that the token knows nothing of; both mean no.
            Err(GitHubError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The repository of that name.
    pub fn repository(&self, name: &RepositoryName) -> Result<Repository, GitHubError> {
        self.ask(&Call::get(name.path(&[])))
    }

    /// The repository, by its name and, where it is recorded, by its number, which it keeps
    /// through renames and transfers. "Gone" is said only when both are 404 to a token that is
    /// proven to see all repositories of the owner.
    pub fn existence(
        &self,
        name: &RepositoryName,
        id: Option<u64>,
    ) -> Result<Existence, GitHubError> {
        if let Some(id) = id {
            let id = id.to_string();
            match self.ask(&Call::get(vec!["repositories", &id])) {
                Ok(repository) => return Ok(Existence::There(repository)),
                Err(GitHubError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        match self.ask::<Repository>(&Call::get(name.path(&[]))) {
            Ok(other) if id.is_some_and(|id| id != other.id) => {
                return Ok(Existence::Unknown {
                    why: format!(
                        "{name} is another repository by now, with the number {}",
                        other.id
                    ),
                });
            }
            Ok(repository) => return Ok(Existence::There(repository)),
            Err(GitHubError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(match self.blindness(name.owner())? {
            None => Existence::Gone,
            Some(why) => Existence::Unknown { why },
        })
    }

    /// Why a 404 about a repository of `owner` proves nothing to this token; `None` when it does.
    fn blindness(&self, owner: &str) -> Result<Option<String>, GitHubError> {
        match self.send(&Call::get(vec!["user"])) {
            Ok(reply) => {
                let scopes = reply.headers.get("x-oauth-scopes");
                let scopes = scopes.and_then(|value| value.to_str().ok());
                let has_scope = scopes.is_some_and(|s| s.split(',').any(|s| s.trim() == "repo"));
                if !has_scope {
                    return Ok(Some(
                        "the token has no scope `repo`: it does not see private repositories"
                            .to_owned(),
                    ));
                }
                let person: Person = reply.json()?;
                if person.login.eq_ignore_ascii_case(owner) {
                    return Ok(None);
                }
                self.blindness_of_member(owner)
            }
            // An app has no person behind it.
            Err(GitHubError::Forbidden { .. }) => self.blindness_of_app(owner),
            Err(error) => Err(error),
        }
    }

    /// Owners see every repository of an organisation; members may not.
    fn blindness_of_member(&self, owner: &str) -> Result<Option<String>, GitHubError> {
        let call = Call::get(vec!["user", "memberships", "orgs", owner]);
        match self.ask::<Membership>(&call) {
            Ok(membership) if membership.state == "active" && membership.role == "admin" => {
                Ok(None)
            }
            Ok(_) | Err(GitHubError::NotFound { .. }) => Ok(Some(format!(
                "the token's person is not an owner of {owner}: some repositories may be hidden"
            ))),
            Err(error) => Err(error),
        }
    }

    fn blindness_of_app(&self, owner: &str) -> Result<Option<String>, GitHubError> {
        let mut call = Call::get(vec!["installation", "repositories"]);
        call.query.push(("per_page", "1".to_owned()));
        let installation: Installation = self.ask(&call)?;
        let is_here = installation
            .repositories
            .first()
            .is_some_and(|one| one.owner.login.eq_ignore_ascii_case(owner));
        let sees_all = installation.repository_selection.as_deref() == Some("all");
        Ok((!(is_here && sees_all)).then(|| {
            format!("the token is an app's that is not installed on all repositories of {owner}")
        }))
    }
}
