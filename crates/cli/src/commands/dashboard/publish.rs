//! `dokku-cli dashboard publish`: page and data merged into the data branch.

use std::collections::BTreeMap;

use dokku_deploy::{
    clock::Clock,
    dashboard::{Board, FILES},
};
use jiff::Timestamp;
use serde_json::json;

use super::{
    PublishArguments,
    sources::{self, Gathered, PRIVATE_FILES},
};
use crate::{
    clock::RealClock,
    dashboard::site,
    data_branch::{self, Changes, Files, Remote, Updated},
    exit_codes,
    failure::Failure,
    interrupt::Watch,
    invocation::Invocation,
};

/// Keeps GitHub Pages from taking the files for sources of a site generator.
const NO_JEKYLL: &str = ".nojekyll";

/// Publishes.
pub fn run(arguments: &PublishArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let mut gathered = sources::gather(&arguments.sources, invocation)?;
    let watch = Watch::begin()?;
    if arguments.check {
        sources::check(&mut gathered.board, &[], &arguments.ask, &watch, &|_| {})?;
    }
    let updated = write(&gathered, "sync", arguments.adopt, &watch, invocation)?;
    if invocation.ui.is_json() {
        invocation.ui.json(&json!({
            "commit": updated.commit,
            "is_changed": updated.is_changed,
            "is_public": gathered.is_public,
            "apps": gathered.board.apps.rows().count(),
        }))?;
    }
    Ok(exit_codes::OK)
}

/// Merges what was gathered into the branch, whatever others write meanwhile.
pub fn write(
    gathered: &Gathered,
    action: &str,
    is_adopting: bool,
    watch: &Watch,
    invocation: &Invocation<'_>,
) -> Result<Updated, Failure> {
    let remote = gathered.remote.as_ref().ok_or_else(no_repository)?;
    let message = format!("Update dashboard: sync {action}");
    let ui = invocation.ui;
    ui.info(&format!("Writing {remote}"));
    let updated = merge_into(
        remote,
        &gathered.board,
        gathered.is_public,
        is_adopting,
        &message,
        watch,
    )?;
    if updated.is_changed {
        ui.success(&format!(
            "Published as {}",
            updated.commit.get(..7).unwrap_or_default()
        ));
    } else {
        ui.success("Nothing is new there");
    }
    if updated.is_changed && gathered.is_public && !gathered.private.is_empty() {
        ui.warning("The audit log was removed from the branch, which is public (dashboard.public); its history still has it");
    }
    Ok(updated)
}

/// Merges `own` into the branch.
pub fn merge_into(
    remote: &Remote,
    own: &Board,
    is_public: bool,
    is_adopting: bool,
    message: &str,
    watch: &Watch,
) -> Result<Updated, Failure> {
    let names: Vec<&str> = FILES.into_iter().collect();
    let clock = RealClock::new(watch.clone());
    Ok(data_branch::update(
        remote,
        &names,
        message,
        watch,
        &|time| clock.wait(time),
        &mut |present| {
            ours(&present.names, is_adopting)?;
            merged(&present.files, own, is_public, Timestamp::now())
        },
    )?)
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
        BTreeMap::new()
    } else {
        board.tidy(now);
        board.files(is_public)
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

fn no_repository() -> Failure {
    Failure::settings("no repository of the data branch is named")
        .hint("Name it once in .dokku/config.yml (`dashboard:` `repository: owner/name`), by --repository, or in DASHBOARD_REPOSITORY.")
}
