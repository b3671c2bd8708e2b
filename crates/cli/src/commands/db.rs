//! `dokku-cli db`: backups of an app's databases, and restores.

mod backup;
mod local;
mod record;
mod restore;
mod service;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::{failure::Failure, invocation::Invocation};

/// What `db` takes.
#[derive(Debug, Args)]
pub struct DbArguments {
    /// The app
    pub app: String,
    /// What to do with its databases.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Copy a database to a file here, checked before it counts
    Backup(BackupArguments),
    /// List the backups in this directory
    #[command(name = "list-backups")]
    ListBackups,
    /// Check backups in this directory: checksum, structure, engine
    Verify(VerifyArguments),
    /// Remove the backups in this directory that .dokku/config.yml does not keep
    Prune(PruneArguments),
    /// Replace the data of a service by a backup
    Restore(RestoreArguments),
}

/// What `backup` takes.
#[derive(Debug, Args)]
pub struct BackupArguments {
    /// The kind of the service (postgres) or its name; not needed where only one is linked
    pub service: Option<String>,
    /// Write to this file instead of APP-YYYYMMDD_HHMMSS.dump; - for standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Compress it
    #[arg(long)]
    pub gzip: bool,
}

/// What `verify` takes.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// The file, or latest
    #[arg(default_value = "latest")]
    pub file: String,
    /// Check all backups of the app in this directory
    #[arg(long, conflicts_with = "file")]
    pub all: bool,
}

/// What `prune` takes.
#[derive(Debug, Args)]
pub struct PruneArguments {
    /// Only tell what would be removed, and why
    #[arg(long)]
    pub dry_run: bool,
}

/// What `restore` takes.
#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// The file (or latest) and the service, in either order
    #[arg(required = true, num_args = 1..=2, value_name = "FILE [SERVICE]")]
    pub words: Vec<String>,
    /// Restore into a new service of this name, and leave the present one as it is
    #[arg(long, value_name = "SERVICE")]
    pub into: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// The backup is of another app, and that is meant
    #[arg(long)]
    pub other_app: bool,
}

/// Does it.
pub fn run(arguments: &DbArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let app = invocation.app(Some(&arguments.app))?;
    match &arguments.action {
        Action::Backup(arguments) => backup::run(&app, arguments, invocation),
        Action::ListBackups => local::list(&app, invocation),
        Action::Verify(arguments) => local::verify(&app, arguments, invocation),
        Action::Prune(arguments) => local::prune(&app, arguments, invocation),
        Action::Restore(arguments) => restore::run(&app, arguments, invocation),
    }
}
