//! `dokku-cli db APP promote NEW`: another service becomes the app's database.

use dokku_deploy::{
    app::AppName,
    audit::{Action, key},
    dokku::{
        config,
        datastore::{self, Linked, Promoted},
        ps,
    },
    flows::restore::check_app,
    host::{Answer, Host},
    secret::Secret,
    service::{ServiceKind, ServiceName},
    store::Variables,
};
use jiff::Timestamp;
use serde_json::json;

use super::{PromoteArguments, record, restore::refused};
use crate::{
    commands::{missing, with_host},
    exit_codes,
    failure::Failure,
    host::SshHost,
    invocation::Invocation,
    publish::recorded,
};

/// What changed.
struct Change {
    kind: ServiceKind,
    /// The service that was the app's database, by its URL; `None` if no linked one was.
    before: Option<ServiceName>,
    /// The variable in which its URL is kept.
    kept: Option<String>,
    is_new: bool,
    is_running: bool,
}

/// Links the service if it is not linked, and puts its URL into the variable that apps read.
pub fn run(
    app: &AppName,
    arguments: &PromoteArguments,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let new =
        ServiceName::new(&arguments.service).map_err(|error| Failure::usage(error.to_string()))?;
    let change = with_host(invocation, |host, _| {
        let mut entry = record::entry(Action::ServerConfig, app, host)?;
        entry.set(key::SERVICE, new.as_str());
        entry.set(key::CHANGE, "promote");
        recorded(entry, host, invocation, |entry| {
            let kind = kind_of(&new, host)?;
            entry.set(key::SERVICE_KIND, kind.as_str());
            let variables = variables(app, host)?;
            check_app(app, &variables, None, Timestamp::now())
                .map_err(|refusal| refused(&refusal, host.name()))?;
            promote(app, kind, &new, &variables, host, invocation)
        })
    })?;
    let variable = change.kind.url_variable();
    if ui.is_json() {
        ui.json(&json!({
            "app": app, "service": new.as_str(), "kind": change.kind, "variable": variable,
            "before": change.before.as_ref().map(ServiceName::as_str),
            "before_kept_in": change.kept, "is_new": change.is_new,
            "was_restarted": change.is_new && change.is_running,
        }))?;
    }
    if !change.is_new {
        ui.success(&format!("{new} is in {variable} of {app} already"));
        return Ok(exit_codes::OK);
    }
    ui.success(&format!("{variable} of {app} leads to {new} now"));
    ui.info(if change.is_running {
        "The app was restarted with it"
    } else {
        "The app does not run: it was not restarted"
    });
    match (&change.before, &change.kept) {
        (Some(before), kept) => {
            if let Some(kept) = kept {
                ui.info(&format!(
                    "The URL of {before} is kept in {kept}; it stays linked"
                ));
            }
            ui.info(&format!(
                "The way back: dokku-cli db {app} promote {before}"
            ));
        }
        (None, Some(kept)) => ui.info(&format!("The URL from before is kept in {kept}")),
        (None, None) => {}
    }
    Ok(exit_codes::OK)
}

/// The kind of the one service of this name.
fn kind_of(name: &ServiceName, host: &SshHost) -> Result<ServiceKind, Failure> {
    let questions = ServiceKind::ALL.map(|kind| datastore::exists(kind, name));
    let mut kinds = Vec::new();
    for (kind, answer) in ServiceKind::ALL.into_iter().zip(host.ask_all(&questions)) {
        let answer = answer?;
        if !dokku_deploy::dokku::is_unknown_command(&answer) && datastore::read_exists(&answer)? {
            kinds.push(kind);
        }
    }
    match kinds.as_slice() {
        [kind] => Ok(*kind),
        [] => Err(Failure::new(
            exit_codes::HOST,
            format!("there is no service {name} on {}", host.name()),
        )
        .hint("`dokku-cli db APP restore FILE --into NEW` makes one from a backup.")),
        several => Err(Failure::usage(format!(
            "{name} is a service of several kinds: {}",
            several
                .iter()
                .map(|kind| kind.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    }
}

fn variables(app: &AppName, host: &SshHost) -> Result<Variables, Failure> {
    config::read_export(&host.ask(&config::export(app))?)?.ok_or_else(|| missing(app, host.name()))
}

fn promote(
    app: &AppName,
    kind: ServiceKind,
    new: &ServiceName,
    variables: &Variables,
    host: &SshHost,
    invocation: &Invocation,
) -> Result<Change, Failure> {
    let variable = kind.url_variable();
    let present = variables.text(variable).map(Secret::new);
    let linked = datastore::read_app_links(&host.ask(&datastore::app_links(kind, app))?)?
        .ok_or_else(|| missing(app, host.name()))?;
    let mut before = None;
    for service in linked.iter().filter(|service| *service != new) {
        let url = datastore::read_dsn(&host.ask(&datastore::dsn(kind, service))?)?;
        let is_present = |url: &Secret| {
            present
                .as_ref()
                .is_some_and(|present| present.expose().contains(url.expose()))
        };
        if url.as_ref().is_some_and(is_present) {
            before = Some(service.clone());
        }
    }
    let report = ps::read_report(&host.ask(&ps::report(app))?)?;
    let is_running =
        report.is_some_and(|report| report.is_deployed && report.running != ps::Running::None);
    if !linked.contains(new) {
        invocation.ui.info(&format!("Linking {new} to {app}..."));
        match datastore::read_linked(&host.ask(&datastore::link(kind, new, app))?)? {
            Linked::New | Linked::Already { .. } => {}
        }
    }
    invocation.ui.info(&format!("Promoting {new}..."));
    // Where nothing was in the way, the link has made it the app's database, without a restart.
    let is_new = if present.is_none() {
        if is_running {
            host.ask(&ps::restart(app)).and_then(Answer::accepted)?;
        }
        true
    } else {
        let answer = host.ask(&datastore::promote(kind, new, app))?;
        datastore::read_promoted(&answer)? == Promoted::New
    };
    let after = self::variables(app, host)?;
    let url = datastore::read_dsn(&host.ask(&datastore::dsn(kind, new))?)?;
    let is_there = url.is_some_and(|url| {
        after
            .text(variable)
            .is_some_and(|value| value.contains(url.expose()))
    });
    if !is_there {
        return Err(Failure::new(
            exit_codes::VERIFICATION,
            format!("{variable} of {app} does not lead to {new} afterwards"),
        )
        .hint(format!(
            "Look at it: dokku-cli db {app} url; dokku-cli config {app}"
        )));
    }
    let kept = present.as_ref().and_then(|present| {
        after
            .keys()
            .find(|key| *key != variable && after.text(key) == Some(present.expose()))
            .cloned()
    });
    Ok(Change {
        kind,
        before,
        kept,
        is_new,
        is_running,
    })
}
