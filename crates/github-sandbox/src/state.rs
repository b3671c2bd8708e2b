//! What this GitHub knows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{access::Token, fault::Faults, http::Request};

/// All of it.
#[derive(Debug)]
pub struct State {
    /// Where it answers.
    pub(crate) base: String,
    /// By full name.
    pub repositories: BTreeMap<String, Repository>,
    /// Organisations, their members, and which of these are owners.
    pub organisations: BTreeMap<String, BTreeMap<String, bool>>,
    /// People and their numbers.
    pub users: BTreeMap<String, u64>,
    /// Tokens by their text; one that is not here is unknown or expired.
    pub tokens: BTreeMap<String, Token>,
    /// What goes wrong.
    pub faults: Faults,
    /// Everything that was asked.
    pub requests: Vec<Request>,
    next_id: u64,
}

/// A repository.
#[derive(Debug, Clone, Default)]
pub struct Repository {
    /// Stays through renames and transfers.
    pub id: u64,
    /// Whether only those who may see it find it.
    pub is_private: bool,
    /// Names that it had; they lead to it.
    pub former_names: Vec<String>,
    /// Commits and the pull requests that they belong to.
    pub commits: BTreeMap<String, Vec<u64>>,
    /// Statuses by commit, in the order in which they came.
    pub statuses: Vec<(String, Value)>,
    /// Deployments in the order in which they came.
    pub deployments: Vec<Deployment>,
    /// Comments of issues and pull requests.
    pub comments: BTreeMap<u64, Vec<Comment>>,
    /// Pull requests.
    pub pulls: BTreeMap<u64, Pull>,
    /// Environments as they were set, with the branch patterns of each.
    pub environments: BTreeMap<String, (Value, BTreeSet<String>)>,
    /// Files of the default branch.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// A deployment.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Its number.
    pub id: u64,
    /// As it was asked for.
    pub asked: Value,
    /// Its statuses as they came.
    pub statuses: Vec<Value>,
}

/// A comment.
#[derive(Debug, Clone)]
pub struct Comment {
    /// Its number.
    pub id: u64,
    /// Who wrote it.
    pub author: String,
    /// Whether that is an app.
    pub is_bot: bool,
    /// `OWNER`, `MEMBER`, `NONE`, …
    pub association: &'static str,
    /// Markdown.
    pub body: String,
}

/// A pull request.
#[derive(Debug, Clone)]
pub struct Pull {
    /// Whether it is open.
    pub is_open: bool,
    /// Whether it was merged.
    pub is_merged: bool,
    /// Who opened it.
    pub author: String,
    /// The repository that its branch is in; `None` when that was deleted.
    pub head_repository: Option<String>,
    /// Its branch.
    pub head_ref: String,
    /// Its newest commit.
    pub head_sha: String,
    /// The branch that it is for.
    pub base_ref: String,
}

impl State {
    pub(crate) fn new(base: String) -> Self {
        Self {
            base,
            repositories: BTreeMap::new(),
            organisations: BTreeMap::new(),
            users: BTreeMap::new(),
            tokens: BTreeMap::new(),
            faults: Faults::default(),
            requests: Vec::new(),
            next_id: 1000,
        }
    }

    /// The repository of that full name, made where it is not there yet.
    pub fn repository(&mut self, full_name: &str) -> &mut Repository {
        let id = self.id();
        self.repositories
            .entry(full_name.to_owned())
            .or_insert_with(|| Repository {
                id,
                ..Repository::default()
            })
    }

    /// A number that nothing has yet.
    pub(crate) fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The full name that `name` leads to now.
    pub(crate) fn present_name(&self, name: &str) -> Option<String> {
        if self.repositories.contains_key(name) {
            return Some(name.to_owned());
        }
        self.repositories
            .iter()
            .find(|(_, repository)| repository.former_names.iter().any(|former| former == name))
            .map(|(name, _)| name.clone())
    }

    pub(crate) fn is_member(&self, organisation: &str, login: &str) -> bool {
        self.organisations
            .get(organisation)
            .is_some_and(|members| members.contains_key(login))
    }

    /// The lines of what was asked, such as `POST /repos/acme/shop/deployments`.
    pub fn asked(&self) -> Vec<String> {
        self.requests.iter().map(Request::line).collect()
    }
}
