//! `dokku-cli deploy`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use crate::{args, failure::Failure, invocation::Invocation};

/// What `deploy` takes.
#[derive(Debug, Args)]
pub struct DeployArguments {
    /// The app; otherwise it follows from the repository and the branch
    pub app: Option<String>,
    /// The branch to deploy; otherwise what is checked out
    pub branch: Option<String>,
    /// production, staging, development or preview; otherwise it follows from the branch
    #[arg(long, value_name = "ENV")]
    pub env: Option<dokku_deploy::app::Environment>,
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Answer every question with yes
    #[arg(long, short)]
    pub yes: bool,
    /// The most time that the whole deploy may take
    #[arg(long, value_name = "DURATION", value_parser = args::duration)]
    pub timeout: Option<Duration>,
    /// Wait for another deploy of the app to end instead of refusing
    #[arg(long)]
    pub wait: bool,
    /// A variable for the app; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub var: Vec<String>,
    /// A JSON object with variables for the app
    #[arg(long, value_name = "FILE")]
    pub vars_file: Option<PathBuf>,
    /// Finish what a killed deploy left
    #[arg(long, conflicts_with = "abort")]
    pub resume: bool,
    /// Undo what a killed deploy left
    #[arg(long)]
    pub abort: bool,
}

/// Deploys.
pub fn run(_: &DeployArguments, _: &Invocation) -> Result<u8, Failure> {
    Err(Failure::internal("`deploy` is not part of this build"))
}
