//! Merges page and data into the data branch.

use std::time::Duration;

use dokku_deploy::{
    audit::{AuditEntry, Chained},
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
pub const TELLING: Duration = Duration::from_secs(30);

/// What an update found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The update.
    pub updated: Updated,
    /// Whether the branch was written for strangers.
    pub is_public: bool,
    /// Whether the branch held an audit log, which is gone because the branch is public.
    pub had_log: bool,
}

/// What is merged into which branch.
pub struct Merge<'a> {
    /// The branch.
    pub remote: &'a Remote,
    /// What this program knows.
    pub own: &'a Board,
    /// Whether strangers see the branch; where that is not known here, they do unless it holds what
    /// is not for them.
    pub is_public: Option<bool>,
    /// Whether a branch that holds other files is taken.
    pub is_adopting: bool,
    /// The commit's message.
    pub message: &'a str,
    /// The time that one try may take.
    pub patience: Duration,
}

/// Merges into the branch. `also` changes what comes of that: it is given what the branch is going to
/// hold, and asked again whenever somebody else was faster.
pub fn merge_into(
    merge: &Merge<'_>,
    watch: &Watch,
    also: &mut dyn FnMut(&mut Board, Timestamp),
) -> Result<Published, Failure> {
    let clock = RealClock::new(watch.clone());
    let (mut is_public, mut had_log) = (true, false);
    let updated = data_branch::update(
        merge.remote,
        &FILES,
        merge.message,
        Limit {
            patience: merge.patience,
            interrupts: watch,
        },
        &|time| clock.wait(time),
        &mut |present| {
            ours(&present.names, merge.is_adopting)?;
            let is_private =
                |name: &Vec<u8>| PRIVATE_FILES.iter().any(|one| one.as_bytes() == name);
            let holds_private = present.names.iter().any(is_private);
            is_public = merge.is_public.unwrap_or(!holds_private);
            had_log = is_public && holds_private;
            merged(&present.files, merge.own, is_public, Timestamp::now(), also)
        },
    )?;
    Ok(Published {
        updated,
        is_public,
        had_log,
    })
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
fn merged(
    known: &Files,
    own: &Board,
    is_public: bool,
    now: Timestamp,
    also: &mut dyn FnMut(&mut Board, Timestamp),
) -> Result<Changes, String> {
    let known = Board::read(known).map_err(|error| error.to_string())?;
    let mut board = known.clone().merge(own.clone());
    also(&mut board, now);
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

/// Tells the data branch what happened, where one is named, and how far the host's log has come with it.
pub fn entry(entry: &AuditEntry, chained: Option<&Chained>) -> Result<(), Failure> {
    let Place {
        remote: Some(remote),
        is_public,
    } = Place::find(None, None)?
    else {
        return Ok(());
    };
    let mut own = Board::default();
    own.add_entry(entry);
    own.audit.chains.extend(chained.cloned());
    let of = if entry.app_name.is_empty() {
        "host"
    } else {
        &entry.app_name
    };
    let message = format!("Update dashboard: {of} {}", entry.action);
    // Ctrl-C ends the telling, and nothing else.
    let watch = Watch::begin()?;
    let merge = Merge {
        remote: &remote,
        own: &own,
        is_public,
        is_adopting: false,
        message: &message,
        patience: TELLING,
    };
    merge_into(&merge, &watch, &mut |_, _| {})?;
    Ok(())
}
