//! `link`, `unlink`, `promote`: services in apps' variables.

use crate::commands::answer::verbose;
use crate::commands::arguments::check_app;
use crate::commands::{Call, Failure, Outcome, config};
use crate::host::SandboxHost;
use crate::io::Io;
use crate::store::{Env, Scope};

use super::arguments::{Options, app, positional, rest};
use super::datastores::Service;
use super::plugin::Plugin;
use super::{Request, check_given};

/// The colours of further links, in the order in which they are taken.
const COLOURS: [&str; 16] = [
    "AQUA", "BLACK", "BLUE", "FUCHSIA", "GRAY", "GREEN", "LIME", "MAROON", "NAVY", "OLIVE",
    "PURPLE", "RED", "SILVER", "TEAL", "WHITE", "YELLOW",
];

/// The phases in which a container would get the link.
const PHASES: [&str; 3] = [
    "docker-options.build",
    "docker-options.deploy",
    "docker-options.run",
];

pub fn link(request: &mut Request<'_>) -> Outcome {
    let (name, app) = (
        positional(request.call, 0).to_owned(),
        app(request.call, 1).to_owned(),
    );
    check_given(&name, &app)?;
    check_app(request.host, &app)?;
    let (plugin, stores, host) = (request.plugin, request.stores, request.host);
    let mut service = stores.existing(plugin, &name)?;
    let options = Options::parse(rest(request.call, 2), request.io)?;
    let env = host.store().env(Scope::App(&app))?;
    let alias = choose_alias(plugin, &env, options.value("alias"))?;
    let linked = linked_variables(host, &service, &app)?;
    if !linked.is_empty() {
        return Err(Failure::new(format!(
            "Already linked as {}",
            linked.join("\n")
        )));
    }
    {
        let turn = stores.turn(plugin, &name);
        let _turn = turn.take();
        stores.update(&mut service, |record| record.links.insert(app.clone()))?;
    }
    let option = docker_option(&service);
    host.store().update_app(&app, |app| {
        for phase in PHASES {
            let list = app.lists.entry(phase.to_owned()).or_default();
            if !list.contains(&option) {
                list.push(option.clone());
            }
        }
    })?;
    let mut url = service.record.url(plugin, &scheme(plugin, &env));
    let query = options.value("querystring");
    if !query.is_empty() {
        url = format!("{url}?{}", query.trim_start_matches('?'));
    }
    let is_no_restart = options.is_no_restart(request.call);
    set_variables(
        request.call,
        request.io,
        host,
        &app,
        &[format!("{alias}_URL={url}")],
        is_no_restart,
    )?;
    if is_no_restart {
        verbose(request.io, "Skipping restart of linked app")?;
    }
    Ok(())
}

pub fn unlink(request: &mut Request<'_>) -> Outcome {
    let (name, app) = (
        positional(request.call, 0).to_owned(),
        app(request.call, 1).to_owned(),
    );
    check_given(&name, &app)?;
    let (plugin, stores, host) = (request.plugin, request.stores, request.host);
    let mut service = stores.existing(plugin, &name)?;
    check_app(host, &app)?;
    let options = Options::parse(rest(request.call, 2), request.io)?;
    let variables = linked_variables(host, &service, &app)?;
    {
        let turn = stores.turn(plugin, &name);
        let _turn = turn.take();
        stores.update(&mut service, |record| record.links.remove(&app))?;
    }
    let option = docker_option(&service);
    host.store().update_app(&app, |app| {
        for phase in PHASES {
            if let Some(list) = app.lists.get_mut(phase) {
                list.retain(|kept| *kept != option);
            }
        }
    })?;
    if variables.is_empty() {
        return Err(Failure::new(format!("Not linked to app {app}")));
    }
    let is_no_restart = options.is_no_restart(request.call);
    let call = config_call(
        request.call,
        "config:unset",
        &app,
        &variables,
        is_no_restart,
    );
    config::unset(&call, request.io, host)?;
    if is_no_restart {
        verbose(request.io, "Skipping restart of linked app")?;
    }
    Ok(())
}

pub fn promote(request: &mut Request<'_>) -> Outcome {
    let (name, app) = (
        positional(request.call, 0).to_owned(),
        app(request.call, 1).to_owned(),
    );
    check_given(&name, &app)?;
    let (plugin, host) = (request.plugin, request.host);
    let service = request.stores.existing(plugin, &name)?;
    check_app(host, &app)?;
    let default = format!("{}_URL", plugin.default_alias);
    let variables = linked_variables(host, &service, &app)?;
    let Some(promoted) = variables.first() else {
        return Err(Failure::new(format!("Not linked to app {app}")));
    };
    if variables.contains(&default) {
        return Err(Failure::new(format!(
            "Service {name} already promoted as {default}"
        )));
    }
    let env = host.store().env(Scope::App(&app))?;
    let mut pairs = Vec::new();
    if let Some(previous) = env.get(&default) {
        let is_kept_elsewhere = env
            .iter()
            .any(|(key, value)| *key != default && value.contains(previous));
        if !is_kept_elsewhere {
            let alias = further_alias(plugin, &env).unwrap_or_default();
            pairs.push(format!("{alias}_URL={previous}"));
        }
    }
    pairs.push(format!(
        "{default}={}",
        env.get(promoted).map_or("", String::as_str)
    ));
    set_variables(request.call, request.io, host, &app, &pairs, false)
}

