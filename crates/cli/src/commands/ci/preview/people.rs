//! Who is of the team.

use std::env;

use crate::ci::github::{Client, GitHubError};

/// The people of a repository's owner.
pub struct People<'a> {
    /// The organisation, or the person.
    pub owner: &'a str,
    /// Who is asked.
    pub github: &'a Client<'a>,
}

impl People<'_> {
    /// Whether all of them are members; nobody is none.
    pub fn are_members(&self, logins: &[String]) -> Result<bool, GitHubError> {
        if logins.is_empty() {
            return Ok(false);
        }
        for login in logins {
            let is_owner = login.eq_ignore_ascii_case(self.owner);
            if !is_owner && !self.github.is_member(self.owner, login)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Who pushed or asks, and who has started the run again if somebody has.
pub fn actors() -> Vec<String> {
    let mut actors: Vec<String> = ["GITHUB_ACTOR", "GITHUB_TRIGGERING_ACTOR"]
        .into_iter()
        .filter_map(|name| env::var(name).ok())
        .filter(|login| !login.is_empty())
        .collect();
    actors.dedup();
    actors
}
