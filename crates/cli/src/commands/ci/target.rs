//! `dokku-cli ci target`: where this run deploys to.

use std::env;

use clap::Args;
use dokku_deploy::app::{AppName, Environment};

use crate::{
    ci::actions::Actions, commands::deploy::wish, exit_codes, failure::Failure,
    invocation::Invocation, project::Project, repository::Repository,
};

/// What `ci target` takes.
#[derive(Debug, Args)]
pub struct TargetArguments {
    /// The branch; otherwise the one that was pushed, or that is checked out
    #[arg(long)]
    branch: Option<String>,
}

/// An app and what it is for.
#[derive(Debug)]
pub(super) struct Target {
    pub app: AppName,
    pub environment: Environment,
}

/// Says it, as a line and as outputs of the step.
pub fn run(arguments: &TargetArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let actions = Actions::here()?;
    let target = of(actions.as_ref(), arguments.branch.as_deref())?;
    let url = invocation
        .base_domain()?
        .map(|domain| format!("https://{}.{domain}", target.app))
        .unwrap_or_default();
    let (app, environment) = (target.app.as_str(), target.environment.as_str());
    if let Some(actions) = &actions {
        actions.set_outputs(&[("app", app), ("environment", environment), ("url", &url)])?;
    }
    if invocation.ui.is_json() {
        invocation
            .ui
            .json(&serde_json::json!({"app": app, "environment": environment, "url": url}))?;
    } else {
        invocation
            .ui
            .result(&format!("{app} {environment} {url}"))?;
    }
    Ok(exit_codes::OK)
}

/// The target of the run's branch, by the project's own mapping.
pub(super) fn of(actions: Option<&Actions>, branch: Option<&str>) -> Result<Target, Failure> {
    let repository = Repository::here()?;
    let here = env::current_dir()?;
    let project = match &repository {
        Some(repository) => Project::at(repository.top())?,
        None => Project::around(&here)?,
    };
    let pushed = actions.and_then(|actions| actions.branch.clone());
    let checked_out = || match &repository {
        Some(repository) => repository.branch(),
        None => Ok(None),
    };
    let branch = match branch.map(str::to_owned).or(pushed) {
        Some(branch) => branch,
        None => checked_out()?.ok_or_else(|| {
            Failure::settings("No branch says where to deploy").hint("Name it with --branch.")
        })?,
    };
    let name = match (actions, &repository) {
        (Some(actions), _) => actions.repository.name().to_owned(),
        (None, Some(repository)) => repository.name(),
        (None, None) => return Err(Failure::settings("Not in a git repository")),
    };
    let environment = project.settings()?.branches().environment(&branch)?;
    Ok(Target {
        app: wish::app_by_name_of(&name, environment, None)?,
        environment,
    })
}
