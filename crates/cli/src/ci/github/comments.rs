//! Comments on pull requests.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    client::{Call, Client},
    error::GitHubError,
    name::RepositoryName,
};

/// Rounds of looking and writing, and the wait between two.
const ROUNDS: u32 = 3;
const BETWEEN: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize)]
struct Comment {
    id: u64,
    /// `null` for an account that was deleted.
    user: Option<User>,
    author_association: Option<String>,
    body: Option<String>,
}

#[derive(Debug, Deserialize)]
struct User {
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl Comment {
    /// Whether it may be ours: strangers could write one that looks like it.
    fn is_trusted(&self) -> bool {
        let is_bot = self
            .user
            .as_ref()
            .is_some_and(|user| user.kind.as_deref() == Some("Bot"));
        let association = self.author_association.as_deref();
        is_bot || matches!(association, Some("OWNER" | "MEMBER" | "COLLABORATOR"))
    }
}

impl Client<'_> {
    /// Makes `body` what the one comment of ours on that issue says, whichever page it is on.
    /// A write whose fate is not known is looked for before it is written again.
    pub fn put_comment(
        &self,
        repository: &RepositoryName,
        number: u64,
        is_ours: &dyn Fn(&str) -> bool,
        body: &str,
    ) -> Result<(), GitHubError> {
        let mut round = 0;
        loop {
            round += 1;
            match self.put_once(repository, number, is_ours, body) {
                Err(error) if error.is_uncertain() && round < ROUNDS && self.waits(BETWEEN) => {}
                result => return result,
            }
        }
    }

    /// What the comment of ours on that issue says; `None` if there is none.
    pub fn comment(
        &self,
        repository: &RepositoryName,
        number: u64,
        is_ours: &dyn Fn(&str) -> bool,
    ) -> Result<Option<String>, GitHubError> {
        let number = number.to_string();
        let list = repository.path(&["issues", &number, "comments"]);
        let comments = self.pages(Call::get(list), |page: Vec<Comment>| page)?;
        Ok(comments
            .into_iter()
            .filter(Comment::is_trusted)
            .filter_map(|comment| comment.body)
            .find(|body| is_ours(body)))
    }

    fn put_once(
        &self,
        repository: &RepositoryName,
        number: u64,
        is_ours: &dyn Fn(&str) -> bool,
        body: &str,
    ) -> Result<(), GitHubError> {
        let number = number.to_string();
        let list = repository.path(&["issues", &number, "comments"]);
        let comments = self.pages(Call::get(list.clone()), |page: Vec<Comment>| page)?;
        let ours = comments
            .iter()
            .find(|comment| comment.is_trusted() && comment.body.as_deref().is_some_and(is_ours));
        let text = json!({"body": body});
        match ours {
            Some(comment) if comment.body.as_deref() == Some(body) => {}
            Some(comment) => {
                let id = comment.id.to_string();
                let path = repository.path(&["issues", "comments", &id]);
                self.send(&Call::new(Method::PATCH, path).body(text))?;
            }
            None => {
                self.send(&Call::new(Method::POST, list).body(text))?;
            }
        }
        Ok(())
    }
}
