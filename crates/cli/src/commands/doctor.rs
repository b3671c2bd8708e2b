//! `dokku-cli doctor`: what is here, what is there, and what is missing.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

use dokku_deploy::{
    clock::stamp,
    dokku::{
        capabilities::Capabilities,
        deploy_system,
        plugin::{self, Plugin},
        version::{self, Version},
    },
    host::Host,
    plugin_protocol::{Listing, PLUGIN},
};
use jiff::Timestamp;
use serde_json::json;

use super::{
    backup::{NIGHT, Server, ask, brief, tell_overdue},
    with_host,
};
use crate::{
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    ui::{Ui, visible},
};

/// Plugins beyond Dokku's own, and whether most apps want them.
const PLUGINS: [(&str, bool); 8] = [
    ("letsencrypt", true),
    ("postgres", true),
    ("mysql", false),
    ("mariadb", false),
    ("redis", false),
    ("mongo", false),
    ("rabbitmq", false),
    ("elasticsearch", false),
];

/// What databases need: one of these.
const DATABASES: [&str; 4] = ["postgres", "mysql", "mariadb", "redis"];

/// Looks at this machine and at the host.
pub fn run(invocation: &Invocation) -> Result<u8, Failure> {
    let ui = invocation.ui;
    ui.header("Dokku CLI Doctor");
    ui.plain("Checking local environment...");
    let tools = [("git", "--version"), ("ssh", "-V")]
        .map(|(program, question)| (program, version_of(program, question)));
    show(
        "Local Tools",
        tools.iter().map(|(program, found)| match found {
            Some(version) => format!("  ✓ {program}: {version}"),
            None => format!("  ✗ {program} is not installed"),
        }),
        ui,
    )?;
    if let Some((program, _)) = tools.iter().find(|(_, found)| found.is_none()) {
        return Err(
            Failure::internal(format!("{program} is needed")).hint(format!(
                "Install it, for example: apt-get install {program}"
            )),
        );
    }
    ui.plain("Checking Dokku server connection...");
    let target = invocation.target()?;
    let key = match invocation.ssh_key()? {
        Some(key) => format!("✓ {}", key.display()),
        None => "ssh's own choice".to_owned(),
    };
    show(
        "Server Connection",
        [format!("  Host: {target}"), format!("  SSH Key: {key}")].into_iter(),
        ui,
    )?;
    let asked = with_host(invocation, |host, _| {
        let version = version::read(&host.ask(&version::ask())?, host.name())?;
        let plugins = plugin::read(&host.ask(&plugin::list())?)?;
        let is_here = |one: &Plugin| one.name == PLUGIN && one.is_enabled;
        let backups = if plugins.iter().any(is_here) {
            match ask(host, &deploy_system::backups(&brief()))? {
                Server::Answered(listing) => {
                    let judged = judge_backups(&listing, Timestamp::now());
                    if let (_, Some(alarm)) = &judged {
                        tell_overdue(alarm, host, invocation);
                    }
                    Some(judged)
                }
                Server::NoPlugin(_) => None,
            }
        } else {
            None
        };
        Ok((version, plugins, backups))
    });
    let (version, plugins, backups) = match asked {
        Ok(answers) => answers,
        Err(failure) => {
            if !ui.is_json() {
                ui.result("  Connection: ✗ Failed")?;
            }
            return Err(failure);
        }
    };
    let judged = judge(version, &plugins)?;
    let features = features(&plugins);
    if ui.is_json() {
        let tools: BTreeMap<_, _> = tools.into_iter().collect();
        let features: BTreeMap<_, _> = features.into_iter().collect();
        let plugins: Vec<_> = plugins
            .iter()
            .filter(|plugin| !plugin.is_core)
            .map(|plugin| json!({ "name": plugin.name, "version": plugin.version, "enabled": plugin.is_enabled }))
            .collect();
        ui.json(&json!({
            "tools": tools,
            "host": target.to_string(),
            "dokku_version": version.to_string(),
            "plugins": plugins,
            "notes": judged.notes,
            "missing": judged.missing,
            "features": features,
            "backups": backups.as_ref().map(|(line, alarm)| json!({ "told": line, "is_fine": alarm.is_none() })),
        }))?;
        return conclude(backups);
    }
    ui.result("  Connection: ✓ Connected")?;
    ui.result(&format!("  Dokku Version: {version}"))?;
    for note in &judged.notes {
        ui.result(&visible(&format!("  ⚠ {note}")))?;
    }
    show("Dokku Plugins", judged.plugins.into_iter(), ui)?;
    ui.result(&"─".repeat(60))?;
    if judged.missing.is_empty() {
        ui.result("✓ All recommended plugins installed")?;
    } else {
        ui.result(&format!(
            "! {} recommended plugin(s) not installed. As root on the host:",
            judged.missing.len()
        ))?;
        for name in judged.missing {
            ui.result(&format!(
                "  dokku plugin:install https://github.com/dokku/dokku-{name}.git"
            ))?;
        }
    }
    show(
        "Feature Availability",
        features.into_iter().map(|(feature, lacks)| match lacks {
            None => format!("  {feature:<20} Available"),
            Some(lacks) => format!("  {feature:<20} Unavailable (needs {lacks})"),
        }),
        ui,
    )?;
    if let Some((line, _)) = &backups {
        ui.result(&visible(&format!("\n{line}")))?;
    }
    conclude(backups)
}

