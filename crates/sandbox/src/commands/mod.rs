//! Dokku's commands: one file a plugin, one function a verb, and the dispatcher that finds them.
//!
//! To add a verb, write `fn(&Call, &mut Io, &SandboxHost) -> Outcome` (or `-> u8`, an exit code, when it has
//! written its own errors), put it into your file's `pub const VERBS: &[Verb]` with [`Verb::new`] (or
//! [`Verb::coded`]), and add that slice to [`VERBS`] below. Verbs with a shape in common (`postgres:create`,
//! `mysql:create`) may share a function: it reads [`Call::verb`]. A handler runs on a thread of its own and may block.

pub mod answer;
pub mod apps;
pub mod arguments;
mod builds;
pub mod config;
pub mod config_format;
pub mod docker;
pub mod domains;
mod git;
mod git_archive;
mod help;
pub mod http_auth;
pub mod letsencrypt;
mod logs;
mod plugin;
pub mod plugn;
pub mod ports;
pub mod property;
mod ps;
mod ps_inspect;
pub mod report;
mod resource;
mod run;
mod stand_in;
mod storage;
mod switches;
mod tables;

use std::io::Write;
use std::net::SocketAddr;

pub use answer::{Failure, Outcome};

use crate::host::SandboxHost;
use crate::io::Io;
use crate::services;
use crate::words::{self, GlobalFlags};

/// Every slice of verbs; the first match wins.
const VERBS: &[&[Verb]] = &[
    help::VERBS,
    apps::VERBS,
    config::VERBS,
    domains::VERBS,
    services::MARIADB_VERBS,
    services::MYSQL_VERBS,
    services::POSTGRES_VERBS,
    services::REDIS_VERBS,
    git::VERBS,
    http_auth::VERBS,
    letsencrypt::VERBS,
    plugin::VERBS,
    ports::VERBS,
    resource::VERBS,
    storage::VERBS,
    switches::VERBS,
    tables::VERBS,
    ps::VERBS,
    run::VERBS,
    logs::VERBS,
    builds::VERBS,
];

/// The Dokku version that the sandbox answers like.
pub const DOKKU_VERSION: &str = "0.38.27";

/// Who calls: what the forced command puts into the environment.
#[derive(Debug, Clone)]
pub struct Caller {
    /// `NAME` and `SSH_NAME`: the name of the key.
    pub key_name: String,
    /// `FINGERPRINT`: `SHA256:…` of the key.
    pub fingerprint: String,
    /// The client's end of the connection.
    pub client: SocketAddr,
    /// The server's end of the connection.
    pub server: SocketAddr,
}

impl Caller {
    /// A caller on the host itself, as a plugin that runs `dokku` is.
    pub fn local() -> Self {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            key_name: "default".to_owned(),
            fingerprint: String::new(),
            client: nowhere,
            server: nowhere,
        }
    }
}

/// One command, split and ready.
#[derive(Debug, Clone)]
pub struct Call {
    /// The line as it came.
    pub raw: String,
    /// The first word, aliases resolved.
    pub verb: String,
    /// The words after it; the value of `--app` stands first, as Dokku puts it.
    pub args: Vec<String>,
    /// The words as they were split, verb included, nothing inserted.
    pub words: Vec<String>,
    /// Flags found anywhere in the line.
    pub flags: GlobalFlags,
    /// Who calls.
    pub caller: Caller,
}

impl Call {
    /// The argument at `index`, empty if there is none.
    pub fn arg(&self, index: usize) -> &str {
        self.args.get(index).map_or("", String::as_str)
    }
}

/// A function that answers a verb.
#[derive(Clone, Copy)]
pub struct Verb {
    name: &'static str,
    run: Run,
}

#[derive(Clone, Copy)]
enum Run {
    Outcome(fn(&Call, &mut Io, &SandboxHost) -> Outcome),
    Code(fn(&Call, &mut Io, &SandboxHost) -> u8),
}

impl Verb {
    /// A verb whose failures are written by the dispatcher in Dokku's form.
    pub const fn new(name: &'static str, run: fn(&Call, &mut Io, &SandboxHost) -> Outcome) -> Self {
        Self {
            name,
            run: Run::Outcome(run),
        }
    }

    /// A verb that writes its own errors and answers an exit code.
    pub const fn coded(name: &'static str, run: fn(&Call, &mut Io, &SandboxHost) -> u8) -> Self {
        Self {
            name,
            run: Run::Code(run),
        }
    }
}

/// Runs one raw line as the forced command does; the answer is the exit code.
pub fn execute(raw: &str, caller: Caller, io: &mut Io, host: &SandboxHost) -> u8 {
    let line = words::understand(raw);
    if let Some(complaint) = &line.complaint {
        answer::write_or_hang_up(&mut io.stderr, complaint);
    }
    run(raw, line.words, line.flags, caller, io, host)
}

