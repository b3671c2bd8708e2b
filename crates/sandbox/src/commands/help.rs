//! `help` and `version`.

use std::io::Write;

use super::{Call, DOKKU_VERSION, Outcome, Verb, say};
use crate::host::SandboxHost;
use crate::io::Io;

/// Verbs of this plugin.
pub const VERBS: &[Verb] = &[
    Verb::new("", help),
    Verb::new("help", help),
    Verb::new("version", version),
    Verb::new("apps:help", help_apps),
    Verb::new("builds:help", help_builds),
    Verb::new("config:help", help_config),
    Verb::new("-v", version),
    Verb::new("--version", version),
];

/// The list of plugins as a recorded host prints it.
const PLUGINS: &str = include_str!("help/plugins.txt");

fn help(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    io.stdout.write_all(PLUGINS.as_bytes())?;
    let mut community = host.triggers().help_lines(&call.caller, host);
    if let Some(services) = host.services() {
        let names = services.plugins().into_iter().map(|(name, ..)| name);
        community.extend(
            names.map(|name| format!("    {name}, Plugin for managing {} services", title(&name))),
        );
    }
    community.sort();
    let cells: Vec<_> = community
        .iter()
        .map(|line| line.split_once(',').unwrap_or((line, "")))
        .collect();
    let width = cells
        .iter()
        .map(|(left, _)| left.len())
        .max()
        .unwrap_or_default();
    for (left, right) in cells {
        say(io, &format!("{left:width$}  {right}"))?;
    }
    Ok(())
}

/// A datastore's name as its plugin spells it.
fn title(plugin: &str) -> &str {
    match plugin {
        "postgres" => "Postgres",
        "mysql" => "MySQL",
        "mariadb" => "MariaDB",
        "redis" => "Redis",
        other => other,
    }
}

fn version(_call: &Call, io: &mut Io, _host: &SandboxHost) -> Outcome {
    Ok(say(io, &format!("dokku version {DOKKU_VERSION}"))?)
}

fn help_apps(_call: &Call, io: &mut Io, _host: &SandboxHost) -> Outcome {
    Ok(io.stdout.write_all(include_bytes!("help/apps.txt"))?)
}

fn help_builds(_call: &Call, io: &mut Io, _host: &SandboxHost) -> Outcome {
    Ok(io.stdout.write_all(include_bytes!("help/builds.txt"))?)
}

fn help_config(_call: &Call, io: &mut Io, _host: &SandboxHost) -> Outcome {
    Ok(io.stdout.write_all(include_bytes!("help/config.txt"))?)
}
