//! `dokku-cli dashboard publish`: page and data merged into the data branch.

use dokku_deploy::dashboard::Board;
use jiff::Timestamp;
use serde_json::json;

use super::{
    PublishArguments,
    sources::{self, Gathered},
};
use crate::{
    dashboard::{
        alarms::Alarms,
        publication::{self, Merge, Published},
    },
    data_branch, exit_codes,
    failure::Failure,
    interrupt::Watch,
    invocation::Invocation,
};

/// Publishes.
pub fn run(arguments: &PublishArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let mut gathered = sources::gather(&arguments.sources, invocation)?;
    let watch = Watch::begin()?;
    let findings = if arguments.check {
        sources::check(&mut gathered.board, &[], &arguments.ask, &watch, &|_| {})?
    } else {
        Vec::new()
    };
    let mut alarms = Alarms::of(findings, invocation)?;
    let Published {
        updated, is_public, ..
    } = write(
        &gathered,
        "sync",
        arguments.adopt,
        &watch,
        invocation,
        &mut |board, _| alarms.put(board),
    )?;
    alarms.tell(invocation);
    if invocation.ui.is_json() {
        invocation.ui.json(&json!({
            "commit": updated.commit,
            "is_changed": updated.is_changed,
            "is_public": is_public,
            "apps": gathered.board.apps.rows().count(),
        }))?;
    }
    Ok(exit_codes::OK)
}

/// Merges what was gathered into the branch, whatever others write meanwhile, and changes with `also`
/// what comes of that.
pub fn write(
    gathered: &Gathered,
    action: &str,
    is_adopting: bool,
    watch: &Watch,
    invocation: &Invocation<'_>,
    also: &mut dyn FnMut(&mut Board, Timestamp),
) -> Result<Published, Failure> {
    let remote = gathered.place.remote.as_ref().ok_or_else(no_repository)?;
    let message = format!("Update dashboard: sync {action}");
    let ui = invocation.ui;
    ui.info(&format!("Writing {remote}"));
    let merge = Merge {
        remote,
        own: &gathered.board,
        is_public: gathered.place.is_public,
        is_adopting,
        message: &message,
        patience: data_branch::PATIENCE,
    };
    let published = publication::merge_into(&merge, watch, also)?;
    let updated = &published.updated;
    if updated.is_changed {
        ui.success(&format!(
            "Published as {}",
            updated.commit.get(..7).unwrap_or_default()
        ));
    } else {
        ui.success("Nothing is new there");
    }
    if published.had_log {
        ui.warning("The audit log was removed from the branch, which is public (dashboard.public); its history still has it");
    }
    Ok(published)
}

fn no_repository() -> Failure {
    Failure::settings("no repository of the data branch is named")
        .hint("Name it once in .dokku/config.yml (`dashboard:` `repository: owner/name`), by --repository, or in DASHBOARD_REPOSITORY.")
}
