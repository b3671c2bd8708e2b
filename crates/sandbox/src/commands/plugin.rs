//! `plugin:list`, `ssh-keys:list`, `events`: what is installed, who may come in.

use serde_json::json;

use super::arguments::Arguments;
use super::{Call, Failure, Outcome, Verb, say};
use crate::host::SandboxHost;
use crate::io::Io;

/// Verbs of these plugins.
pub const VERBS: &[Verb] = &[
    Verb::new("plugin", list),
    Verb::new("plugin:list", list),
    Verb::new("ssh-keys:list", list_keys),
    Verb::coded("events", events),
];

/// Name, version and description of each core plugin of the recorded host.
const CORE: &str = include_str!("core-plugins.txt");

struct Plugin {
    name: String,
    version: String,
    description: String,
    is_core: bool,
}

fn installed(host: &SandboxHost) -> Vec<Plugin> {
    let core = CORE.lines().filter_map(|line| {
        let mut cells = line.split('\t').map(str::to_owned);
        Some(Plugin {
            name: cells.next()?,
            version: cells.next()?,
            description: cells.next()?,
            is_core: true,
        })
    });
    let services = host
        .services()
        .map(super::super::host::Services::plugins)
        .unwrap_or_default();
    let services = services
        .into_iter()
        .map(|(name, version, description)| Plugin {
            name,
            version,
            description,
            is_core: false,
        });
    let others = host.triggers().described().into_iter();
    let others = others.map(|(name, version, description)| Plugin {
        name,
        version,
        description,
        is_core: false,
    });
    let letsencrypt = super::letsencrypt::is_installed(host).then(|| Plugin {
        name: "letsencrypt".to_owned(),
        version: "0.22.0".to_owned(),
        description: "Automated installation of let's encrypt TLS certificates".to_owned(),
        is_core: false,
    });
    let http_auth = super::http_auth::is_installed(host).then(|| Plugin {
        name: "http-auth".to_owned(),
        version: "0.10.0".to_owned(),
        description: "HTTP authentication for apps".to_owned(),
        is_core: false,
    });
    let mut plugins: Vec<Plugin> = core
        .chain(services)
        .chain(others)
        .chain(letsencrypt)
        .chain(http_auth)
        .collect();
    plugins.sort_by(|left, right| left.name.cmp(&right.name));
    plugins
}

fn list(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &[], &["format"])?;
    let plugins = installed(host);
    if arguments.value("format") == Some("json") {
        let objects: Vec<_> = plugins
            .iter()
            .map(|plugin| {
                json!({
                    "name": plugin.name, "version": plugin.version, "enabled": true, "core": plugin.is_core,
                    "description": plugin.description, "source_url": "", "committish": "", "branch": "",
                })
            })
            .collect();
        let text =
            serde_json::to_string(&objects).map_err(|error| Failure::new(error.to_string()))?;
        return Ok(say(io, &text)?);
    }
    for plugin in plugins {
        say(
            io,
            &format!(
                "  {:20} {} enabled    {}",
                plugin.name, plugin.version, plugin.description
            ),
        )?;
    }
    Ok(())
}

fn list_keys(call: &Call, io: &mut Io, _host: &SandboxHost) -> Outcome {
    Ok(say(
        io,
        &format!(
            "{} NAME=\"{}\" SSHCOMMAND_ALLOWED_KEYS=\"no-agent-forwarding,no-user-rc,no-X11-forwarding,no-port-forwarding\"",
            call.caller.fingerprint, call.caller.key_name
        ),
    )?)
}

/// Nothing is logged unless events were turned on, which only root can do.
fn events(_call: &Call, _io: &mut Io, _host: &SandboxHost) -> u8 {
    0
}
