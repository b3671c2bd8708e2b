//! `http-auth:*`: a stand-in for the third-party plugin, absent until it is switched on over the control socket.
//!
//! Written from the plugin's source (dokku-http-auth, newer than 0.10.0). It keeps the plugin's files, which the router
//! heeds as nginx would, and the plugin's peculiarity: what `enable` writes asks for a password only if there were users
//! before, so the first user of an app is in the file and protects nothing.

use std::path::PathBuf;

use fs_err as fs;

use super::answer::{header, info, verbose, warn};
use super::arguments::check_app;
use super::{Call, Failure, Outcome, Verb, say, stand_in};
use crate::host::SandboxHost;
use crate::io::Io;
use crate::runtime::access::crypt;
use crate::store::StoreError;

/// Verbs of this plugin; known only while it is installed.
pub const VERBS: &[Verb] = &[
    Verb::new("http-auth:add-user", add_user),
    Verb::new("http-auth:disable", disable),
    Verb::new("http-auth:enable", enable),
    Verb::new("http-auth:remove-user", remove_user),
    Verb::new("http-auth:report", report),
    Verb::new("http-auth:show-config", show_config),
];

/// Whether the stand-in is switched on.
pub fn is_installed(host: &SandboxHost) -> bool {
    stand_in::is_installed(host, "http-auth")
}

/// Switches the stand-in on or off.
pub fn install(host: &SandboxHost, is_installed: bool) -> Result<(), StoreError> {
    stand_in::install(host, "http-auth", is_installed)
}

/// The plugin's files of one app.
struct Files {
    configuration: PathBuf,
    users: PathBuf,
}

impl Files {
    fn of(call: &Call, host: &SandboxHost) -> Result<Self, Failure> {
        let app = call.arg(0);
        check_app(host, app)?;
        let home = host.root().join("home").join(app);
        fs::create_dir_all(home.join("nginx.conf.d"))?;
        Ok(Self {
            configuration: home.join("nginx.conf.d/http-auth.conf"),
            users: home.join("htpasswd"),
        })
    }

    fn is_enabled(&self) -> bool {
        self.configuration.is_file()
    }

    fn users(&self) -> String {
        fs::read_to_string(&self.users).unwrap_or_default()
    }

    fn write_configuration(&self) -> Result<(), Failure> {
        let text = if self.users().is_empty() {
            "\n".to_owned()
        } else {
            let users = self.users.display();
            format!("\nauth_basic           \"Restricted\";\nauth_basic_user_file {users};\n")
        };
        fs::write(&self.configuration, text)?;
        if !self.users.exists() {
            fs::write(&self.users, "")?;
        }
        Ok(())
    }

    fn without(&self, user: &str) -> String {
        let prefix = format!("{user}:");
        let users = self.users();
        let others = users.lines().filter(|line| !line.starts_with(&prefix));
        others.flat_map(|line| [line, "\n"]).collect()
    }

    fn add(&self, user: &str, password: &str) -> Result<(), Failure> {
        let hash = crypt(password, None)?;
        let users = format!("{}{user}:{hash}\n", self.without(user));
        Ok(fs::write(&self.users, users)?)
    }
}

fn enable(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let files = Files::of(call, host)?;
    if files.is_enabled() {
        return Ok(info(
            io,
            "Authentication already enabled, use http-auth:add-user or http-auth:remove-user to modify users",
        )?);
    }
    info(io, &format!("Enabling HTTP auth for {}...", call.arg(0)))?;
    files.write_configuration()?;
    if call.arg(1).is_empty() || call.arg(2).is_empty() {
        warn(io, "Skipping user initialization")?;
    } else {
        files.add(call.arg(1), call.arg(2))?;
    }
    Ok(verbose(io, "Done")?)
}

fn disable(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let files = Files::of(call, host)?;
    if !files.is_enabled() {
        return Ok(info(io, "Authentication already disabled")?);
    }
    info(io, &format!("Disabling HTTP auth for {}...", call.arg(0)))?;
    fs::remove_file(&files.configuration)?;
    Ok(verbose(io, "Done")?)
}

fn add_user(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let files = enabled(call, host)?;
    // The plugin says the same of a missing password.
    if call.arg(1).is_empty() || call.arg(2).is_empty() {
        return Err(Failure::new("Missing username"));
    }
    info(io, &format!("Adding {} to basic auth list", call.arg(1)))?;
    files.add(call.arg(1), call.arg(2))
}

fn remove_user(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let files = enabled(call, host)?;
    if call.arg(1).is_empty() {
        return Err(Failure::new("Missing username"));
    }
    info(
        io,
        &format!("Removing {} from basic auth list", call.arg(1)),
    )?;
    Ok(fs::write(&files.users, files.without(call.arg(1)))?)
}

fn enabled(call: &Call, host: &SandboxHost) -> Result<Files, Failure> {
    let files = Files::of(call, host)?;
    if files.is_enabled() {
        Ok(files)
    } else {
        Err(Failure::new("Authentication is disabled"))
    }
}

fn show_config(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let files = Files::of(call, host)?;
    if !files.is_enabled() {
        let message = format!("No nginx.conf exists for {}", call.arg(0));
        return Err(Failure::new(message));
    }
    let text = fs::read_to_string(&files.configuration)?;
    Ok(say(io, text.trim_end_matches('\n'))?)
}

fn report(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let files = Files::of(call, host)?;
    let users = files.users();
    let names: Vec<&str> = users
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name)
        .collect();
    let values = [
        ("--http-auth-enabled", files.is_enabled().to_string()),
        ("--http-auth-allowed-ips", String::new()),
        ("--http-auth-users", names.join(" ")),
    ];
    let flag = call.arg(1);
    if flag.is_empty() {
        header(call, io, &format!("{} http-auth information", call.arg(0)))?;
        for (flag, value) in values {
            let key = flag.trim_start_matches("--").replace('-', " ");
            let key = format!("{}{}:", key[..1].to_uppercase(), &key[1..]);
            verbose(io, &format!("{key:<30} {value:<25}"))?;
        }
        return Ok(());
    }
    match values.iter().find(|(known, _)| *known == flag) {
        Some((_, value)) if !value.is_empty() => Ok(say(io, value)?),
        Some(("--http-auth-allowed-ips", _)) => Ok(()),
        Some(_) => Err(Failure::new("not deployed")),
        None => Err(Failure::new(
            "Invalid flag passed, valid flags: --http-auth-enabled --http-auth-allowed-ips --http-auth-users",
        )),
    }
}
