//! `dokku-cli dashboard publish`: page and data merged into the data branch.

use serde_json::json;

use super::{
    PublishArguments,
    sources::{self, Gathered},
};
use crate::{
    dashboard::publication::{self, Published},
    data_branch::{self, Updated},
    exit_codes,
    failure::Failure,
    interrupt::Watch,
    invocation::Invocation,
    publish::tell_each,
};

/// Publishes.
pub fn run(arguments: &PublishArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let mut gathered = sources::gather(&arguments.sources, invocation)?;
    let watch = Watch::begin()?;
    let news = if arguments.check {
        let findings = sources::check(&mut gathered.board, &[], &arguments.ask, &watch, &|_| {})?;
        sources::raise(&mut gathered.board, &findings, invocation)?
    } else {
        Vec::new()
    };
    let updated = write(&gathered, "sync", arguments.adopt, &watch, invocation)?;
    tell_each(&news, invocation);
    if invocation.ui.is_json() {
        invocation.ui.json(&json!({
            "commit": updated.commit,
            "is_changed": updated.is_changed,
            "is_public": gathered.place.is_public,
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
    let remote = gathered.place.remote.as_ref().ok_or_else(no_repository)?;
    let message = format!("Update dashboard: sync {action}");
    let ui = invocation.ui;
    ui.info(&format!("Writing {remote}"));
    let Published { updated, had_log } = publication::merge_into(
        remote,
        &gathered.board,
        gathered.place.is_public,
        is_adopting,
        &message,
        data_branch::PATIENCE,
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
    if had_log {
        ui.warning("The audit log was removed from the branch, which is public (dashboard.public); its history still has it");
    }
    Ok(updated)
}

fn no_repository() -> Failure {
    Failure::settings("no repository of the data branch is named")
        .hint("Name it once in .dokku/config.yml (`dashboard:` `repository: owner/name`), by --repository, or in DASHBOARD_REPOSITORY.")
}
