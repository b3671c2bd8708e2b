//! `dokku-cli config`, `config:set` and `config:unset`: the variables of an app.

use std::collections::BTreeMap;

use clap::Args;
use dokku_deploy::{
    app::AppName,
    audit::{Action, AuditEntry, Status, key},
    dokku::{
        config::{self, is_key_name, storable},
        is_unknown_command, ps,
    },
    host::{Host, HostError},
    secret::Secret,
};
use serde_json::json;

use super::{missing, with_host};
use crate::{
    actor, exit_codes, failure::Failure, invocation::Invocation, origin, publish::recorded,
    ui::visible,
};

/// What `config` takes.
#[derive(Debug, Args)]
pub struct ShowArguments {
    /// The app; otherwise the repository's name
    pub app: Option<String>,
}

/// What `config:set` takes.
#[derive(Debug, Args)]
#[command(override_usage = "dokku-cli config:set [OPTIONS] [APP] <KEY=VALUE>...")]
pub struct SetArguments {
    /// The app; otherwise the repository's name
    #[arg(required = true, value_name = "APP")]
    pub app: String,
    /// The variables
    #[arg(value_name = "KEY=VALUE")]
    pub pairs: Vec<String>,
    /// Leave what runs as it is; it sees the change after its next restart
    #[arg(long)]
    pub no_restart: bool,
}

/// What `config:unset` takes.
#[derive(Debug, Args)]
#[command(override_usage = "dokku-cli config:unset [OPTIONS] [APP] <KEY>...")]
pub struct UnsetArguments {
    /// The app; otherwise the repository's name
    #[arg(required = true, value_name = "APP")]
    pub app: String,
    /// The names of the variables
    #[arg(value_name = "KEY")]
    pub keys: Vec<String>,
    /// Leave what runs as it is; it sees the change after its next restart
    #[arg(long)]
    pub no_restart: bool,
}

/// Shows all variables with their values.
pub fn show(arguments: &ShowArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let app = invocation.app(arguments.app.as_deref())?;
    let variables = with_host(invocation, |host, _| {
        config::read_export(&host.ask(&config::export(&app))?)?
            .ok_or_else(|| missing(&app, host.name()))
    })?
    .into_map();
    // Showing the values is what was asked for.
    if invocation.ui.is_json() {
        let shown: BTreeMap<&str, &str> = variables
            .iter()
            .map(|(key, value)| (key.as_str(), value.expose()))
            .collect();
        invocation.ui.json(&shown)?;
        return Ok(exit_codes::OK);
    }
    invocation
        .ui
        .header(&format!("Environment Variables: {app}"));
    let width = variables.keys().map(String::len).max().unwrap_or(0) + 1;
    for (key, value) in &variables {
        let line = format!("{:<width$} {}", format!("{key}:"), value.expose());
        invocation.ui.result(&visible(&line))?;
    }
    Ok(exit_codes::OK)
}

/// Sets variables, and restarts the app unless told not to.
pub fn set(arguments: &SetArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let (app, pairs_given) = split(&arguments.app, &arguments.pairs, |word| word.contains('='));
    if pairs_given.is_empty() {
        return Err(Failure::usage("no variable is given: expected KEY=VALUE")
            .hint("For example: dokku-cli config:set myapp GREETING=hello"));
    }
    let variables = pairs(&pairs_given)?;
    let app = invocation.app(app)?;
    invocation.ui.info(&format!("Setting config for {app}..."));
    with_host(invocation, |host, _| {
        let entry = entry(Action::ConfigSet, &app, variables.keys(), host)?;
        recorded(entry, host, invocation, |_| {
            let mut answer = host.ask(&config::import(&app, &variables))?;
            if is_unknown_command(&answer) {
                // Dokku before 0.37.0.
                answer = host.ask(&config::set_encoded(&app, &variables))?;
            }
            changed(config::read_changed(&answer)?, &app, host)?;
            restart(&app, host, arguments.no_restart)
        })
    })?;
    updated(&app, variables.keys(), invocation)
}

