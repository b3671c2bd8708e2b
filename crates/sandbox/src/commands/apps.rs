//! `apps:*`.

use std::io::{BufRead, BufReader, Write};

use super::answer::{header, info, info_quiet, warn};
use super::arguments::{Arguments, check_app, check_app_name};
use super::report::{Report, Style};
use super::{Call, Failure, Outcome, Verb, say};
use crate::host::SandboxHost;
use crate::io::Io;
use crate::store::{App, Env, Scope};

/// Verbs of this plugin.
pub const VERBS: &[Verb] = &[
    Verb::new("apps", list),
    Verb::new("apps:list", list),
    Verb::new("apps:exists", exists),
    Verb::new("apps:create", create),
    Verb::new("apps:destroy", destroy),
    Verb::new("apps:report", report),
    Verb::new("apps:rename", rename),
    Verb::new("apps:clone", clone),
    Verb::new("apps:lock", lock),
    Verb::new("apps:locked", locked),
    Verb::new("apps:unlock", unlock),
    Verb::new("apps:set", set),
];

fn list(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &[], &["format"])?;
    let apps = host
        .triggers()
        .visible_apps(host.store().apps()?, &call.caller, host);
    if arguments.value("format") == Some("json") {
        let json = serde_json::to_string(&apps).map_err(|error| Failure::new(error.to_string()))?;
        return Ok(say(io, &json)?);
    }
    header(call, io, "My Apps")?;
    if apps.is_empty() {
        warn(io, "You haven't deployed any applications yet")?;
    }
    for app in apps {
        say(io, &app)?;
    }
    Ok(())
}

fn exists(call: &Call, _io: &mut Io, host: &SandboxHost) -> Outcome {
    check_app(host, Arguments::parse(call, &[], &[])?.at(0))
}

fn create(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &[], &[])?;
    let name = arguments.at(0);
    check_app_name(name)?;
    create_app(name, call, io, host)
}

/// Makes an app and says so in the words of `apps:create`; also used where a push makes one.
pub fn create_app(name: &str, call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    check_app_name(name)?;
    if host.store().has_app(name) {
        return Err(Failure::new("Name is already taken"));
    }
    info_quiet(call, io, &format!("Creating {name}..."))?;
    let app = App {
        name: name.to_owned(),
        created_at: jiff::Timestamp::now().as_second(),
        ..App::default()
    };
    if !host.store().create_app(&app)? {
        return Err(Failure::new("Name is already taken"));
    }
    host.store()
        .update_env(Scope::App(name), |_: &mut Env| ())?;
    host.triggers()
        .fire("post-create", &[name], &call.caller, io, host)?;
    super::domains::set_up(name, call, io, host)
}

fn destroy(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &["force"], &[])?;
    let name = arguments.at(0);
    check_app(host, name)?;
    if !call.flags.force {
        confirm(io, "app", name)?;
    }
    destroy_app(name, call, io, host)
}

/// Asks for the name on stdin, in Dokku's words; also used by datastore plugins.
pub fn confirm(io: &mut Io, kind: &str, name: &str) -> Outcome {
    warn(io, "WARNING: Potentially Destructive Action")?;
    warn(io, &format!("This command will destroy {kind} {name}."))?;
    warn(io, &format!("To proceed, type \"{name}\""))?;
    io.stdout.write_all(b"> ")?;
    let mut line = String::new();
    if BufReader::new(&mut io.stdin).read_line(&mut line)? == 0 {
        return Err(Failure::new("EOF"));
    }
    match line.split_whitespace().next() {
        None => Err(Failure::new("unexpected newline")),
        Some(answer) if answer == name => Ok(()),
        Some(_) => {
            io.stderr
                .write_all(b"Confirmation did not match test. Aborted.\n")?;
            Err(Failure::silent(1))
        }
    }
}

fn destroy_app(name: &str, call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    info(io, &format!("Destroying {name} (including all add-ons)"))?;
    if let Some(services) = host.services() {
        services
            .unlink_all(host, name, io)
            .map_err(Failure::silent)?;
    }
    host.triggers()
        .fire("pre-delete", &[name, "latest"], &call.caller, io, host)?;
    if let Some(runtime) = host.runtime() {
        runtime.destroy(host, name, io).map_err(Failure::silent)?;
    }
    host.triggers()
        .fire("post-delete", &[name, "latest"], &call.caller, io, host)?;
    info(io, "Cleaning up...")?;
    info(io, "Retiring old containers and images")?;
    host.store().remove_app(name)?;
    if let Some(runtime) = host.runtime() {
        runtime.reroute(host, name);
    }
    Ok(())
}

