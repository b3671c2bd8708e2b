//! `dokku-cli dashboard …`: the page of all apps, and the data behind it.
#![allow(
    clippy::doc_markdown,
    reason = "the texts of the arguments are the help that people read"
)]

mod build;
mod check;
mod publish;
mod serve;
mod sources;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use crate::{failure::Failure, global::duration, invocation::Invocation, schedule::Scheduled};

/// What `dashboard` takes.
#[derive(Debug, Args)]
pub struct DashboardArguments {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What can be done with the dashboard.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Ask every app for its health now (exit code 0: all healthy, 6: some are not)
    Check(CheckArguments),
    /// Write page and data into a directory
    Build(BuildArguments),
    /// Show the page on this machine, and check again and again
    Serve(ServeArguments),
    /// Merge page and data into the data branch and push it
    Publish(PublishArguments),
}

/// Where the data comes from.
#[derive(Debug, Args)]
pub struct SourceArguments {
    /// Do not ask the Dokku host; take what the data says
    #[arg(long)]
    pub no_host: bool,
    /// Take earlier data from this directory instead of the data branch
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The repository of the data branch: owner/name or an address [env: DASHBOARD_REPOSITORY]
    /// [default: dashboard.repository in .dokku/config.yml]
    #[arg(long, value_name = "REPOSITORY")]
    pub repository: Option<String>,
    /// The data branch [default: dashboard.branch in .dokku/config.yml, else gh-pages]
    #[arg(long, value_name = "BRANCH")]
    pub branch: Option<String>,
}

/// How apps are asked.
#[derive(Debug, Args)]
pub struct AskArguments {
    /// The path to ask for [default: the app's own health path where it is known, else /]
    #[arg(long, value_name = "PATH", value_parser = path)]
    pub path: Option<String>,
    /// How many apps are asked at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub at_once: u16,
}

/// What `dashboard check` takes.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Only these apps
    pub apps: Vec<String>,
    /// Where the data comes from.
    #[command(flatten)]
    pub sources: SourceArguments,
    /// How apps are asked.
    #[command(flatten)]
    pub ask: AskArguments,
    /// Write the results to the data branch
    #[arg(long)]
    pub publish: bool,
    /// The schedule.
    #[command(flatten)]
    pub scheduled: Scheduled,
}

/// What `dashboard build` takes.
#[derive(Debug, Args)]
pub struct BuildArguments {
    /// The directory; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Check the apps too
    #[arg(long)]
    pub check: bool,
    /// Where the data comes from.
    #[command(flatten)]
    pub sources: SourceArguments,
    /// How apps are asked.
    #[command(flatten)]
    pub ask: AskArguments,
}

/// What `dashboard serve` takes.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// The port on 127.0.0.1 [default: any that is free]
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Open it in the browser
    #[arg(long)]
    pub open: bool,
    /// How often the apps are checked, such as 30s
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    pub every: Duration,
    /// Where the data comes from.
    #[command(flatten)]
    pub sources: SourceArguments,
    /// How apps are asked.
    #[command(flatten)]
    pub ask: AskArguments,
}

/// What `dashboard publish` takes.
#[derive(Debug, Args)]
pub struct PublishArguments {
    /// Check the apps too
    #[arg(long)]
    pub check: bool,
    /// Use a branch that holds other files already; they stay
    #[arg(long)]
    pub adopt: bool,
    /// Where the data comes from.
    #[command(flatten)]
    pub sources: SourceArguments,
    /// How apps are asked.
    #[command(flatten)]
    pub ask: AskArguments,
}

/// Runs one of them.
pub fn run(arguments: &DashboardArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    match &arguments.verb {
        Verb::Check(arguments) => check::run(arguments, invocation),
        Verb::Build(arguments) => build::run(arguments, invocation),
        Verb::Serve(arguments) => serve::run(arguments, invocation),
        Verb::Publish(arguments) => publish::run(arguments, invocation),
    }
}

fn path(given: &str) -> Result<String, String> {
    if given.starts_with('/') && !given.contains(char::is_whitespace) {
        Ok(given.to_owned())
    } else {
        Err("a path begins with / and has no blanks".to_owned())
    }
}
