//! Who is doing this, for locks, journals and releases.

use std::env;

use crate::{
    ci,
    failure::Failure,
    repository::{self, Repository},
};

/// `GITHUB_ACTOR` in CI, else git's `user.email`, else USER@HOST.
pub fn name(repository: Option<&Repository>) -> Result<String, Failure> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    if ci::is_here()
        && let Some(actor) = variable("GITHUB_ACTOR")
    {
        return Ok(actor);
    }
    let email = match repository {
        Some(repository) => repository.setting("user.email")?,
        None => repository::setting_here("user.email"),
    };
    if let Some(email) = email {
        return Ok(email);
    }
    let user = variable("USER")
        .or_else(|| variable("LOGNAME"))
        .unwrap_or_else(|| "unknown".to_owned());
    let machine = fs_err::read_to_string("/etc/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .or_else(|| variable("HOSTNAME"))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".to_owned());
    Ok(format!("{user}@{machine}"))
}
