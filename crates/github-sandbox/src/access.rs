//! Who may see and do what.

use std::collections::BTreeSet;

use crate::{http::Request, state::State};

/// Which repositories an installation of an app sees.
#[derive(Debug, Clone)]
pub enum Selection {
    /// All of the owner's.
    All,
    /// These, by their full names.
    Only(Vec<String>),
}

/// A token and what stands behind it.
#[derive(Debug, Clone)]
pub enum Token {
    /// `GITHUB_TOKEN` of a workflow, or of an app: permissions such as `statuses:write`.
    Installation {
        /// The account that installed it.
        owner: String,
        /// What it sees.
        selection: Selection,
        /// What it may do.
        permissions: BTreeSet<&'static str>,
    },
    /// A person's classic token.
    Classic {
        /// Whose.
        login: String,
        /// Its scopes, such as `repo`.
        scopes: Vec<&'static str>,
    },
}

impl Token {
    /// The token of a workflow run in this repository with these permissions.
    pub fn of_workflow(repository: &str, permissions: &[&'static str]) -> Self {
        Self::Installation {
            owner: repository.split('/').next().unwrap_or_default().to_owned(),
            selection: Selection::Only(vec![repository.to_owned()]),
            permissions: permissions.iter().copied().collect(),
        }
    }

    /// Whether a private repository of that name is there for it.
    pub(crate) fn sees(&self, state: &State, full_name: &str) -> bool {
        let owner = full_name.split('/').next().unwrap_or_default();
        match self {
            Self::Installation {
                owner: own,
                selection,
                ..
            } => match selection {
                Selection::All => own == owner,
                Selection::Only(names) => names.iter().any(|name| name == full_name),
            },
            Self::Classic { login, scopes } => {
                scopes.contains(&"repo") && (login == owner || state.is_member(owner, login))
            }
        }
    }

    /// Whether it may do what `permission` (`statuses:write`) names.
    pub(crate) fn may(&self, permission: &str) -> bool {
        match self {
            Self::Installation { permissions, .. } => permissions.contains(permission),
            Self::Classic { scopes, .. } => scopes.contains(&"repo"),
        }
    }
}

/// Whose request it is: nobody's, or a token's. `Err` is a token that GitHub does not know (any more).
pub(crate) fn bearer(request: &Request, state: &State) -> Result<Option<Token>, ()> {
    let Some(header) = request.headers.get("authorization") else {
        return Ok(None);
    };
    let given = header
        .strip_prefix("Bearer ")
        .or_else(|| header.strip_prefix("token "))
        .ok_or(())?;
    state.tokens.get(given).cloned().map(Some).ok_or(())
}