/// Unsets variables, and restarts the app unless told not to.
pub fn unset(arguments: &UnsetArguments, invocation: &Invocation) -> Result<u8, Failure> {
    // An app's name has no upper-case letters and no underscores, which most variables have.
    let file = invocation.file()?;
    let is_key = |word: &str| file.alias(word).is_none() && AppName::new(word).is_err();
    let (app, keys) = split(&arguments.app, &arguments.keys, is_key);
    if keys.is_empty() {
        return Err(Failure::usage("no variable is given: expected its name")
            .hint("For example: dokku-cli config:unset myapp GREETING"));
    }
    for key in &keys {
        check_key(key)?;
    }
    let app = invocation.app(app)?;
    invocation
        .ui
        .info(&format!("Unsetting config for {app}..."));
    with_host(invocation, |host, _| {
        let entry = entry(Action::ConfigUnset, &app, &keys, host)?;
        recorded(entry, host, invocation, |_| {
            let answer = host.ask(&config::unset(&app, &keys))?;
            changed(config::read_changed(&answer)?, &app, host)?;
            restart(&app, host, arguments.no_restart)
        })
    })?;
    updated(&app, keys.iter(), invocation)
}

/// How many names of variables an entry has at most.
const NAMED: usize = 100;

/// The entry of a change: which variables, never their values.
fn entry<'k>(
    action: Action,
    app: &AppName,
    keys: impl IntoIterator<Item = &'k String>,
    host: &dyn Host,
) -> Result<AuditEntry, Failure> {
    let origin = origin::begin(&actor::name(None)?, host.name(), None);
    let keys: Vec<&str> = keys.into_iter().take(NAMED).map(String::as_str).collect();
    let entry = AuditEntry::of_app(action, app, Status::Started, &origin);
    Ok(entry.with(key::KEYS, keys))
}

/// The end of a change: which variables, never their values.
fn updated<'k>(
    app: &AppName,
    keys: impl Iterator<Item = &'k String>,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    if ui.is_json() {
        let keys: Vec<&String> = keys.collect();
        ui.json(&json!({ "app": app, "result": "config updated", "keys": keys }))?;
    }
    ui.success("Config updated");
    Ok(exit_codes::OK)
}

/// The app, where the first word is one, and the other words.
fn split<'a>(
    first: &'a str,
    others: &'a [String],
    is_other: impl Fn(&str) -> bool,
) -> (Option<&'a str>, Vec<String>) {
    if is_other(first) {
        let all = std::iter::once(first.to_owned()).chain(others.iter().cloned());
        (None, all.collect())
    } else {
        (Some(first), others.to_vec())
    }
}

fn changed(exists: bool, app: &AppName, host: &dyn Host) -> Result<(), Failure> {
    if exists {
        Ok(())
    } else {
        Err(missing(app, host.name()))
    }
}

/// Dokku's own restart after a change hides a failed deploy; this one tells.
fn restart(app: &AppName, host: &dyn Host, is_unwanted: bool) -> Result<(), Failure> {
    if is_unwanted {
        return Ok(());
    }
    let report = ps::read_report(&host.ask(&ps::report(app))?)?;
    if !report.is_some_and(|report| report.is_deployed) {
        return Ok(());
    }
    let answer = host.ask(&ps::restart(app))?;
    answer.accepted().map(drop).map_err(|error| match error {
        HostError::Refused { stderr, .. } => Failure::new(
            exit_codes::APP,
            format!("the variables are set, but {app} did not start with them: {stderr}"),
        ),
        error => error.into(),
    })
}

fn pairs(given: &[String]) -> Result<BTreeMap<String, Secret>, Failure> {
    let mut variables = BTreeMap::new();
    for (index, pair) in given.iter().enumerate() {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Failure::usage(format!(
                "variable {} of {} has no `=`: expected KEY=VALUE",
                index + 1,
                given.len()
            )));
        };
        check_key(key)?;
        storable(value).map_err(|why| Failure::usage(format!("the value of {key} {why}")))?;
        variables.insert(key.to_owned(), Secret::new(value));
    }
    Ok(variables)
}

fn check_key(key: &str) -> Result<(), Failure> {
    if is_key_name(key) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{key:?} is no name of a variable: letters, digits and underscores, not beginning with a digit"
    )))
}
