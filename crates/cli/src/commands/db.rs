//! `dokku-cli db`: backups of an app's databases, and restores.

mod backup;
mod copy;
mod download;
mod local;
mod places;
mod promote;
mod prune;
mod record;
mod restore;
mod restore_test;
mod service;
mod services;
mod verdict;

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub use self::{
    backup::{Order, size},
    copy::ServiceCopier,
    service::understood,
};

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
    /// Copy databases to files on the host, by its plugin: the dump never crosses the network
    BackupServer(BackupServerArguments),
    /// Make sure that every service has a good backup, as before something is destroyed
    EnsureBackup(EnsureArguments),
    /// List the backups in this directory, on the server and in S3
    #[command(name = "list-backups")]
    ListBackups(ListArguments),
    /// Copy a backup of the server or of S3 to this directory
    Download(DownloadArguments),
    /// Check backups: checksum, structure, engine
    Verify(VerifyArguments),
    /// Remove the backups here, on the server and in S3 that .dokku/config.yml does not keep
    Prune(PruneArguments),
    /// Replace the data of a service by a backup
    Restore(RestoreArguments),
    /// Make a service and link it to the app; one that is there is left as it is
    Create(ServiceArguments),
    /// Open the client of a service's engine; statements on standard input are passed to it
    Connect(ServiceArguments),
    /// Show what the host says of a service, without its password
    Info(ServiceArguments),
    /// Print the URL of a service, with its password
    Url(ServiceArguments),
    /// Make another service the app's database, such as one that restore --into has made
    Promote(PromoteArguments),
}

/// What `create`, `connect`, `info` and `url` take.
#[derive(Debug, Args)]
pub struct ServiceArguments {
    /// The kind of the service (postgres) or its name; create takes the kind, postgres otherwise
    pub service: Option<String>,
}

/// What `promote` takes.
#[derive(Debug, Args)]
pub struct PromoteArguments {
    /// The name of the service
    pub service: String,
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

/// What `backup-server` takes.
#[derive(Debug, Args)]
pub struct BackupServerArguments {
    /// The kind of the service (postgres) or its name; all services of the app otherwise
    #[arg(conflicts_with = "all_apps")]
    pub service: Option<String>,
    /// Back up the services of all apps but previews
    #[arg(long)]
    pub all_apps: bool,
}

/// What `ensure-backup` takes.
#[derive(Debug, Args)]
pub struct EnsureArguments {
    /// What is going to happen: the prefix of the backup's name
    #[arg(long, value_enum, default_value = "destroy")]
    pub before: super::backup::Before,
    /// A good backup younger than 60 minutes does not count
    #[arg(long)]
    pub fresh: bool,
    /// Make the backups in this directory, instead of on the host or in the bucket; `DOKKU_BACKUP_DIR`
    /// does the same
    #[arg(long, value_name = "DIR")]
    pub backup_dir: Option<PathBuf>,
}

/// What `list-backups` takes.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// Only those in this directory; no host is asked
    #[arg(long)]
    pub local: bool,
}

/// What `download` takes.
#[derive(Debug, Args)]
pub struct DownloadArguments {
    /// The backup, as list-backups names it: server:KIND/APP/FILE or s3:KIND/APP/FILE
    pub id: String,
    /// Decrypt it with the private key of age in this file
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
}

/// What `verify` takes.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// The file, an id of list-backups, or latest
    #[arg(default_value = "latest", value_name = "FILE|ID")]
    pub file: String,
    /// Check all backups of the app: here, on the server and in S3
    #[arg(long, conflicts_with = "file")]
    pub all: bool,
    /// Look into encrypted ones with the private key of age in this file
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Restore it into a scratch service on the host, count what is there, and destroy the service
    #[arg(long, conflicts_with = "all")]
    pub restore: bool,
    /// With --restore: refuse dumps of more than so many GiB
    #[arg(long, value_name = "GIB", default_value_t = 10, requires = "restore")]
    pub limit: u64,
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
    /// The file, an id of list-backups, or latest; and the service, in either order
    #[arg(required = true, num_args = 1..=2, value_name = "FILE|ID [SERVICE]")]
    pub words: Vec<String>,
    /// Decrypt it with the private key of age in this file
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Restore into a new service of this name, and leave the present one as it is
    #[arg(long, value_name = "SERVICE")]
    pub into: Option<String>,
    /// Stop the app before its data is replaced, and start it afterwards
    #[arg(long, conflicts_with = "into")]
    pub stop_app: bool,
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
        Action::BackupServer(arguments) => super::backup::on_server(
            Some(app).filter(|_| !arguments.all_apps),
            arguments.service.as_deref(),
            invocation,
        ),
        Action::EnsureBackup(arguments) => {
            let directory = arguments.backup_dir.as_deref();
            super::backup::ensure(
                &app,
                arguments.before,
                arguments.fresh,
                directory,
                invocation,
            )
        }
        Action::ListBackups(arguments) => places::list(&app, arguments.local, invocation),
        Action::Download(arguments) => download::run(&app, arguments, invocation),
        Action::Verify(arguments) if arguments.restore => {
            restore_test::run(&app, arguments, invocation)
        }
        Action::Verify(arguments) => local::verify(&app, arguments, invocation),
        Action::Prune(arguments) => prune::run(&app, arguments, invocation),
        Action::Restore(arguments) => restore::run(&app, arguments, invocation),
        Action::Create(arguments) => services::create(&app, arguments, invocation),
        Action::Connect(arguments) => services::connect(&app, arguments, invocation),
        Action::Info(arguments) => services::info(&app, arguments, invocation),
        Action::Url(arguments) => services::url(&app, arguments, invocation),
        Action::Promote(arguments) => promote::run(&app, arguments, invocation),
    }
}
