//! `dokku-cli cleanup`: an app with everything that belongs to it, or all orphans.

mod orphans;

use clap::Args;
use dokku_deploy::{
    audit::{Action, AuditEntry, Status, key},
    flows::cleanup::{self, Plan, Scope, may_belong},
    host::Host,
};
use jiff::Timestamp;

pub use super::safety::Safety;
use super::{
    ci::reconcile,
    teardown::{Gone, Teardown, lines, refused, tell},
    with_host,
};
use crate::{
    actor, ci::actions::Actions, clock::RealClock, exit_codes, failure::Failure, interrupt::Watch,
    invocation::Invocation, origin, publish::recorded_unless_dry, schedule::Scheduled,
};

/// What `cleanup` takes.
#[derive(Debug, Args)]
pub struct CleanupArguments {
    /// The app: it goes with its staging and development apps and its previews
    #[arg(required_unless_present = "orphans", conflicts_with = "orphans")]
    pub app: Option<String>,
    /// Instead: all apps whose pull request is closed or whose repository is gone, says GitHub
    #[arg(long, conflicts_with = "previews")]
    pub orphans: bool,
    /// With --orphans: destroy apps whose repository is gone, and was so a week ago too. Without it they
    /// are only reported; previews of closed pull requests go in any case
    #[arg(long, requires = "orphans")]
    pub apply: bool,
    /// With --orphans: so many apps may go at once; otherwise 3, and no more than a fifth of all
    #[arg(long, value_name = "N", requires = "orphans")]
    pub max: Option<usize>,
    /// Only the previews of the app
    #[arg(long)]
    pub previews: bool,
    /// Destroy no service
    #[arg(long)]
    pub keep_services: bool,
    /// Show what would be destroyed and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// How the data is safe
    #[command(flatten)]
    pub safety: Safety,
    /// The schedule, with --orphans.
    #[command(flatten)]
    pub scheduled: Scheduled,
}

/// Cleans up.
pub fn run(arguments: &CleanupArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    if arguments.orphans {
        let orphans = || {
            let code = orphans::run(arguments, invocation)?;
            if !arguments.dry_run {
                reconcile(&RealClock::new(Watch::begin()?), invocation)?;
            }
            Ok(code)
        };
        // A look is no run of the schedule.
        return if arguments.dry_run {
            orphans()
        } else {
            arguments.scheduled.run("orphans", invocation, orphans)
        };
    }
    if arguments.scheduled.every.is_some() {
        return Err(Failure::usage("--every belongs to --orphans"));
    }
    let ui = invocation.ui;
    let app = invocation.app(arguments.app.as_deref())?;
    let scope = Scope {
        app: !arguments.previews,
        environments: !arguments.previews,
        previews: true,
        keep_services: arguments.keep_services,
    };
    let gone = with_host(invocation, |host, watch| {
        let origin = origin::begin(&actor::name(None)?, host.name(), None);
        let entry = AuditEntry::of_app(Action::Cleanup, &app, Status::Failure, &origin);
        let act = |entry: &mut AuditEntry| {
            let absent = [app.clone()];
            let observed = cleanup::observe(host, &absent, &|name| may_belong(&app, name))?;
            let plan = cleanup::plan(&app, scope, &observed, Timestamp::now())
                .map_err(|refusal| refused(&refusal))?;
            if arguments.dry_run {
                show(&plan, invocation)?;
                return Ok(None);
            }
            if plan.is_empty() {
                tell(&plan, ui);
                ui.success(&format!("{app} has nothing on {} to clean up", host.name()));
                entry.set(key::APPS, Vec::<String>::new());
                return Ok(Some(Gone {
                    left_alone: plan.left_alone,
                    ..Gone::default()
                }));
            }
            ui.caution(&format!("Cleaning up {app} on {}:", host.name()));
            tell(&plan, ui);
            confirm(app.as_str(), arguments.yes, invocation)?;
            let teardown = Teardown {
                host,
                watch,
                invocation,
                safety: &arguments.safety,
            };
            teardown.run(&plan, &observed, entry).map(Some)
        };
        recorded_unless_dry(arguments.dry_run, entry, host, invocation, act)
    })?;
    if let Some(gone) = gone {
        gone.tell(invocation)?;
        tell_workflow(&gone, invocation);
    }
    Ok(exit_codes::OK)
}

fn show(plan: &Plan, invocation: &Invocation<'_>) -> Result<(), Failure> {
    let ui = invocation.ui;
    if ui.is_json() {
        let names = |plan: &Plan| -> (Vec<String>, Vec<String>) {
            let apps = plan.apps.iter().filter(|one| one.exists);
            let services = plan.apps.iter().flat_map(|one| &one.services);
            (
                apps.map(|one| one.app.to_string()).collect(),
                services.map(|service| service.name.to_string()).collect(),
            )
        };
        let (apps, services) = names(plan);
        return ui.json(&serde_json::json!({
            "dry_run": true,
            "would_destroy": {"apps": apps, "services": services},
            "left_alone": plan.left_alone.iter().map(|(app, why)| serde_json::json!({"name": app, "why": why})).collect::<Vec<_>>(),
        }));
    }
    if plan.is_empty() {
        ui.result("[DRY RUN] Would destroy nothing")?;
    }
    for line in lines(plan, "[DRY RUN] Would do:") {
        ui.result(&crate::ui::visible(&line))?;
    }
    Ok(())
}

/// The app's name has to be typed, or `--yes` given.
pub fn confirm(app: &str, yes: bool, invocation: &Invocation<'_>) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    match invocation.ui.type_in("Type the app name to confirm: ")? {
        Some(typed) if typed == app => Ok(()),
        Some(_) => Err(Failure::refused("Confirmation failed. Aborting.")),
        None => Err(Failure::refused(format!(
            "{app} was not cleaned up: nobody is there to confirm"
        ))
        .hint("Look at what is said above, then confirm with --yes.")),
    }
}

/// In a run of GitHub Actions: how much is gone, for later steps.
fn tell_workflow(gone: &Gone, invocation: &Invocation<'_>) {
    let told = Actions::here().and_then(|actions| {
        let Some(actions) = actions else {
            return Ok(());
        };
        actions.set_outputs(&[
            ("apps_destroyed", &gone.done.apps.len().to_string()),
            ("services_destroyed", &gone.done.services.len().to_string()),
        ])
    });
    if let Err(failure) = told {
        invocation.ui.warning(&failure.message);
    }
}
