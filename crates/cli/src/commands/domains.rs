//! `dokku-cli domains`: the names under which an app is reached.

use clap::Args;
use dokku_deploy::{
    app::AppName,
    audit::Action,
    dokku::{domains, report::Form},
    host::Host,
    settings::domain_name,
};
use serde_json::json;

use super::{
    app_command::{Change, perform},
    app_words::Words,
    missing, with_host,
};
use crate::{exit_codes, failure::Failure, invocation::Invocation, ui::visible};

/// What `domains` takes.
#[derive(Debug, Args)]
#[command(override_usage = "dokku-cli domains [OPTIONS] [APP] [add|remove <DOMAIN>...]")]
pub struct DomainsArguments {
    /// The app, then `add` or `remove` and domains; `add APP DOMAIN` is understood too. Without an
    /// action the domains are shown
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
}

/// Shows, adds or removes domains.
pub fn run(arguments: &DomainsArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let words = Words::read(
        "domains",
        &arguments.words,
        &["add", "remove"],
        1,
        invocation,
    )?;
    let app = invocation.app(words.app)?;
    let Some(action) = words.action else {
        return show(&app, invocation);
    };
    let mut names = Vec::new();
    for word in words.others {
        names.push(
            domain_name(word)
                .map_err(|why| Failure::usage(format!("{word:?} is no domain name: {why}")))?,
        );
    }
    let named = names.join(", ");
    let (command, doing, done) = if action == "add" {
        let doing = format!("Adding domain {named} to {app}...");
        (domains::add(&app, &names), doing, "Domain added")
    } else {
        let doing = format!("Removing domain {named} from {app}...");
        (domains::remove(&app, &names), doing, "Domain removed")
    };
    invocation.ui.info(&doing);
    let change = Change {
        app: &app,
        action: Action::Domains,
        what: format!("{action} {}", names.join(" ")),
        done,
    };
    perform(&command, &change, invocation)
}

fn show(app: &AppName, invocation: &Invocation) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let domains = with_host(invocation, |host, _| {
        domains::read(&host.ask(&domains::report(app, Form::Text))?)?
            .ok_or_else(|| missing(app, host.name()))
    })?;
    if ui.is_json() {
        ui.json(&json!({
            "app": app,
            "enabled": domains.is_enabled,
            "domains": domains.app,
            "global": domains.global,
        }))?;
        return Ok(exit_codes::OK);
    }
    ui.header(&format!("Domains: {app}"));
    if !domains.is_enabled {
        ui.warning("The app is not reached by its domains: they are disabled on the host");
    }
    if domains.app.is_empty() {
        ui.plain("  No domains");
    }
    for domain in &domains.app {
        ui.result(&visible(domain))?;
    }
    Ok(exit_codes::OK)
}
