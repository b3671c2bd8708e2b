//! `dokku-cli ci`: what a workflow calls.

mod announcement;
mod cleanup;
mod deploy;
mod preview;
mod rollback;
mod target;
mod test;

pub use self::preview::reconcile;

use clap::{Args, Subcommand};

use crate::{ci::actions::Actions, failure::Failure, invocation::Invocation};

/// What `ci` takes.
#[derive(Debug, Args)]
pub struct CiArguments {
    /// What to do.
    #[command(subcommand)]
    command: CiCommand,
}

#[derive(Debug, Subcommand)]
enum CiCommand {
    /// Say which app and environment this run deploys to, for later jobs
    Target(target::TargetArguments),
    /// Run the project's tests; a failure is exit code 6
    Test,
    /// Roll back after the word ROLLBACK was typed, as the workflow asks for it
    Rollback(rollback::CiRollbackArguments),
    /// Clean up after the app's name was typed, as the workflow asks for it
    Cleanup(cleanup::CiCleanupArguments),
    /// Deploy or remove the preview of a pull request, after a look at who is behind it
    Preview(Box<preview::CiPreviewArguments>),
    /// Deploy, and tell GitHub: statuses, deployment, comments, summary, outputs
    Deploy(Box<deploy::CiDeployArguments>),
}

/// From now on a runner reads the log, if there is one.
fn announce(invocation: &Invocation<'_>, actions: Option<&Actions>) {
    if actions.is_some() {
        invocation
            .ui
            .annotate_with(format!("{:032x}", rand::random::<u128>()));
    }
}

/// Does it.
pub fn run(arguments: &CiArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    match &arguments.command {
        CiCommand::Target(arguments) => target::run(arguments, invocation),
        CiCommand::Test => test::run(invocation),
        CiCommand::Cleanup(arguments) => cleanup::run(arguments, invocation),
        CiCommand::Rollback(arguments) => rollback::run(arguments, invocation),
        CiCommand::Preview(arguments) => preview::run(arguments, invocation),
        CiCommand::Deploy(arguments) => deploy::run(arguments, invocation),
    }
}
