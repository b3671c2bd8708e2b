//! The command line. Clap lives here and in `commands/` only.
#![allow(
    clippy::doc_markdown,
    reason = "the texts here are the help that people read"
)]

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::commands;

/// The version as people see it.
pub const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));

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

/// Options that every command takes, before or after its name.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The Dokku host: HOST, USER@HOST or HOST:PORT [env: DOKKU_HOST]
    #[arg(long, global = true, value_name = "HOST")]
    pub host: Option<String>,
    /// The ssh key to use instead of ssh's own choice [env: SSH_KEY]
    #[arg(long, global = true, value_name = "FILE")]
    pub ssh_key: Option<String>,
    /// The domain under which apps get theirs [env: BASE_DOMAIN]
    #[arg(long, global = true, value_name = "DOMAIN")]
    pub base_domain: Option<String>,
    /// How long the host may be silent before it counts as unreachable, such as 15s [env: DOKKU_TIMEOUT]
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub connect_timeout: Option<Duration>,
    /// Print one machine-readable result on standard output (what `logs`, `run` and `shell` pass on
    /// stays as it is) [env: OUTPUT_FORMAT=json]
    #[arg(long, global = true)]
    pub json: bool,
    /// Print results, warnings and errors only [env: QUIET_MODE=true]
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Tell more about what is being done
    #[arg(short, long, global = true)]
    pub verbose: bool,
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

/// Reads a time such as `90`, `90s`, `2m`, `1h 30m` or `2d`; a bare number is seconds, a day 24 hours.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time such as 90s, 2m, \"1h 30m\" or 2d");
    let time = if let Ok(seconds) = text.trim().parse::<u32>() {
        Duration::from_secs(seconds.into())
    } else {
        let span: jiff::Span = text.parse().map_err(|_| wrong())?;
        span.to_duration(jiff::SpanRelativeTo::days_are_24_hours())
            .and_then(Duration::try_from)
            .map_err(|_| wrong())?
    };
    if time.is_zero() {
        return Err("it has to be longer than nothing".to_owned());
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_mins(90)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5h"), Ok(Duration::from_mins(90)));
        assert_eq!(duration("2d 1h"), Ok(Duration::from_hours(49)));
        assert_eq!(duration("1w"), Ok(Duration::from_hours(7 * 24)));
        for wrong in ["", "soon", "-5s", "0", "0s", "1.5x", "1mo", "1y"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }
}