/// Runs words that need no splitting, as a plugin's own call of `dokku` on the host does.
pub fn execute_words(words: &[String], caller: Caller, io: &mut Io, host: &SandboxHost) -> u8 {
    let (words, flags) = words::without_flags(words);
    run(&words.join(" "), words, flags, caller, io, host)
}

fn run(
    raw: &str,
    words: Vec<String>,
    flags: GlobalFlags,
    caller: Caller,
    io: &mut Io,
    host: &SandboxHost,
) -> u8 {
    let host = &host.seen_by(&caller);
    let given = words.first().map_or("", String::as_str);
    let verb = resolve_alias(given);
    let mut args: Vec<String> = words.iter().skip(1).cloned().collect();
    if let Some(app) = flags.app.as_deref().filter(|app| !app.is_empty()) {
        args.insert(0, app.to_owned());
    }
    let call = Call {
        raw: raw.to_owned(),
        verb,
        args,
        words,
        flags,
        caller,
    };
    if let Some(code) = host.faults().before_command(&call, io) {
        return code;
    }
    if is_for_root(&call.verb) {
        return answer::finish(Err(Failure::new("This command must be run as root")), io);
    }
    if !host.triggers().is_allowed(&call, io, host) {
        return answer::finish(Err(Failure::new("Access denied")), io);
    }
    match find(&call.verb, host) {
        Some(Verb {
            run: Run::Outcome(run),
            ..
        }) => {
            let outcome = run(&call, io, host);
            answer::finish(outcome, io)
        }
        Some(Verb {
            run: Run::Code(run),
            ..
        }) => run(&call, io, host),
        None => plugin_help(&call.verb, io)
            .or_else(|| host.triggers().run_subcommand(&call, io, host))
            .unwrap_or_else(|| unknown(&call, io)),
    }
}

/// The function for a verb; the stand-in for a plugin that is not switched on is not found.
fn find(verb: &str, host: &SandboxHost) -> Option<Verb> {
    let is_absent = match verb.split_once(':') {
        Some(("letsencrypt", _)) => !letsencrypt::is_installed(host),
        Some(("http-auth", _)) => !http_auth::is_installed(host),
        _ => false,
    };
    if is_absent {
        return None;
    }
    VERBS
        .iter()
        .copied()
        .flatten()
        .find(|candidate| candidate.name == verb)
        .copied()
}

/// `PLUGIN:help` of a core plugin whose help was not recorded: the verbs that the sandbox answers.
fn plugin_help(verb: &str, io: &mut Io) -> Option<u8> {
    let plugin = verb
        .strip_suffix(":help")
        .filter(|plugin| !["http-auth", "letsencrypt"].contains(plugin))?;
    let prefix = format!("{plugin}:");
    let names: Vec<_> = verbs()
        .into_iter()
        .filter(|name| name.starts_with(&prefix))
        .collect();
    if names.is_empty() {
        return None;
    }
    let mut text = format!("Usage: dokku {plugin}[:COMMAND]\n\nAdditional commands:\n");
    for name in names {
        text.push_str("    ");
        text.push_str(name);
        text.push('\n');
    }
    answer::write_or_hang_up(&mut io.stdout, &text);
    Some(0)
}

/// Names of every verb, sorted.
pub fn verbs() -> Vec<&'static str> {
    let mut names: Vec<_> = VERBS
        .iter()
        .copied()
        .flatten()
        .map(|verb| verb.name)
        .collect();
    names.sort_unstable();
    names
}

fn unknown(call: &Call, io: &mut Io) -> u8 {
    let message = format!(
        " !     `{}` is not a dokku command.\n !     See `dokku help` for a list of available commands.\n",
        call.words.join(" ")
    );
    answer::write_or_hang_up(&mut io.stderr, &message);
    1
}

/// Everything of the plugin plugin but its help and list, and changes of ssh keys.
fn is_for_root(verb: &str) -> bool {
    (verb.starts_with("plugin:") && verb != "plugin:help" && verb != "plugin:list")
        || matches!(verb, "ssh-keys:add" | "ssh-keys:remove")
}

fn resolve_alias(verb: &str) -> String {
    const ALIASES: &[(&str, &str)] = &[
        ("docker-local", "scheduler-docker-local"),
        ("dockerfile", "builder-dockerfile"),
        ("herokuish", "builder-herokuish"),
        ("k3s", "scheduler-k3s"),
        ("lambda", "builder-lambda"),
        ("nixpacks", "builder-nixpacks"),
        ("pack", "builder-pack"),
    ];
    let (plugin, rest) = verb.split_at(verb.find(':').unwrap_or(verb.len()));
    match ALIASES.iter().find(|(alias, _)| *alias == plugin) {
        Some((_, target)) => format!("{target}{rest}"),
        None => verb.to_owned(),
    }
}

/// Writes a line to stdout.
pub(crate) fn say(io: &mut Io, line: &str) -> std::io::Result<()> {
    writeln!(io.stdout, "{line}")
}
