//! `dokku-cli ci cleanup`: `cleanup` with the inputs of a form.

use clap::Args;

use super::announce;
use crate::{
    ci::actions::Actions, commands::cleanup, failure::Failure, invocation::Invocation,
    schedule::Scheduled,
};

/// What `ci cleanup` takes.
#[derive(Debug, Args)]
pub struct CiCleanupArguments {
    /// The app: it goes with its staging and development apps and its previews
    #[arg(long)]
    app: String,
    /// What was typed to confirm: the app's name; not needed for a dry run
    #[arg(long, value_name = "NAME", default_value = "")]
    confirm: String,
    /// Destroy no service
    #[arg(long)]
    keep_services: bool,
    /// Show what would be destroyed and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Cleans up, if that was confirmed.
pub fn run(arguments: &CiCleanupArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let actions = Actions::here()?;
    announce(invocation, actions.as_ref());
    if !arguments.dry_run && arguments.confirm != arguments.app {
        return Err(Failure::refused(format!(
            "confirm is {:?}, not the name of the app {:?}: nothing was changed",
            arguments.confirm, arguments.app
        )));
    }
    let wanted = cleanup::CleanupArguments {
        app: Some(arguments.app.clone()),
        orphans: false,
        apply: false,
        max: None,
        previews: false,
        keep_services: arguments.keep_services,
        dry_run: arguments.dry_run,
        yes: true,
        scheduled: Scheduled::default(),
        safety: cleanup::Safety::default(),
    };
    cleanup::run(&wanted, invocation)
}
