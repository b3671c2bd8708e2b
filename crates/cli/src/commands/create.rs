//! `dokku-cli create`.

use clap::Args;
use dokku_deploy::{
    audit::{Action, AuditEntry, Status},
    dokku::apps::{self, Created},
    host::Host,
};

use super::with_host;
use crate::{
    actor, exit_codes, failure::Failure, invocation::Invocation, origin, publish::recorded,
};

/// What `create` takes.
#[derive(Debug, Args)]
pub struct CreateArguments {
    /// The new app's name
    pub app: String,
}

/// Creates an app.
pub fn run(arguments: &CreateArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let app = invocation.named_app(&arguments.app)?;
    ui.info(&format!("Creating app: {app}"));
    with_host(invocation, |host, _| {
        let origin = origin::begin(&actor::name(None)?, host.name(), None);
        let entry = AuditEntry::of_app(Action::Create, &app, Status::Failure, &origin);
        recorded(entry, host, invocation, |_| {
            match apps::read_created(&host.ask(&apps::create(&app))?)? {
                Created::New => Ok(()),
                Created::Taken => Err(Failure::refused(format!(
                    "there is an app {app} on {} already",
                    host.name()
                ))
                .hint("Nothing was changed.")),
            }
        })
    })?;
    ui.success("Created");
    let domain = invocation
        .base_domain()?
        .map(|base| format!("{app}.{base}"));
    if let Some(domain) = &domain {
        ui.info(&format!("Domain: {domain}"));
    }
    if ui.is_json() {
        ui.json(&serde_json::json!({"app": app, "domain": domain}))?;
    }
    Ok(exit_codes::OK)
}