/// Names of the app's variables that hold the service's address.
pub fn linked_variables(
    host: &SandboxHost,
    service: &Service,
    app: &str,
) -> Result<Vec<String>, Failure> {
    let env = host.store().env(Scope::App(app))?;
    let url = service
        .record
        .url(service.plugin, &scheme(service.plugin, &env));
    Ok(env
        .iter()
        .filter(|(_, value)| value.contains(&url))
        .map(|(key, _)| key.clone())
        .collect())
}

/// `POSTGRES_DATABASE_SCHEME` of an app changes the scheme of its addresses.
fn scheme(plugin: &Plugin, env: &Env) -> String {
    match env.get(&format!("{}_DATABASE_SCHEME", plugin.variable)) {
        Some(scheme) if !scheme.is_empty() => scheme.clone(),
        _ => plugin.scheme.to_owned(),
    }
}

/// The variable of a new link, without `_URL`: what was asked, else the default one, else the
/// first colour that is free.
fn choose_alias(plugin: &Plugin, env: &Env, asked: &str) -> Result<String, Failure> {
    if !asked.is_empty() {
        let alias = asked.to_uppercase();
        let alias = alias.strip_suffix("_URL").unwrap_or(&alias).to_owned();
        if is_mentioned(env, &alias) {
            return Err(Failure::new(format!(
                "Specified alias {alias} already in use"
            )));
        }
        return Ok(alias);
    }
    if !is_mentioned(env, plugin.default_alias) {
        return Ok(plugin.default_alias.to_owned());
    }
    further_alias(plugin, env)
        .ok_or_else(|| Failure::new("Unable to use default or generated URL alias"))
}

fn further_alias(plugin: &Plugin, env: &Env) -> Option<String> {
    COLOURS
        .iter()
        .map(|colour| format!("{}_{colour}", plugin.further_alias))
        .find(|alias| !is_mentioned(env, alias))
}

/// The real plugins search the text of all variables: a longer name or a value that holds this
/// one counts too.
fn is_mentioned(env: &Env, alias: &str) -> bool {
    let name = format!("{alias}_URL");
    env.iter()
        .any(|(key, value)| key.contains(&name) || value.contains(&name))
}

fn docker_option(service: &Service) -> String {
    let (prefix, name) = (service.plugin.prefix, &service.record.name);
    format!(
        "--link dokku.{prefix}.{name}:dokku-{prefix}-{}",
        name.replace(['.', '_'], "-")
    )
}

fn set_variables(
    call: &Call,
    io: &mut Io,
    host: &SandboxHost,
    app: &str,
    pairs: &[String],
    is_no_restart: bool,
) -> Outcome {
    config::set(
        &config_call(call, "config:set", app, pairs, is_no_restart),
        io,
        host,
    )
}

/// The call that the plugin makes of another one; nothing in it is split or scanned again.
fn config_call(
    call: &Call,
    verb: &str,
    app: &str,
    arguments: &[String],
    is_no_restart: bool,
) -> Call {
    let mut args = Vec::new();
    if is_no_restart {
        args.push("--no-restart".to_owned());
    }
    // So that a value that looks like a flag is none.
    args.extend(["--".to_owned(), app.to_owned()]);
    args.extend(arguments.iter().cloned());
    let mut inner = call.clone();
    inner.flags.app = None;
    Call {
        verb: verb.to_owned(),
        words: [&[verb.to_owned()], args.as_slice()].concat(),
        args,
        ..inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::plugin;

    fn env(pairs: &[(&str, &str)]) -> Env {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_second_link_takes_the_first_free_colour() {
        let postgres = plugin::named("postgres").unwrap();
        let choose =
            |pairs: &[(&str, &str)], asked: &str| choose_alias(postgres, &env(pairs), asked);
        assert_eq!(choose(&[], "").unwrap(), "DATABASE");
        assert_eq!(
            choose(&[("DATABASE_URL", "x")], "").unwrap(),
            "DOKKU_POSTGRES_AQUA"
        );
        let both = [("DATABASE_URL", "x"), ("DOKKU_POSTGRES_AQUA_URL", "y")];
        assert_eq!(choose(&both, "").unwrap(), "DOKKU_POSTGRES_BLACK");
        assert_eq!(choose(&both, "blue_url").unwrap(), "BLUE");
        assert_eq!(
            choose(&both, "DATABASE").unwrap_err().lines,
            ["Specified alias DATABASE already in use"]
        );
    }

    #[test]
    fn sixteen_further_links_are_all() {
        let redis = plugin::named("redis").unwrap();
        let mut taken = env(&[("REDIS_URL", "x")]);
        for colour in COLOURS {
            taken.insert(format!("DOKKU_REDIS_{colour}_URL"), "x".to_owned());
        }
        choose_alias(redis, &taken, "").unwrap_err();
    }
}
