//! `server setup`, `server status`, `server remove`: the plugin on a host.

mod notify;
mod record;
mod schedule;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use dokku_deploy::audit::Action;
use serde_json::json;

use self::record::recorded;
use crate::{
    exit_codes,
    failure::Failure,
    installation::{Found, Payload, RemoteError, Root, architecture_of_this, plan, sha256},
    invocation::Invocation,
    ui::visible,
};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `server`
#[derive(Debug, Args)]
pub struct ServerArguments {
    #[command(subcommand)]
    command: ServerCommand,
}

/// What to do with the host.
#[derive(Debug, Subcommand)]
enum ServerCommand {
    /// Install or upgrade the plugin and make the directories of backups
    Setup(SetupArguments),
    /// Say what is installed
    Status(Access),
    /// Back up all databases every day, by the host's own timer
    Schedule(schedule::ScheduleArguments),
    /// Choose whom the host itself tells of what no dokku-cli sees
    Notify(notify::NotifyArguments),
    /// Remove the plugin; the audit log and backups stay
    Remove(Access),
    /// Write the plugin with this program as an archive, to be installed by hand
    Archive(ArchiveArguments),
}

/// How root is reached.
#[derive(Debug, Args)]
struct Access {
    /// Root on the host, for ssh
    #[arg(long, value_name = "root@HOST")]
    root_ssh: String,
    /// Log in as this user and use sudo, where root may not log in
    #[arg(long, value_name = "USER")]
    sudo_user: Option<String>,
    /// Where backups are kept on the host
    #[arg(long, value_name = "DIRECTORY", default_value = "/var/backups/dokku")]
    backups: String,
}

