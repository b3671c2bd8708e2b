//! `dokku-cli destroy`: one app, by its name typed in full.

use clap::Args;
use dokku_deploy::{
    audit::{Action, AuditEntry, Status},
    flows::cleanup::{self, Scope},
    host::Host,
};
use jiff::Timestamp;

use super::{
    missing,
    safety::Safety,
    teardown::{Teardown, refused, tell},
    with_host,
};
use crate::{
    actor, exit_codes, failure::Failure, invocation::Invocation, origin,
    publish::recorded_unless_dry,
};

/// What `destroy` takes.
#[derive(Debug, Args)]
pub struct DestroyArguments {
    /// The app; otherwise the repository's name
    pub app: Option<String>,
    /// Destroy the services that only this app uses, too
    #[arg(long)]
    pub with_services: bool,
    /// The app's name once more, instead of typing it at the terminal
    #[arg(long, value_name = "APP")]
    pub confirm: Option<String>,
    /// How the data is safe
    #[command(flatten)]
    pub safety: Safety,
    /// Show what would be destroyed and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Destroys an app. Its services stay unless they are asked for too.
pub fn run(arguments: &DestroyArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let app = invocation.app(arguments.app.as_deref())?;
    let scope = Scope {
        app: true,
        environments: false,
        previews: false,
        keep_services: !arguments.with_services,
    };
    let gone = with_host(invocation, |host, watch| {
        let origin = origin::begin(&actor::name(None)?, host.name(), None);
        let entry = AuditEntry::of_app(Action::Destroy, &app, Status::Failure, &origin);
        let act = |entry: &mut AuditEntry| {
            let observed = cleanup::observe(host, &[], &|name| *name == app)?;
            if !observed.apps.contains_key(&app) {
                return Err(missing(&app, host.name()));
            }
            let plan = cleanup::plan(&app, scope, &observed, Timestamp::now())
                .map_err(|refusal| refused(&refusal))?;
            ui.warning(&format!(
                "This will PERMANENTLY delete {app} and all its data!"
            ));
            tell(&plan, ui);
            if arguments.dry_run {
                return Ok(None);
            }
            confirm(app.as_str(), arguments, invocation)?;
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
    let Some(gone) = gone else {
        return Ok(exit_codes::OK);
    };
    gone.tell(invocation)?;
    ui.success(&format!("Destroyed {app}"));
    Ok(exit_codes::OK)
}

fn confirm(
    app: &str,
    arguments: &DestroyArguments,
    invocation: &Invocation<'_>,
) -> Result<(), Failure> {
    let typed = match &arguments.confirm {
        Some(typed) => Some(typed.clone()),
        None => invocation.ui.type_in("Type the app name to confirm: ")?,
    };
    match typed.as_deref() {
        Some(typed) if typed == app => Ok(()),
        Some(_) => Err(Failure::refused("Confirmation failed. Aborting.")),
        None => Err(
            Failure::refused(format!("{app} stays: nobody is there to confirm"))
                .hint(format!("Without a terminal: --confirm {app}")),
        ),
    }
}
