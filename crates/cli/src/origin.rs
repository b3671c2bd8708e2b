//! Who does something, when, and from where: what every entry of the audit log begins with.

use std::env;

use dokku_deploy::{
    audit::{AuditEntry, Origin, Workflow, key},
    flows::cleanup::{REPOSITORY, REPOSITORY_ID},
    secret::Secret,
    variables::{Given, Source},
};
use jiff::Timestamp;

use crate::repository::Repository;

/// The origin of an operation that begins now. `repository` is the one that it is about, where it is
/// about one; in a workflow it is the workflow's.
pub fn begin(actor: &str, host: &str, repository: Option<&Repository>) -> Origin {
    let mut origin = Origin {
        time: Timestamp::now(),
        nonce: rand::random(),
        actor: actor.to_owned(),
        host: bare(host).to_owned(),
        ..Origin::default()
    };
    let variable = |name: &str| {
        let value = env::var(name).ok();
        value.filter(|value| !value.is_empty())
    };
    if let (Some(server), Some(repository)) =
        (variable("GITHUB_SERVER_URL"), variable("GITHUB_REPOSITORY"))
    {
        origin.repository_url = format!("{server}/{repository}");
        origin.repository = repository;
        if let Some(id) = variable("GITHUB_RUN_ID") {
            origin.workflow = Workflow {
                run_url: format!("{}/actions/runs/{id}", origin.repository_url),
                run_id: id,
            };
        }
    } else if let Some(repository) = repository {
        // Where it cannot be found out it stays unknown, which is what the record then says.
        let remote = repository.setting("remote.origin.url").ok().flatten();
        match remote.as_deref().and_then(page) {
            Some((name, page)) => {
                origin.repository = name;
                origin.repository_url = page;
            }
            None => origin.repository = repository.name(),
        }
    }
    origin
}

/// The host alone, whoever goes there.
pub fn bare(host: &str) -> &str {
    host.rsplit('@').next().unwrap_or(host)
}

/// In a run of GitHub Actions: the variables in which an app keeps which repository it is deployed from.
pub fn recorded() -> Given {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    if variable("GITHUB_ACTIONS").as_deref() != Some("true") {
        return Given::new();
    }
    let (Some(name), Some(id)) = (
        variable("GITHUB_REPOSITORY"),
        variable("GITHUB_REPOSITORY_ID").filter(|id| id.parse::<u64>().is_ok()),
    ) else {
        return Given::new();
    };
    of_repository(&name, &id)
}

/// The same of a repository that is known otherwise.
pub fn of_repository(name: &str, id: &str) -> Given {
    let variables = [(REPOSITORY, name), (REPOSITORY_ID, id)];
    let variables = variables.map(|(key, value)| (key.to_owned(), Secret::new(value)));
    Given::from([(Source::Repository, variables.into())])
}

/// Names the pull request that an entry is about.
pub fn name_pull_request(entry: &mut AuditEntry, repository: Option<&str>, number: u64) {
    entry.set(key::PULL_REQUEST, number);
    if let Some(repository) = repository {
        let server = env::var("GITHUB_SERVER_URL").ok();
        let server = server
            .filter(|server| !server.is_empty())
            .unwrap_or_else(|| "https://github.com".to_owned());
        let page = format!("{server}/{repository}/pull/{number}");
        entry.set(key::PULL_REQUEST_URL, page);
    }
}

/// `owner/name` and the page of a repository, from its address. What somebody may have put into the
/// address to log in is not taken along.
fn page(remote: &str) -> Option<(String, String)> {
    let remote = remote.trim().trim_end_matches('/').trim_end_matches(".git");
    let (place, path) = match remote.split_once("://") {
        Some(("https" | "http" | "ssh", rest)) => rest.split_once('/')?,
        Some(_) => return None,
        None => remote.split_once(':')?,
    };
    let place = place.rsplit('@').next()?;
    let host = place.split(':').next()?;
    let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
    let is_plain = |text: &str, more: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let [owner, name] = words.as_slice() else {
        return None;
    };
    if !is_plain(host, ".-") || !is_plain(owner, "._-") || !is_plain(name, "._-") {
        return None;
    }
    let repository = format!("{owner}/{name}");
    Some((repository.clone(), format!("https://{host}/{repository}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_pages_without_what_is_secret_in_them() {
        for remote in [
            "git@github.com:acme/shop.git",
            "https://github.com/acme/shop",
            "https://x-access-token:ghs_secret@github.com/acme/shop.git",
            "ssh://git@github.com:22/acme/shop.git/",
        ] {
            assert_eq!(
                page(remote),
                Some((
                    "acme/shop".to_owned(),
                    "https://github.com/acme/shop".to_owned()
                )),
                "{remote}"
            );
        }
        for none in [
            "",
            "/srv/git/shop.git",
            "../shop",
            "file:///srv/shop",
            "git@host:shop",
            "https://a.b/c/d/e/f",
            "https://h/a b/c",
        ] {
            assert_eq!(page(none), None, "{none:?}");
        }
    }
}