/// The exit code, by what is known about backups.
fn conclude(backups: Option<(String, Option<String>)>) -> Result<u8, Failure> {
    match backups.and_then(|(_, alarm)| alarm) {
        None => Ok(exit_codes::OK),
        Some(alarm) => Err(Failure::new(exit_codes::VERIFICATION, alarm)
            .hint("`dokku-cli backup` makes backups of everything now.")),
    }
}

/// When all databases were last backed up: a line, and an alarm where that is too long ago.
fn judge_backups(listing: &Listing, now: Timestamp) -> (String, Option<String>) {
    match listing.last_success {
        Some(last) => {
            let age = now.duration_since(last);
            let shown = format!("all databases were last backed up at {}", stamp(last));
            if age < NIGHT && !age.is_negative() {
                (format!("✓ {shown}"), None)
            } else {
                let alarm = format!("{shown}, which is more than 26 hours ago");
                (format!("✗ {alarm}"), Some(alarm))
            }
        }
        None if listing.has_schedule || listing.failures > 0 => {
            let alarm = "there was never a run of backups without a failure".to_owned();
            (format!("✗ {alarm}"), Some(alarm))
        }
        None => (
            "○ No backups of all databases have been made (dokku-cli server schedule)".to_owned(),
            None,
        ),
    }
}

/// A part of the report, as text only.
fn show(title: &str, lines: impl Iterator<Item = String>, ui: &Ui) -> Result<(), Failure> {
    if ui.is_json() {
        return Ok(());
    }
    ui.title(title)?;
    for line in lines {
        ui.result(&visible(&line))?;
    }
    Ok(())
}

/// What can be done with this host, and what the rest lacks.
fn features(plugins: &[Plugin]) -> Vec<(&'static str, Option<String>)> {
    let has = |name: &str| {
        plugins
            .iter()
            .any(|plugin| plugin.name == name && plugin.is_enabled)
    };
    let one_of = |names: &[&str]| (!names.iter().any(|name| has(name))).then(|| names.join(" or "));
    let mut all: Vec<(&'static str, Option<String>)> = [
        "list, info, logs",
        "config, restart",
        "deploy, rollback",
        "shell, run",
        "lock, unlock",
        "domains",
        "resource limits",
    ]
    .map(|feature| (feature, None))
    .into();
    all.push(("ssl", one_of(&["letsencrypt"])));
    all.push(("db", one_of(&DATABASES)));
    all
}

