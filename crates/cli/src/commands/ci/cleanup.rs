//! `dokku-cli ci cleanup`: `cleanup` with the inputs of a form.

use clap::Args;
use dokku_deploy::flows::cleanup::{Candidate, observe};

use super::announce;
use crate::{
    ci::{
        actions::Actions,
        api,
        github::{Existence, RepositoryName},
    },
    clock::RealClock,
    commands::{cleanup, with_host},
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    schedule::Scheduled,
};

/// What `ci cleanup` takes.
#[derive(Debug, Args)]
pub struct CiCleanupArguments {
    /// The app: it goes with its staging and development apps and its previews
    #[arg(long)]
    app: String,
    /// What was typed to confirm: the app's name; not needed for a dry run
    #[arg(long, value_name = "NAME", default_value = "")]
    confirm: String,
    /// Destroy no service
    #[arg(long)]
    keep_services: bool,
    /// Show what would be destroyed and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Clean up although the app's repository is still there, or GitHub does not say whether it is
    #[arg(long)]
    force: bool,
}

/// Cleans up, if that was confirmed.
pub fn run(arguments: &CiCleanupArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let actions = Actions::here()?;
    announce(invocation, actions.as_ref());
    if !arguments.dry_run && arguments.confirm != arguments.app {
        return Err(Failure::refused(format!(
            "confirm is {:?}, not the name of the app {:?}: nothing was changed",
            arguments.confirm, arguments.app
        )));
    }
    if !arguments.dry_run && !arguments.force {
        refuse_used(&arguments.app, actions.as_ref(), invocation)?;
    }
    let wanted = cleanup::CleanupArguments {
        app: Some(arguments.app.clone()),
        orphans: false,
        apply: false,
        max: None,
        previews: false,
        keep_services: arguments.keep_services,
        dry_run: arguments.dry_run,
        yes: true,
        scheduled: Scheduled::default(),
        safety: cleanup::Safety::default(),
    };
    cleanup::run(&wanted, invocation)
}

/// Refuses an app whose repository is there, or may be: a form is filled in by name, and names are alike.
/// Without a record the repository is the one of the app's name, whose owner is the workflow's.
fn refuse_used(
    app: &str,
    actions: Option<&Actions>,
    invocation: &Invocation<'_>,
) -> Result<(), Failure> {
    let app = invocation.named_app(app)?;
    let forced = |failure: Failure| {
        failure.hint("--force (`force` in the form) cleans up without asking GitHub.")
    };
    with_host(invocation, |host, watch| {
        let observed = observe(host, &[], &|name| *name == app)?;
        let candidate = observed
            .apps
            .get(&app)
            .map(|variables| Candidate::of(&app, variables));
        let id = candidate.as_ref().and_then(|one| one.repository_id);
        let recorded = candidate.and_then(|one| one.repository);
        let by_name = actions.map(|run| format!("{}/{app}", run.repository.owner()));
        let name = recorded.or(by_name);
        let Some(name) = name.as_deref().and_then(RepositoryName::parse) else {
            return Err(forced(Failure::refused(format!(
                "which repository {app} is deployed from is not recorded: whether it is still there is not known"
            ))));
        };
        let clock = RealClock::new(watch.clone());
        let existence = api::client(&clock)
            .map_err(forced)?
            .existence(&name, id)
            .map_err(|error| forced(api::failure(&error).hint("Nothing was destroyed.")))?;
        match existence {
            Existence::Gone => Ok(()),
            Existence::There(repository) => Err(forced(Failure::refused(format!(
                "{app} belongs to {}, which is still there: nothing was changed",
                repository.full_name
            )))),
            Existence::Unknown { why } => Err(forced(Failure::new(
                exit_codes::HOST,
                format!(
                    "whether {name}, which {app} belongs to, is still there is not known: {why}; nothing was changed"
                ),
            ))),
        }
    })
}