fn report(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    super::report::answer(call, io, host, "app", Style::Go, |host, app| {
        let known = host.store().app(app)?;
        let mut report = Report::default();
        report.add("created-at", known.created_at.to_string());
        report.add("deploy-source", &known.deploy_source);
        report.add("deploy-source-metadata", &known.deploy_source_metadata);
        report.add("dir", format!("/home/dokku/{app}"));
        let globals = host.store().globals()?;
        let autocreation = globals.properties.get("apps.disable-autocreation");
        report.add(
            "global-disable-autocreation",
            autocreation.map_or("", String::as_str),
        );
        report.add("locked", host.store().is_locked(app).to_string());
        Ok(report)
    })
}

/// The two names of `apps:clone` and `apps:rename`, checked in Dokku's order.
fn two_names(arguments: &Arguments, host: &SandboxHost) -> Result<(String, String), Failure> {
    let (old, new) = (arguments.at(0), arguments.at(1));
    if old.is_empty() {
        return Err(Failure::new("Please specify an app to run the command on"));
    }
    if new.is_empty() {
        return Err(Failure::new("Please specify an new app name"));
    }
    check_app(host, old)?;
    check_app_name(new)?;
    Ok((old.to_owned(), new.to_owned()))
}

/// What both have in common: the new app, with variables, settings, code and links of the old one.
fn copy(old: &str, new: &str, call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    create_app(new, call, io, host)?;
    let env = host.store().env(Scope::App(old))?;
    host.store()
        .update_env(Scope::App(new), |copied| *copied = env)?;
    let from = host.store().app(old)?;
    host.store().update_app(new, |app| {
        app.properties.clone_from(&from.properties);
        app.lists.clone_from(&from.lists);
        app.scale.clone_from(&from.scale);
        app.ports.clone_from(&from.ports);
        app.deploy_source.clone_from(&from.deploy_source);
        app.deploy_source_metadata
            .clone_from(&from.deploy_source_metadata);
    })?;
    if let Some(runtime) = host.runtime() {
        runtime.copy(host, old, new, io).map_err(Failure::silent)?;
    }
    if let Some(services) = host.services() {
        services
            .copy_links(host, old, new)
            .map_err(Failure::silent)?;
    }
    Ok(())
}

fn redeploy(
    app: &str,
    arguments: &Arguments,
    call: &Call,
    io: &mut Io,
    host: &SandboxHost,
) -> Outcome {
    match host.runtime() {
        Some(runtime) if !arguments.has("skip-deploy") && runtime.is_deployed(host, app) => runtime
            .restart(host, app, call, io)
            .map_err(Failure::silent),
        _ => Ok(()),
    }
}

fn clone(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &["skip-deploy", "ignore-existing"], &[])?;
    let (old, new) = two_names(&arguments, host)?;
    if host.store().has_app(&new) {
        if arguments.has("ignore-existing") {
            return Ok(warn(io, "Name is already taken")?);
        }
        return Err(Failure::new("Name is already taken"));
    }
    info_quiet(call, io, &format!("Cloning {old} to {new}"))?;
    copy(&old, &new, call, io, host)?;
    redeploy(&new, &arguments, call, io, host)
}

fn rename(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &["skip-deploy"], &[])?;
    let (old, new) = two_names(&arguments, host)?;
    if host.store().has_app(&new) {
        return Err(Failure::new("Name is already taken"));
    }
    info_quiet(call, io, &format!("Renaming {old} to {new}"))?;
    copy(&old, &new, call, io, host)?;
    destroy_app(&old, call, io, host)?;
    redeploy(&new, &arguments, call, io, host)
}

fn lock(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &[], &[])?;
    check_app(host, arguments.at(0))?;
    host.store()
        .lock(arguments.at(0))
        .map_err(|_| Failure::new("Unable to create deploy lock"))?;
    Ok(info(io, "Deploy lock created")?)
}

fn locked(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &[], &[])?;
    check_app(host, arguments.at(0))?;
    if !host.store().is_locked(arguments.at(0)) {
        return Err(Failure::new("Deploy lock does not exist"));
    }
    if call.flags.quiet {
        Ok(())
    } else {
        Ok(say(io, "Deploy lock exists")?)
    }
}

fn unlock(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &[], &[])?;
    let name = arguments.at(0);
    check_app(host, name)?;
    if host.store().is_locked(name) {
        warn(io, "A deploy may be in progress.")?;
        warn(
            io,
            "Removing the app lock will not stop in progress deploys.",
        )?;
    }
    if !host.store().unlock(name)? {
        return Err(Failure::new("Unable to remove deploy lock"));
    }
    Ok(info(io, "Deploy lock removed")?)
}

fn set(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let is_global = call.args.iter().any(|arg| arg == "--global");
    if !is_global && call.arg(1) == "disable-autocreation" {
        return Err(Failure::new("Property can only be specified globally"));
    }
    super::property::set(call, io, host, "apps", &["disable-autocreation"])
}
