//! `audit`: what was done, and whether the record of it is whole.

mod list;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::{failure::Failure, invocation::Invocation};

/// `audit`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AuditArguments {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    #[command(flatten)]
    list: ListArguments,
}

/// What to do with the log.
#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Check that no entry of the audit log was changed, removed or inserted
    Verify(VerifyArguments),
}

/// Which entries are shown.
#[derive(Debug, Args)]
struct ListArguments {
    /// Only of this app
    #[arg(long, value_name = "APP")]
    app: Option<String>,
    /// Only this action, such as deploy, lock or backup
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only by this person
    #[arg(long, value_name = "PERSON")]
    actor: Option<String>,
    /// Only since this time (2026-11-24T18:00:00Z, 2026-11-24) or so long ago (2h, 7d)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most so many, the newest
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
}

/// `audit verify`
#[derive(Debug, Args)]
struct VerifyArguments {
    /// The log, or its directory; by default the one of this Dokku host
    file: Option<PathBuf>,
    /// The hash of an entry that the log is known to have had: finds a cut tail
    #[arg(long, value_name = "HASH")]
    known: Option<String>,
    /// The hash of the last entry of older segments that were moved away
    #[arg(long, value_name = "HASH")]
    after: Option<String>,
}

/// Runs `audit …`.
pub fn run(arguments: &AuditArguments, invocation: &Invocation) -> Result<u8, Failure> {
    match &arguments.command {
        Some(AuditCommand::Verify(arguments)) => verify::run(arguments, invocation),
        None => list::run(&arguments.list, invocation),
    }
}
