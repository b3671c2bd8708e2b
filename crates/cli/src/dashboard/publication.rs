//! Merges page and data into the data branch.

use std::time::Duration;

use dokku_deploy::{
    audit::AuditEntry,
    clock::Clock,
    dashboard::{Board, FILES, PRIVATE_FILES},
};
use jiff::Timestamp;

use super::{place::Place, site};
use crate::{
    clock::RealClock,
    data_branch::{self, Changes, Files, Limit, Remote, Updated},
    failure::Failure,
    interrupt::Watch,
};

/// Keeps GitHub Pages from taking the files for sources of a site generator.
const NO_JEKYLL: &str = ".nojekyll";

/// The time that an operation that is over gives the server.
const TELLING: Duration = Duration::from_secs(30);

/// What an update found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The update.
    pub updated: Updated,
    /// Whether the branch held an audit log, which is gone because the branch is public.
    pub had_log: bool,
}

/// Merges `own` into the branch; each try has to be done within `patience`.
pub fn merge_into(
    remote: &Remote,
    own: &Board,
    is_public: bool,
    is_adopting: bool,
    message: &str,
    patience: Duration,
    watch: &Watch,
) -> Result<Published, Failure> {
    let clock = RealClock::new(watch.clone());
    let mut had_log = false;
    let updated = data_branch::update(
        remote,
        &FILES,
        message,
        Limit {
            patience,
            interrupts: watch,
        },
        &|time| clock.wait(time),
        &mut |present| {
            ours(&present.names, is_adopting)?;
            let is_private =
                |name: &Vec<u8>| PRIVATE_FILES.iter().any(|one| one.as_bytes() == name);
            had_log = is_public && present.names.iter().any(is_private);
            merged(&present.files, own, is_public, Timestamp::now())
        },
    )?;
    Ok(Published { updated, had_log })
}

/// Whether the branch is one of ours. An app's own pages are not written into by mistake.
fn ours(present: &[Vec<u8>], is_adopting: bool) -> Result<(), String> {
    if present.is_empty() || is_adopting || present.iter().any(|name| name == b"apps.json") {
        return Ok(());
    }
    Err(
        "it holds other files and no apps.json. Name another branch, or --adopt this one"
            .to_owned(),
    )
}

/// What the branch is to hold.
fn merged(known: &Files, own: &Board, is_public: bool, now: Timestamp) -> Result<Changes, String> {
    let known = Board::read(known).map_err(|error| error.to_string())?;
    let mut board = known.clone().merge(own.clone());
    let data = if board == known {
        // Nothing new, so nothing is written: not even the time.
        std::collections::BTreeMap::new()
    } else {
        board.tidy(now);
        board.files(is_public, now)
    };
    let mut changes: Changes = data
        .into_iter()
        .map(|(name, text)| (name, Some(text)))
        .collect();
    for file in site::FILES {
        changes.insert(file.name.to_owned(), Some(file.text.to_owned()));
    }
    changes.insert(NO_JEKYLL.to_owned(), Some(String::new()));
    if is_public {
        changes.extend(PRIVATE_FILES.map(|name| (name.to_owned(), None)));
    }
    Ok(changes)
}

/// Tells the data branch what happened, where one is named.
pub fn entry(entry: &AuditEntry) -> Result<(), Failure> {
    let Place {
        remote: Some(remote),
        is_public,
    } = Place::find(None, None)?
    else {
        return Ok(());
    };
    let mut own = Board::default();
    own.add_entry(entry);
    let of = if entry.app_name.is_empty() {
        "host"
    } else {
        &entry.app_name
    };
    let message = format!("Update dashboard: {of} {}", entry.action);
    // Ctrl-C ends the telling, and nothing else.
    let watch = Watch::begin()?;
    merge_into(&remote, &own, is_public, false, &message, TELLING, &watch)?;
    Ok(())
}
