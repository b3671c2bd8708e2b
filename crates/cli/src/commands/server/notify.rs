//! `server notify`: whom the host itself tells of what no `dokku-cli` sees.

use std::{
    collections::BTreeMap,
    env,
    io::{self, IsTerminal, Read},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use dokku_deploy::{
    audit::{Action, AuditEntry, Status, key},
    dokku::deploy_system,
    host::Host,
    plugin_protocol::{NotifyRequest, NotifyState},
};

use crate::{
    actor, commands::with_host, exit_codes, failure::Failure, invocation::Invocation,
    notify::VARIABLES, origin, publish::recorded, ui::visible,
};

/// `server notify`
#[derive(Debug, Args)]
pub struct NotifyArguments {
    #[command(subcommand)]
    command: NotifyCommand,
}

#[derive(Debug, Subcommand)]
enum NotifyCommand {
    /// Store secrets on the host, from lines of NAME=VALUE on standard input
    Set(SetArguments),
    /// Say which are there, and whether messages wait; values are never shown
    Show,
    /// Forget secrets
    Unset(UnsetArguments),
}

#[derive(Debug, Args)]
struct SetArguments {
    /// Take them from this environment instead of standard input
    #[arg(long)]
    from_env: bool,
    /// A file with a section `notifications:`, as in .dokku/config.yml, for the whole host
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct UnsetArguments {
    /// Their names
    #[arg(required_unless_present = "all")]
    names: Vec<String>,
    /// All of them, and the rules
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

/// More than this is not read.
const LONGEST: u64 = 64 * 1024;

/// Runs `server notify …`.
pub fn run(arguments: &NotifyArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let request = match &arguments.command {
        NotifyCommand::Set(arguments) => set(arguments)?,
        NotifyCommand::Show => NotifyRequest::default(),
        NotifyCommand::Unset(arguments) if arguments.all => NotifyRequest {
            unset: VARIABLES
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .collect(),
            rules: Some(String::new()),
            ..NotifyRequest::default()
        },
        NotifyCommand::Unset(arguments) => NotifyRequest {
            unset: arguments.names.clone(),
            ..NotifyRequest::default()
        },
    };
    let (state, host) = with_host(invocation, |host, _| {
        let configure = || -> Result<NotifyState, Failure> {
            let answer = host.ask(&deploy_system::notify(&request))?;
            Ok(deploy_system::read(&answer, host.name())?)
        };
        let state = match &arguments.command {
            NotifyCommand::Show => configure()?,
            NotifyCommand::Set(_) | NotifyCommand::Unset(_) => {
                let entry = entry(&request, &actor::name(None)?, host);
                recorded(entry, host, invocation, |_| configure())?
            }
        };
        Ok((state, host.name().to_owned()))
    })?;
    tell(&state, &host, invocation)
}

/// What is changed, by names alone.
fn entry(request: &NotifyRequest, actor: &str, host: &dyn Host) -> AuditEntry {
    let origin = origin::begin(actor, host.name(), None);
    let mut names: Vec<&str> = request.set.keys().map(String::as_str).collect();
    names.extend(request.unset.iter().map(String::as_str));
    let change = match (request.unset.is_empty(), &request.rules) {
        (false, _) => "notify unset",
        (true, None) => "notify set",
        (true, Some(_)) => "notify set, with rules",
    };
    AuditEntry::of_host(Action::ServerConfig, Status::Started, &origin)
        .with(key::CHANGE, change)
        .with(key::KEYS, names)
}

fn set(arguments: &SetArguments) -> Result<NotifyRequest, Failure> {
    let rules = match &arguments.rules {
        Some(path) => Some(
            fs_err::read_to_string(path).map_err(|error| Failure::settings(error.to_string()))?,
        ),
        None => None,
    };
    let set = if arguments.from_env {
        let names = VARIABLES.iter().map(|(name, _)| *name);
        names
            .filter_map(|name| Some((name.to_owned(), env::var(name).ok()?)))
            .filter(|(_, value)| !value.is_empty())
            .collect()
    } else if rules.is_some() && io::stdin().is_terminal() {
        BTreeMap::new()
    } else {
        let mut text = String::new();
        io::stdin().lock().take(LONGEST).read_to_string(&mut text)?;
        lines(&text)?
    };
    if set.is_empty() && rules.is_none() {
        return Err(Failure::usage("no secret was given").hint(
            "echo SLACK_WEBHOOK_URL=https://… | dokku-cli server notify set, or --from-env",
        ));
    }
    Ok(NotifyRequest {
        set,
        rules,
        ..NotifyRequest::default()
    })
}

/// `NAME=VALUE` in each line. What is wrong is told by its line, never by its text.
fn lines(text: &str) -> Result<BTreeMap<String, String>, Failure> {
    let mut set = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("line {} is not NAME=VALUE", index + 1)))?;
        set.insert(
            name.trim().to_owned(),
            value.trim().trim_matches('"').to_owned(),
        );
    }
    Ok(set)
}

fn tell(state: &NotifyState, host: &str, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let ui = invocation.ui;
    if ui.is_json() {
        ui.json(&serde_json::json!({"host": host, "state": state}))?;
        return Ok(exit_codes::OK);
    }
    if state.variables.is_empty() {
        ui.info(&format!("{host} tells nobody"));
    }
    for name in &state.variables {
        ui.result(&visible(&format!("{name} is set")))?;
    }
    if state.has_rules {
        ui.info("It has settings of its own for who is told what");
    }
    for bad in &state.malformed {
        ui.warning(bad);
    }
    if state.waiting > 0 {
        ui.warning(&format!("{} messages wait to be sent", state.waiting));
    }
    if state.undelivered > 0 {
        ui.warning(&format!(
            "{} messages could not be sent; they are kept on the host in deploy-system/notices/undelivered",
            state.undelivered
        ));
    }
    Ok(exit_codes::OK)
}
