//! Small switches: `checks:enable|disable|skip`, `proxy:enable|disable`, `network:*`, `cron:list`.

use std::io::Write;

use super::answer::{header, info, info_quiet};
use super::arguments::{Arguments, check_app};
use super::domains::rebuild_proxy;
use super::{Call, Failure, Outcome, Verb, say};
use crate::host::SandboxHost;
use crate::io::Io;

/// Verbs of these plugins.
pub const VERBS: &[Verb] = &[
    Verb::new("checks:enable", checks),
    Verb::new("checks:disable", checks),
    Verb::new("checks:skip", checks),
    Verb::new("proxy:enable", proxy),
    Verb::new("proxy:disable", proxy),
    Verb::new("proxy:build-config", build_proxy_config),
    Verb::new("network:create", create_network),
    Verb::new("network:destroy", destroy_network),
    Verb::new("network:exists", network_exists),
    Verb::new("network:list", list_networks),
    Verb::new("cron:list", list_cron),
];

const NETWORKS: &str = "network.names";

fn checks(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &[], &[])?;
    let (app, processes) = (arguments.at(0), arguments.at(1));
    check_app(host, app)?;
    let (verb, of_app, own, other) = match call.verb.as_str() {
        "checks:enable" => ("Enabling", "app's", "", ""),
        "checks:disable" => (
            "Disabling",
            "app",
            "checks.disabled-list",
            "checks.skipped-list",
        ),
        _ => (
            "Skipping",
            "app",
            "checks.skipped-list",
            "checks.disabled-list",
        ),
    };
    if processes.is_empty() {
        info(io, &format!("{verb} zero downtime for {of_app} ({app})"))?;
    } else {
        info(
            io,
            &format!("{verb} zero downtime for app's ({app}) proctypes ({processes})"),
        )?;
    }
    let value = if processes.is_empty() {
        "_all_"
    } else {
        processes
    };
    Ok(host.store().update_app(app, |app| {
        if own.is_empty() {
            app.set_property("checks.disabled-list", "");
            app.set_property("checks.skipped-list", "");
        } else {
            app.set_property(own, value);
            app.set_property(other, "");
        }
    })?)
}

fn proxy(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &["all"], &["parallel"])?;
    let app = arguments.at(0);
    check_app(host, app)?;
    let is_enabled = host.store().app(app)?.property("proxy.disabled") != "true";
    let is_wanted = call.verb == "proxy:enable";
    if is_enabled == is_wanted {
        let word = if is_wanted { "enabled" } else { "disable" };
        return Ok(info(io, &format!("Proxy is already {word} for app"))?);
    }
    info(
        io,
        if is_wanted {
            "Enabling proxy for app"
        } else {
            "Disabling proxy for app"
        },
    )?;
    host.store().update_app(app, |app| {
        app.set_property("proxy.disabled", if is_wanted { "" } else { "true" });
    })?;
    rebuild_proxy(app, io, host)
}

fn build_proxy_config(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    check_app(host, call.arg(0))?;
    rebuild_proxy(call.arg(0), io, host)
}

fn networks(host: &SandboxHost) -> Result<Vec<String>, Failure> {
    let mut networks = host
        .store()
        .globals()?
        .lists
        .get(NETWORKS)
        .cloned()
        .unwrap_or_default();
    networks.extend(["bridge", "host", "none"].map(str::to_owned));
    networks.sort();
    Ok(networks)
}

fn create_network(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let name = call.arg(0);
    info_quiet(call, io, &format!("Creating network {name}"))?;
    if name.is_empty() {
        return Err(Failure::new("No network name specified"));
    }
    if networks(host)?.iter().any(|known| known == name) {
        return Err(Failure::new(format!(
            "Unable to create network: network with name {name} already exists"
        )));
    }
    host.store().update_globals(|globals| {
        globals
            .lists
            .entry(NETWORKS.to_owned())
            .or_default()
            .push(name.to_owned());
    })?;
    Ok(())
}

fn destroy_network(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &["force"], &[])?;
    let name = arguments.at(0);
    if !call.flags.force {
        super::apps::confirm(io, "network", name)?;
    }
    info_quiet(call, io, &format!("Destroying network {name}"))?;
    let is_known = host.store().update_globals(|globals| {
        let names = globals.lists.entry(NETWORKS.to_owned()).or_default();
        let before = names.len();
        names.retain(|known| known != name);
        names.len() < before
    })?;
    if is_known {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "Unable to destroy network: network {name} not found"
        )))
    }
}

fn network_exists(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    if call.arg(0).is_empty() {
        return Err(Failure::new("No network name specified"));
    }
    if !networks(host)?.iter().any(|known| known == call.arg(0)) {
        return Err(Failure::new("Network does not exist"));
    }
    Ok(info_quiet(call, io, "Network exists")?)
}

fn list_networks(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    header(call, io, "Networks")?;
    for network in networks(host)? {
        say(io, &network)?;
    }
    Ok(())
}

/// Scheduled tasks come from app.json, which the sandbox does not run.
fn list_cron(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &["global"], &["format"])?;
    if !arguments.has("global") {
        check_app(host, arguments.at(0))?;
    }
    if arguments.value("format") == Some("json") {
        return Ok(say(io, "[]")?);
    }
    Ok(io
        .stdout
        .write_all(b"ID  Schedule  Maintenance  Command\n")?)
}
