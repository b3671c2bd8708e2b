//! `dokku-cli db APP create|connect|info|url`: the services behind an app.

use std::io::IsTerminal;

use dokku_deploy::{
    app::AppName,
    audit::{Action, key},
    command::DokkuCommand,
    dokku::datastore::{self, Created, Image},
    host::Host,
    service::{ServiceKind, ServiceName},
};
use serde_json::json;

use super::{ServiceArguments, record, service};
use crate::{
    commands::{app_command, missing, with_host},
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    publish::recorded,
    ui::visible,
};

/// Makes a service and links it. What is there already is left as it is.
pub fn create(
    app: &AppName,
    arguments: &ServiceArguments,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let given = arguments.service.as_deref().unwrap_or("postgres");
    let kind: ServiceKind =
        given
            .parse()
            .map_err(|error: dokku_deploy::service::UnknownService| {
                Failure::usage(error.to_string())
            })?;
    let name = ServiceName::of(kind, app);
    let (is_new, is_newly_linked) = with_host(invocation, |host, _| {
        let mut entry = record::entry(Action::ServerConfig, app, host)?;
        entry.set(key::SERVICE, name.as_str());
        entry.set(key::SERVICE_KIND, kind.as_str());
        entry.set(key::CHANGE, "create");
        recorded(entry, host, invocation, |_| {
            // Nothing is made for an app that is not there.
            datastore::read_app_links(&host.ask(&datastore::app_links(kind, app))?)?
                .ok_or_else(|| missing(app, host.name()))?;
            ui.info(&format!("Creating {kind} database: {name}"));
            let answer = host.ask(&datastore::create(kind, &name, &Image::default()))?;
            let is_new = datastore::read_created(&answer)? == Created::New;
            let answer = host.ask(&datastore::link(kind, &name, app))?;
            let is_newly_linked =
                matches!(datastore::read_linked(&answer)?, datastore::Linked::New);
            Ok((is_new, is_newly_linked))
        })
    })?;
    if ui.is_json() {
        ui.json(&json!({
            "app": app, "kind": kind, "service": name.as_str(),
            "is_new": is_new, "is_newly_linked": is_newly_linked,
        }))?;
    }
    ui.success(match (is_new, is_newly_linked) {
        (true, _) => "Database created and linked",
        (false, true) => "Database was there already; it is linked now",
        (false, false) => "Database was there and linked already",
    });
    if is_newly_linked {
        ui.info(&format!(
            "{app} sees its address from the next deploy or restart on"
        ));
    }
    Ok(exit_codes::OK)
}

/// Opens the engine's client: on a terminal for people, else for what comes on standard input.
pub fn connect(
    app: &AppName,
    arguments: &ServiceArguments,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    with_host(invocation, |host, _| {
        let (kind, name) = service::find_any(host, app, arguments.service.as_deref())?;
        invocation.ui.info(&format!("Connecting to {name}..."));
        let command = DokkuCommand::new(format!("{kind}:connect")).arg(name.as_str());
        let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        Ok(app_command::code(host.lend(&command, is_terminal)?))
    })
}

/// Shows what the host says of a service, without its password.
pub fn info(
    app: &AppName,
    arguments: &ServiceArguments,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let (kind, name, text) = with_host(invocation, |host, _| {
        let (kind, name) = service::find_any(host, app, arguments.service.as_deref())?;
        let text = datastore::read_description(&host.ask(&datastore::info(kind, &name))?)?
            .ok_or_else(|| gone(&name))?;
        Ok((kind, name, text))
    })?;
    if ui.is_json() {
        let facts: serde_json::Map<String, serde_json::Value> = text
            .iter()
            .map(|(label, value)| (label.to_lowercase().replace(' ', "_"), json!(value)))
            .collect();
        ui.json(&json!({"app": app, "kind": kind, "service": name.as_str(), "info": facts}))?;
        return Ok(exit_codes::OK);
    }
    ui.header(&format!("Database: {name}"));
    for (label, value) in text {
        ui.result(&visible(&format!("  {:<20} {value}", format!("{label}:"))))?;
    }
    Ok(exit_codes::OK)
}

/// Prints a service's URL with its password: the result, and nothing else.
pub fn url(
    app: &AppName,
    arguments: &ServiceArguments,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let (name, url) = with_host(invocation, |host, _| {
        let (kind, name) = service::find_any(host, app, arguments.service.as_deref())?;
        let url = datastore::read_dsn(&host.ask(&datastore::dsn(kind, &name))?)?
            .ok_or_else(|| gone(&name))?;
        Ok((name, url))
    })?;
    if ui.is_json() {
        ui.json(&json!({"app": app, "service": name.as_str(), "url": url.expose()}))?;
    } else {
        ui.result(&visible(url.expose()))?;
    }
    Ok(exit_codes::OK)
}

fn gone(name: &ServiceName) -> Failure {
    Failure::new(exit_codes::HOST, format!("there is no service {name}"))
}
