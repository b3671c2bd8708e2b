//! `dokku-cli doctor`: what is here, what is there, and what is missing.

use std::process::{Command, Stdio};

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

use super::{
    backup::{NIGHT, Server, ask, brief},
    with_host,
};
use crate::{exit_codes, failure::Failure, invocation::Invocation, ui::visible};

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

/// Looks at this machine and at the host.
pub fn run(invocation: &Invocation) -> Result<u8, Failure> {
    let ui = invocation.ui;
    ui.header("Dokku CLI Doctor");
    ui.plain("Checking local environment...");
    let tools = [("git", "--version"), ("ssh", "-V")]
        .map(|(program, question)| (program, version_of(program, question)));
    for (program, found) in &tools {
        match found {
            Some(version) => ui.result(&visible(&format!("✓ {program}: {version}")))?,
            None => ui.result(&format!("✗ {program} is not installed"))?,
        }
    }
    if let Some((program, _)) = tools.iter().find(|(_, found)| found.is_none()) {
        return Err(
            Failure::internal(format!("{program} is needed")).hint(format!(
                "Install it, for example: apt-get install {program}"
            )),
        );
    }
    ui.plain("Checking Dokku server connection...");
    ui.result(&format!("  Host: {}", invocation.target()?))?;
    match invocation.ssh_key()? {
        Some(key) => ui.result(&visible(&format!("  SSH Key: ✓ {}", key.display())))?,
        None => ui.result("  SSH Key: ssh's own choice")?,
    }
    let (version, plugins, nights) = with_host(invocation, |host, _| {
        let version = version::read(&host.ask(&version::ask())?, host.name())?;
        let plugins = plugin::read(&host.ask(&plugin::list())?)?;
        let is_here = |one: &Plugin| one.name == PLUGIN && one.is_enabled;
        let nights = if plugins.iter().any(is_here) {
            match ask(host, &deploy_system::backups(&brief()))? {
                Server::Answered(listing) => Some(listing),
                Server::NoPlugin(_) => None,
            }
        } else {
            None
        };
        Ok((version, plugins, nights))
    })?;
    ui.result("  Connection: ✓ Connected")?;
    for line in judge(version, &plugins)? {
        ui.result(&visible(&line))?;
    }
    let Some(listing) = nights else {
        return Ok(exit_codes::OK);
    };
    let (line, alarm) = judge_backups(&listing, Timestamp::now());
    ui.result(&visible(&line))?;
    match alarm {
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

/// What a host can do, in lines.
fn judge(version: Version, plugins: &[Plugin]) -> Result<Vec<String>, Failure> {
    let mut lines = vec![format!("  Dokku Version: {version}")];
    let capabilities = Capabilities::of(version, plugins)
        .map_err(|error| Failure::new(exit_codes::HOST, error.to_string()))?;
    lines.extend(
        capabilities
            .fallbacks()
            .into_iter()
            .map(|fallback| format!("  ⚠ {fallback}")),
    );
    let mut missing = Vec::new();
    for (name, is_recommended) in PLUGINS {
        let found = plugins.iter().find(|plugin| plugin.name == name);
        lines.push(match found {
            Some(plugin) if plugin.is_enabled => format!("✓ {name} {}", plugin.version),
            Some(_) => format!("○ {name} is disabled"),
            None if is_recommended => format!("✗ {name} is not installed"),
            None => format!("○ {name} is not installed (optional)"),
        });
        if is_recommended && found.is_none() {
            missing.push(name);
        }
    }
    if missing.is_empty() {
        lines.push("✓ All recommended plugins installed".to_owned());
    } else {
        lines.push(format!(
            "! {} recommended plugin(s) not installed. As root on the host:",
            missing.len()
        ));
        lines.extend(missing.into_iter().map(|name| {
            format!("  dokku plugin:install https://github.com/dokku/dokku-{name}.git")
        }));
    }
    Ok(lines)
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
        let lines = judge(version, &[plugin("postgres", true), plugin("redis", false)])
            .unwrap()
            .join("\n");
        assert!(lines.contains("✓ postgres 1.0"), "{lines}");
        assert!(lines.contains("○ redis is disabled"), "{lines}");
        assert!(lines.contains("! 1 recommended plugin(s)"), "{lines}");
        assert!(
            lines.ends_with("https://github.com/dokku/dokku-letsencrypt.git"),
            "{lines}"
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
