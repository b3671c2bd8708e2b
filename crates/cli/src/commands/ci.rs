//! `dokku-cli ci`: what a workflow calls.

mod announcement;
mod deploy;
mod target;
mod test;

use clap::{Args, Subcommand};

use crate::{failure::Failure, invocation::Invocation};

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
    /// Deploy, and tell GitHub: statuses, deployment, comments, summary, outputs
    Deploy(Box<deploy::CiDeployArguments>),
}

/// Does it.
pub fn run(arguments: &CiArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    match &arguments.command {
        CiCommand::Target(arguments) => target::run(arguments, invocation),
        CiCommand::Test => test::run(invocation),
        CiCommand::Deploy(arguments) => deploy::run(arguments, invocation),
    }
}
