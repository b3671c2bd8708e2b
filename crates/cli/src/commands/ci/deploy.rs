//! `dokku-cli ci deploy`.

use clap::Args;
use dokku_deploy::settings::Inputs;

use super::{announce, announcement::Announcement, target};
use crate::{
    ci::actions::Actions,
    clock::RealClock,
    commands::deploy::{self, DeployArguments},
    failure::Failure,
    interrupt::Watch,
    invocation::Invocation,
};

/// What `ci deploy` takes: all that `deploy` does, and the inputs of the workflow.
#[derive(Debug, Args)]
pub struct CiDeployArguments {
    /// As for `deploy`.
    #[command(flatten)]
    deploy: DeployArguments,
    /// The path that the health check asks, instead of the settings'; empty is not given
    #[arg(long, value_name = "PATH")]
    health_check_path: Option<String>,
    /// Memory of each process, such as 512m, instead of the settings'; empty is not given
    #[arg(long, value_name = "AMOUNT")]
    memory: Option<String>,
    /// Processors of each process, such as 0.5, instead of the settings'; empty is not given
    #[arg(long, value_name = "NUMBER")]
    cpu: Option<String>,
}

/// Deploys, and tells GitHub what is being done and what came of it.
pub fn run(arguments: &CiDeployArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let actions = Actions::here()?;
    let mut wanted = arguments.deploy.clone();
    wanted.inputs = Inputs {
        health_check_path: arguments.health_check_path.clone(),
        memory: arguments.memory.clone(),
        cpu: arguments.cpu.clone(),
    };
    let Some(actions) = actions else {
        ui.info(
            "This is no run of GitHub Actions: no commit status, deployment, comment, summary or outputs",
        );
        return deploy::run(&wanted, invocation);
    };
    announce(invocation, Some(&actions));
    wanted.repository = Some(actions.repository.name().to_owned());
    let says_where = wanted.env.is_some() || wanted.pr.is_some() || wanted.app.is_some();
    if !says_where && wanted.branch.is_none() && actions.branch.is_some() {
        wanted.env = Some(target::of(Some(&actions), None)?.environment);
    }
    let watch = Watch::begin()
        .map_err(|error| Failure::internal(format!("signals cannot be listened to: {error}")))?;
    let clock = RealClock::new(watch);
    let github = actions.github(&clock)?;
    if github.is_none() {
        ui.warning("GITHUB_TOKEN is not set: no commit status, deployment or comment");
    }
    let mut announcement = Announcement::new(ui, &actions, github, None);
    let result = deploy::watched(&wanted, invocation, &mut announcement);
    announcement.close(result.as_ref().err());
    result
}