/// What was found out about a host.
#[derive(Debug)]
struct Judged {
    /// What works otherwise than on a newer host.
    notes: Vec<&'static str>,
    /// The plugins, a line each.
    plugins: Vec<String>,
    /// Those that most apps want and that are not there.
    missing: Vec<&'static str>,
}

/// What a host has and what it lacks.
fn judge(version: Version, plugins: &[Plugin]) -> Result<Judged, Failure> {
    let capabilities = Capabilities::of(version, plugins)
        .map_err(|error| Failure::new(exit_codes::HOST, error.to_string()))?;
    let mut lines = Vec::new();
    let mut missing = Vec::new();
    for (name, is_recommended) in PLUGINS {
        let found = plugins.iter().find(|plugin| plugin.name == name);
        lines.push(match found {
            Some(plugin) if plugin.is_enabled => format!("  ✓ {name} {}", plugin.version),
            Some(_) => format!("  ○ {name} is disabled"),
            None if is_recommended => format!("  ✗ {name} is not installed"),
            None => format!("  ○ {name} is not installed (optional)"),
        });
        if is_recommended && found.is_none() {
            missing.push(name);
        }
    }
    Ok(Judged {
        notes: capabilities.fallbacks(),
        plugins: lines,
        missing,
    })
}

/// The first line that a program says about its version; ssh says it on standard error.
fn version_of(program: &str, question: &str) -> Option<String> {
    let answer = Command::new(program)
        .arg(question)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let said = [answer.stdout, answer.stderr].concat();
    let text = String::from_utf8_lossy(&said);
    text.lines().next().map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(name: &str, is_enabled: bool) -> Plugin {
        Plugin {
            name: name.into(),
            version: "1.0".into(),
            is_enabled,
            is_core: false,
        }
    }

    #[test]
    fn missing_plugins_come_with_the_command_that_installs_them() {
        let version = Version::new(0, 38, 27);
        let judged = judge(version, &[plugin("postgres", true), plugin("redis", false)]).unwrap();
        let lines = judged.plugins.join("\n");
        assert!(lines.contains("✓ postgres 1.0"), "{lines}");
        assert!(lines.contains("○ redis is disabled"), "{lines}");
        assert_eq!(judged.missing, ["letsencrypt"]);
    }

    #[test]
    fn a_feature_without_its_plugin_is_not_available() {
        let lacks = |plugins: &[Plugin]| -> Vec<(&str, String)> {
            features(plugins)
                .into_iter()
                .filter_map(|(feature, lacks)| Some((feature, lacks?)))
                .collect()
        };
        assert_eq!(
            lacks(&[plugin("redis", false)]),
            [
                ("ssl", "letsencrypt".to_owned()),
                ("db", "postgres or mysql or mariadb or redis".to_owned())
            ]
        );
        assert_eq!(
            lacks(&[plugin("redis", true), plugin("letsencrypt", true)]),
            []
        );
    }

    #[test]
    fn an_old_last_backup_raises_an_alarm() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let seen = |hours: Option<i64>, has_schedule, failures| {
            let listing = Listing {
                last_success: hours.map(|hours| now - jiff::SignedDuration::from_hours(hours)),
                has_schedule,
                failures,
                ..Listing::default()
            };
            judge_backups(&listing, now).1.is_some()
        };
        assert!(!seen(Some(25), true, 0));
        assert!(seen(Some(26), true, 0));
        assert!(seen(Some(-1), false, 0));
        assert!(seen(None, true, 0));
        assert!(seen(None, false, 1));
        assert!(!seen(None, false, 0));
    }

    #[test]
    fn a_host_that_is_too_old_is_no_healthy_host() {
        let failure = judge(Version::new(0, 20, 0), &[]).unwrap_err();
        assert_eq!(failure.code, exit_codes::HOST);
        assert!(failure.message.contains("too old"), "{}", failure.message);
    }
}