/// `server archive`
#[derive(Debug, Args)]
struct ArchiveArguments {
    /// The archive; its SHA-256 goes into a file beside it
    #[arg(value_name = "FILE", default_value = "deploy-system.tar.gz")]
    file: PathBuf,
    /// The dokku-cli to put in, where the host's architecture is not this machine's
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// `server setup`
#[derive(Debug, Args)]
struct SetupArguments {
    #[command(flatten)]
    access: Access,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// The dokku-cli to install, where the host's architecture is not this machine's
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

impl Access {
    fn root(&self) -> Result<Root, Failure> {
        let host = self.root_ssh.rsplit('@').next().unwrap_or_default();
        if host.is_empty() || self.root_ssh.starts_with('-') {
            return Err(Failure::usage(format!(
                "--root-ssh wants root@HOST, not {:?}",
                self.root_ssh
            )));
        }
        if !self.backups.starts_with('/') || self.backups.trim_end_matches('/').is_empty() {
            return Err(Failure::usage(
                "--backups wants the full path of a directory",
            ));
        }
        Ok(Root {
            target: match &self.sudo_user {
                Some(user) => format!("{user}@{host}"),
                None => self.root_ssh.clone(),
            },
            has_sudo: self.sudo_user.is_some(),
            backups: self.backups.trim_end_matches('/').to_owned(),
        })
    }
}

/// Writes what `server setup` would send into a file.
fn archive(arguments: &ArchiveArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let file = &arguments.file;
    let Some(name) = file.file_name().map(|name| name.to_string_lossy()) else {
        return Err(Failure::usage(format!(
            "{} is not the name of a file",
            file.display()
        )));
    };
    let archive = Payload::new(arguments.program.as_deref())?;
    let bytes = archive.archive()?;
    let sum = sha256(&bytes);
    let beside = file.with_file_name(format!("{name}.sha256"));
    appear(file, &bytes)?;
    appear(&beside, format!("{sum}  {name}\n").as_bytes())?;
    if invocation.ui.is_json() {
        invocation.ui.json(&json!({"file": file, "sha256": sum}))?;
    } else {
        invocation
            .ui
            .result(&visible(&file.display().to_string()))?;
    }
    invocation.ui.info(&format!(
        "SHA-256 {sum}; install it on a host with two commands:"
    ));
    let shown = file.display();
    invocation.ui.plain(&format!(
        "  scp {shown} root@HOST:/tmp/deploy-system.tar.gz"
    ));
    invocation.ui.plain(
        "  ssh root@HOST dokku plugin:install file:///tmp/deploy-system.tar.gz --name deploy-system",
    );
    Ok(exit_codes::OK)
}

/// Writes a file that appears whole or not at all.
fn appear(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        let code = match error {
            RemoteError::Local(_) => exit_codes::INTERNAL,
            _ => exit_codes::HOST,
        };
        Self::new(code, error.to_string())
    }
}

/// Runs `server …`.
pub fn run(arguments: &ServerArguments, invocation: &Invocation) -> Result<u8, Failure> {
    match &arguments.command {
        ServerCommand::Setup(arguments) => setup(arguments, invocation),
        ServerCommand::Status(access) => status(access, invocation),
        ServerCommand::Schedule(arguments) => schedule::run(arguments, invocation),
        ServerCommand::Notify(arguments) => notify::run(arguments, invocation),
        ServerCommand::Remove(access) => remove(access, invocation),
        ServerCommand::Archive(arguments) => archive(arguments, invocation),
    }
}

/// A host that can be set up.
fn fit(root: &Root) -> Result<Found, Failure> {
    let found = root.look()?;
    if !found.is_root {
        return Err(Failure::refused(format!("{} is not root there", root.target))
            .hint("Give root@HOST, or --sudo-user USER for a user who may use sudo without a password."));
    }
    if found.dokku.is_none() {
        return Err(Failure::new(
            exit_codes::HOST,
            format!("there is no Dokku on {}", root.target),
        ));
    }
    Ok(found)
}

fn setup(arguments: &SetupArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let root = arguments.access.root()?;
    let payload = Payload::new(arguments.program.as_deref())?;
    let found = fit(&root)?;
    let ours = architecture_of_this();
    if arguments.program.is_none() && found.machine != ours {
        return Err(Failure::refused(format!(
            "{} is a {}, and this program is for {ours}; nothing was changed",
            root.target, found.machine
        ))
        .hint("Give a dokku-cli for that architecture with --program FILE."));
    }
    let steps = plan(&found, &payload.digest);
    let words: Vec<String> = steps
        .iter()
        .map(|step| step.words(VERSION, &root.backups))
        .collect();
    for line in &words {
        ui.info(&format!("{}: {line}", root.target));
    }
    if !steps.is_empty() && !arguments.dry_run {
        let note = words.join("; ");
        recorded(Action::ServerSetup, &note, &root, invocation, || {
            set_up(&root, &payload)
        })?;
    }
    if ui.is_json() {
        ui.json(&json!({"host": root.target, "steps": words, "done": !arguments.dry_run}))?;
    } else if steps.is_empty() {
        ui.success(&format!("{} has everything already", root.target));
    } else if arguments.dry_run {
        ui.info("Nothing was changed (--dry-run)");
    } else {
        ui.success(&format!("{} enforces deploy locks now", root.target));
    }
    Ok(exit_codes::OK)
}

fn set_up(root: &Root, payload: &Payload) -> Result<(), Failure> {
    root.set_up(&payload.archive()?)?;
    let left = plan(&root.look()?, &payload.digest);
    if left.is_empty() {
        return Ok(());
    }
    let left: Vec<String> = left
        .iter()
        .map(|step| step.words(VERSION, &root.backups))
        .collect();
    Err(Failure::new(
        exit_codes::HOST,
        format!(
            "after the setup of {} there is still to do: {}",
            root.target,
            left.join("; ")
        ),
    ))
}

fn status(access: &Access, invocation: &Invocation) -> Result<u8, Failure> {
    let root = access.root()?;
    let found = root.look()?;
    let ui = invocation.ui;
    if ui.is_json() {
        ui.json(&json!({
            "host": root.target,
            "machine": found.machine,
            "dokku": found.dokku,
            "plugin": found.plugin,
            "enabled": found.is_enabled,
            "missing_backups": found.missing_backups,
        }))?;
        return Ok(exit_codes::OK);
    }
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let enabled = if found.is_enabled {
        "enabled"
    } else {
        "not enabled"
    };
    for line in [
        format!("dokku:   {}", or_none(&found.dokku)),
        format!("plugin:  {} ({enabled})", or_none(&found.plugin)),
        format!("machine: {}", found.machine),
    ] {
        ui.result(&visible(&line))?;
    }
    for kind in &found.missing_backups {
        ui.warning(&format!("{}/{kind} does not exist", root.backups));
    }
    Ok(exit_codes::OK)
}

fn remove(access: &Access, invocation: &Invocation) -> Result<u8, Failure> {
    let root = access.root()?;
    fit(&root)?;
    let left = recorded(Action::ServerRemove, "", &root, invocation, || {
        Ok(root.remove()?)
    })?;
    let ui = invocation.ui;
    if ui.is_json() {
        ui.json(&json!({"host": root.target, "left": left}))?;
        return Ok(exit_codes::OK);
    }
    ui.success(&format!(
        "The plugin is no longer on {}; locks are not enforced there",
        root.target
    ));
    for path in &left {
        ui.info(&format!("{path} stays"));
    }
    Ok(exit_codes::OK)
}
