//! A refused deploy leaves nothing behind.
//!
//! Dokku puts the commit into `GIT_REV` before the gate is asked, and the commands that make a commit
//! of an archive or an image, and `git:sync`, have moved the app's branch by then.

use std::collections::BTreeMap;

use dokku_deploy::{secret::Secret, store::Variables};

use super::{
    dokku::{self, DokkuError},
    gate::say,
    ledger::{Before, Ledger, Refused},
    place::Place,
    repository::{AppRepository, GitError},
};

use crate::ui::Ui;

/// Why not everything could be put back.
#[derive(Debug, thiserror::Error)]
pub enum Leftover {
    /// Dokku failed.
    #[error(transparent)]
    Dokku(#[from] DokkuError),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A file could not be used.
    #[error(transparent)]
    File(#[from] std::io::Error),
}

/// Makes the app as it was before the refused `commit` came. The ledger remembers the commit where
/// the branch points to it.
pub fn put_back(
    place: &Place,
    app: &str,
    commit: &str,
    variables: Option<&Variables>,
    ledger: &mut Ledger,
) -> Result<(), Leftover> {
    let branch = dokku::deploy_branch(app)?;
    let repository = AppRepository::at(place.repository(app));
    let tip = repository.branch(&branch)?;
    let before = if tip.as_deref() == Some(commit) {
        moved_from(place, &repository, commit, ledger)?
    } else {
        None
    };
    let truth = match &before {
        // Pushed, or built again: the branch says what the app is.
        None | Some(Before::Unknown) => tip,
        Some(Before::Nowhere) => None,
        Some(Before::At(before)) => Some(before.clone()),
    };
    if let Some(before) = before {
        ledger.memory.refused = Some(Refused {
            commit: commit.to_owned(),
            branch,
            before,
        });
        ledger.save()?;
        if !rewinds_by_itself(place) {
            heal(place, app, ledger)?;
        }
    }
    let Some(variables) = variables else {
        // Dokku could not write there either.
        return Ok(());
    };
    restore_revision(place, app, commit, truth.as_deref(), variables, ledger)
}

/// Moves the branch away from a refused commit, if it still points there. The commit stays
/// remembered, in case the branch cannot be moved or is moved to it again.
pub fn heal(place: &Place, app: &str, ledger: &Ledger) -> Result<(), Leftover> {
    let Some(refused) = &ledger.memory.refused else {
        return Ok(());
    };
    let to = match &refused.before {
        Before::Unknown => return Ok(()),
        Before::Nowhere => None,
        Before::At(commit) => Some(commit.as_str()),
    };
    let repository = AppRepository::at(place.repository(app));
    if repository.branch(&refused.branch)?.as_deref() == Some(refused.commit.as_str()) {
        repository.move_branch(&refused.branch, &refused.commit, to)?;
    }
    Ok(())
}

/// The same after an unlock; that it failed is said.
pub fn heal_or_say(place: &Place, ledger: &Ledger, ui: &Ui) {
    let app = ledger.app();
    if let Err(error) = heal(place, app, ledger) {
        say(
            ui,
            &format!("A refused commit is still on the branch of {app}: {error}"),
        );
    }
}

/// Where the branch was before the command under way moved it; `None` if it did not.
fn moved_from(
    place: &Place,
    repository: &AppRepository,
    commit: &str,
    ledger: &Ledger,
) -> Result<Option<Before>, GitError> {
    Ok(match place.source.as_deref() {
        Some("git:from-archive" | "git:from-image" | "git:load-image") => Some(
            repository
                .parent(commit)?
                .map_or(Before::Nowhere, Before::At),
        ),
        Some("git:sync") => Some(match &ledger.memory.allowed {
            Some(allowed) if allowed != commit => Before::At(allowed.clone()),
            // The same code is built again.
            Some(_) => return Ok(None),
            None => Before::Unknown,
        }),
        _ => None,
    })
}

/// Whether Dokku itself moves the branch back by one commit after a refused archive or image. To do
/// it as well would lose a commit.
fn rewinds_by_itself(place: &Place) -> bool {
    place.source.as_deref() != Some("git:sync")
        && fs_err::read_to_string(place.git_from_directory())
            .is_ok_and(|script| script.contains("update-ref \"refs/heads/"))
}

fn restore_revision(
    place: &Place,
    app: &str,
    commit: &str,
    truth: Option<&str>,
    variables: &Variables,
    ledger: &Ledger,
) -> Result<(), Leftover> {
    let usual = "GIT_REV".to_owned();
    let name = if variables.text(&usual) == Some(commit) {
        usual
    } else if place.source.as_deref() == Some("ps:rebuild") {
        return Ok(());
    } else {
        match dokku::revision_variable(app)? {
            Some(name) if variables.text(&name) == Some(commit) => name,
            _ => return Ok(()),
        }
    };
    let _writing = ledger.writing()?;
    match truth {
        Some(truth) if truth == commit => {}
        Some(truth) => dokku::set(app, &BTreeMap::from([(name, Secret::new(truth))]))?,
        None => dokku::unset(app, &[&name])?,
    }
    Ok(())
}
