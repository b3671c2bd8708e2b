//! The command line. Clap lives here, in what stands around it (`global.rs`, `dispatch.rs`, `program.rs`) and in `commands/`.
#![allow(
    clippy::doc_markdown,
    reason = "the texts here are the help that people read"
)]

use clap::{Parser, Subcommand};

use crate::{
    commands,
    global::{Global, VERSION},
};

/// Developer tools for Dokku deployments
///
/// APP may be left out in a git repository: then it is the repository's name. Aliases of the
/// settings file ~/.dokku-cli work wherever APP does.
#[derive(Debug, Parser)]
#[command(name = "dokku-cli", version = VERSION, max_term_width = 100)]
pub struct Arguments {
    /// Options for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// One verb.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Deploy an app from this repository
    #[command(visible_alias = "push")]
    Deploy(Box<commands::deploy::DeployArguments>),
    /// Check the settings in .dokku/ without asking a host
    Validate(commands::validate::ValidateArguments),
    /// Show what went live, when and by whom
    Releases(commands::releases::ReleasesArguments),
    /// Go back to an earlier release
    #[command(visible_alias = "rb")]
    Rollback(commands::rollback::RollbackArguments),
    /// List the apps of the host
    #[command(visible_alias = "ls")]
    List,
    /// Create an app
    Create(commands::create::CreateArguments),
    /// Destroy an app; its services stay unless asked for
    #[command(visible_alias = "delete")]
    Destroy(commands::destroy::DestroyArguments),
    /// Destroy an app with its staging and development apps, its previews and their services
    Cleanup(commands::cleanup::CleanupArguments),
    /// Block deploys of an app, with a reason
    Lock(commands::lock::LockArguments),
    /// Allow deploys of an app again
    Unlock(commands::lock::UnlockArguments),
    /// Show whether an app may be deployed (exit code 0: yes, 4: locked, 5: cannot tell)
    #[command(name = "lock:status", visible_alias = "lock-status")]
    LockStatus(commands::process::AppArguments),
    /// Show the locks of all apps of the host
    Locks,
    /// Show an app's log
    Logs(commands::process::LogsArguments),
    /// Follow an app's log
    #[command(name = "logs:follow", visible_alias = "lf")]
    LogsFollow(commands::process::AppArguments),
    /// Show an app's variables
    Config(commands::config::ShowArguments),
    /// Set variables of an app
    #[command(name = "config:set", visible_alias = "config-set")]
    ConfigSet(commands::config::SetArguments),
    /// Unset variables of an app
    #[command(name = "config:unset", visible_alias = "config-unset")]
    ConfigUnset(commands::config::UnsetArguments),
    /// Run a command in a fresh container of an app
    Run(commands::run::RunArguments),
    /// Restart an app
    Restart(commands::process::AppArguments),
    /// Start an app
    Start(commands::process::AppArguments),
    /// Stop an app
    Stop(commands::process::AppArguments),
    /// Show or change how many processes an app runs
    Scale(commands::process::ScaleArguments),
    /// Open a shell in a running container of an app
    #[command(visible_alias = "sh")]
    Shell(commands::shell::ShellArguments),
    /// Show or change the domains of an app
    Domains(commands::domains::DomainsArguments),
    /// Show an app's certificate, get one of Let's Encrypt, or give it up
    Ssl(commands::ssl::SslArguments),
    /// Show an app's processes, domains, certificate and limits
    #[command(visible_alias = "status")]
    Info(commands::process::AppArguments),
    /// Write the settings file ~/.dokku-cli
    Setup,
    /// Check this machine and the host
    Doctor,
    /// List or change short names for apps
    Alias(commands::alias::AliasArguments),
    /// Back up an app's databases, and restore them
    Db(commands::db::DbArguments),
    /// Write what a project needs to be deployed: settings, workflows, a Procfile
    Init(commands::init::InitArguments),
    /// Do what a host needs now and then
    Maintain(commands::maintain::MaintainArguments),
    /// What a workflow calls: deploy with everything that GitHub shows of it
    Ci(commands::ci::CiArguments),
    /// Back up the databases of all apps, on the server and in S3
    Backup(commands::backup::BackupArguments),
    /// Print the completions for a shell
    Completions(commands::completions::CompletionsArguments),
    /// Install, show or remove the plugin that enforces locks on the host
    Server(commands::server::ServerArguments),
    /// Show what was done to the host's apps, by whom, and what came of it; check that record
    Audit(commands::audit::AuditArguments),
    /// Write the pages of the manual, for packages
    #[command(hide = true)]
    Manual(commands::manual::ManualArguments),
    /// The page of all apps: check, build, serve, publish
    Dashboard(commands::dashboard::DashboardArguments),
    /// Try whether notifications arrive
    Notify(commands::notify::NotifyArguments),
    /// What the Dokku plugin runs on the host
    #[command(hide = true)]
    Plugin(commands::plugin::PluginArguments),
    /// Print the version
    Version,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
