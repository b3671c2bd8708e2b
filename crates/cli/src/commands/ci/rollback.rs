//! `dokku-cli ci rollback`: `rollback` with the inputs of a form.

use clap::Args;
use dokku_deploy::{
    app::Environment,
    github::{refusal_summary, rollback_summary},
    naming::Target,
};

use super::{announce, announcement::set_outputs};
use crate::{
    ci::actions::Actions,
    commands::{deploy::wish, rollback},
    failure::Failure,
    invocation::Invocation,
    repository::Repository,
};

/// What has to be typed.
const WORD: &str = "ROLLBACK";

/// What `ci rollback` takes. An empty text is not given.
#[derive(Debug, Args)]
pub struct CiRollbackArguments {
    /// The app; otherwise the one of the repository in the environment
    #[arg(long, default_value = "")]
    app: String,
    /// The environment, where no app is given
    #[arg(long, value_name = "ENV", default_value = "production")]
    env: Environment,
    /// The release: vN, N or a commit; otherwise the one before
    #[arg(long, default_value = "", value_name = "vN|SHA")]
    release: String,
    /// What was typed to confirm: ROLLBACK
    #[arg(long, value_name = "WORD")]
    confirm: String,
}

/// Rolls back, if that was confirmed.
pub fn run(arguments: &CiRollbackArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let actions = Actions::here()?;
    announce(invocation, actions.as_ref());
    if arguments.confirm != WORD {
        return Err(Failure::refused(format!(
            "confirm is {:?}, not {WORD}: nothing was changed",
            arguments.confirm
        )));
    }
    let app = if arguments.app.is_empty() {
        let name = match (&actions, Repository::here()?) {
            (Some(actions), _) => actions.repository.name().to_owned(),
            (None, Some(repository)) => repository.name(),
            (None, None) => {
                return Err(Failure::usage(
                    "No app is given and this is no git repository",
                ));
            }
        };
        if Target::of(arguments.env, None).is_none() {
            return Err(Failure::usage(
                "A preview is rolled back by its app's name: give --app",
            ));
        }
        wish::app_by_name_of(&name, arguments.env, None)?.to_string()
    } else {
        arguments.app.clone()
    };
    let release = match arguments.release.as_str() {
        "" => "previous",
        given => given,
    };
    let wanted = rollback::RollbackArguments::confirmed(app.clone(), release);
    let Some(actions) = actions else {
        invocation
            .ui
            .info("This is no run of GitHub Actions: no summary or outputs");
        return rollback::run(&wanted, invocation);
    };
    let mut is_told = false;
    let ui = invocation.ui;
    let warn = |result: Result<(), Failure>| {
        if let Err(failure) = result {
            ui.warning(&failure.message);
        }
    };
    let result = rollback::watched(&wanted, invocation, &mut |deployment, target| {
        is_told = true;
        ui.end_group();
        warn(actions.add_summary(&rollback_summary(deployment, target.version)));
        warn(set_outputs(&actions, deployment));
    });
    if let (Err(failure), false) = (&result, is_told) {
        warn(actions.add_summary(&refusal_summary(&app, "rolled back", &failure.message)));
        warn(actions.set_outputs(&[("app", &app), ("result", "refused")]));
    }
    result
}
