//! What is particular to previews: whose code it is, and whose data it gets.

use std::path::{Component, Path};

use dokku_deploy::{
    backup::Reason,
    interrupt::Interrupts,
    rollout::{CopyWish, Masking, Plan, Wish},
    secret::Secret,
    settings::{self, PreviewDatabase, Resolved},
    variables::{Given, Source},
};

use super::{DeployArguments, wish};
use crate::{
    commands::safety::{self, Safety},
    failure::Failure,
    host::SshHost,
    invocation::Invocation,
    origin,
};

/// A pull request whose preview is deployed.
#[derive(Debug, Clone)]
pub struct PreviewOf {
    /// `owner/name`.
    pub repository: String,
    /// The repository's number.
    pub repository_id: u64,
    /// The pull request.
    pub number: u64,
    /// Its branch. Hostile text.
    pub branch: String,
    /// The code is that of somebody outside of the team.
    pub is_foreign: bool,
    /// Its release tasks run all the same.
    pub runs_tasks: bool,
    /// It gets a copy of a database all the same.
    pub may_copy: bool,
    /// What the branch says that the pull request is for. The pull request's own word could take the masking
    /// away.
    pub policy: Policy,
}

/// What is said about the databases of previews.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The settings.
    pub preview: settings::Preview,
    /// What the file of SQL holds that they name.
    pub masking: Option<Masking>,
}

impl Policy {
    /// `read` gives the file of SQL; `None`: there is none of that name.
    pub fn new(
        preview: settings::Preview,
        read: impl FnOnce(&str) -> Result<Option<String>, Failure>,
    ) -> Result<Self, Failure> {
        let path = preview.masking_sql.as_deref();
        let is_used = preview.database == Some(PreviewDatabase::Clone);
        let masking = match path.filter(|_| is_used) {
            None => None,
            Some(path) if !is_inside(path) => {
                return Err(Failure::settings(format!(
                    "preview.masking_sql is {path:?}, which is not in the repository"
                )));
            }
            Some(path) => Some(Masking {
                file: path.to_owned(),
                sql: read(path)?
                    .filter(|sql| !sql.trim().is_empty())
                    .ok_or_else(|| {
                        Failure::settings(format!(
                            "preview.masking_sql names {path}, and that file is not there, or empty: nothing was deployed"
                        ))
                    })?,
            }),
        };
        Ok(Self { preview, masking })
    }
}

fn is_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    !path.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// What a preview's databases begin with.
pub fn databases(
    policy: Policy,
    of: Option<&PreviewOf>,
    repository: &str,
    renews: bool,
    settings: &mut Resolved,
) -> Result<Option<CopyWish>, Failure> {
    let is_foreign = of.is_some_and(|of| of.is_foreign);
    let may_copy = of.is_none_or(|of| of.may_copy || !of.is_foreign);
    settings.preview = policy.preview;
    let copy = match settings.preview.database {
        Some(PreviewDatabase::Clone) if may_copy => Some(CopyWish {
            from: wish::app_by_name_of(repository, settings.preview.clone_from, None)?,
            masking: policy.masking,
            renews,
        }),
        _ => None,
    };
    match settings.preview.database {
        _ if is_foreign => share(settings, false),
        Some(PreviewDatabase::Shared) => share(settings, true),
        Some(PreviewDatabase::Own | PreviewDatabase::Clone) => share(settings, false),
        None => {}
    }
    if renews && copy.is_none() {
        return Err(Failure::usage(
            "There is nothing to refresh: the databases of this preview are no copies",
        )
        .hint("`preview: {database: clone}` in .dokku/config.yml makes them copies."));
    }
    Ok(copy)
}

impl PreviewOf {
    /// What the app keeps about where it comes from.
    pub fn variables(&self) -> Given {
        let mut given = origin::of_repository(&self.repository, &self.repository_id.to_string());
        for variables in given.values_mut() {
            let number = Secret::new(self.number.to_string());
            variables.insert("PR_NUMBER".to_owned(), number);
        }
        given
    }

    /// Foreign code gets nothing that is the team's: no variables, no domain, and its release tasks run only
    /// where that was allowed.
    pub fn restrict(&self, settings: &mut Resolved, given: &mut Given) {
        if !self.is_foreign {
            return;
        }
        given.retain(|source, _| *source == Source::Repository);
        settings.custom_domains.clear();
        if !self.runs_tasks {
            settings.release.tasks.clear();
        }
    }
}

/// How data is safe that is copied anew.
pub fn safety(wish: &Wish, arguments: &DeployArguments) -> Safety {
    Safety {
        without_backup: !wish.settings.preview.backup,
        here: arguments.here.clone(),
        ..Safety::default()
    }
}

/// Backs up what is destroyed to be copied anew, unless previews are not backed up.
pub fn keep_renewed(
    plan: &Plan,
    wish: &Wish,
    safety: &Safety,
    host: &SshHost<'_>,
    interrupts: &dyn Interrupts,
    invocation: &Invocation<'_>,
) -> Result<(), Failure> {
    let renewed: Vec<_> = plan
        .renewed()
        .map(|(kind, name)| (kind, name.clone()))
        .collect();
    if renewed.is_empty() {
        return Ok(());
    }
    let reason = Reason::PreDestroy;
    safety::ensure(
        &wish.app, &renewed, reason, safety, host, interrupts, invocation,
    )
    .map(drop)
    .map_err(|failure| failure.hint("Nothing was changed."))
}

fn share(settings: &mut Resolved, is_shared: bool) {
    for service in &mut settings.services {
        service.shared = is_shared;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_sql_lies_in_the_repository() {
        for good in [".dokku/mask.sql", "mask.sql", "a/b c.sql"] {
            assert!(is_inside(good), "{good}");
        }
        for bad in ["", "/etc/passwd", "../x.sql", "a/../../x", "./x"] {
            assert!(!is_inside(bad), "{bad}");
        }
    }
}
