//! Talking about backups with the plugin on the host.

use std::{io::Write, ops::ControlFlow};

use dokku_deploy::{
    command::DokkuCommand,
    dokku::{
        deploy_system::{self, PluginError},
        is_unknown_command,
    },
    host::{Answer, Follow, Host, Stream},
    interrupt::Interrupts,
    plugin_protocol::{BackupReport, BackupRequest, FaultKind},
    transfer::{StreamingHost, TransferError},
};
use serde::de::DeserializeOwned;

use crate::{
    backup::BucketSettings,
    exit_codes,
    failure::Failure,
    host::SshHost,
    ui::{Relayed, Ui},
};

/// The most of an answer that is kept: 16 MiB, as of every answer.
const LARGEST: usize = 16 * 1024 * 1024;

/// What came of asking the plugin.
pub enum Server<T> {
    /// It answered.
    Answered(T),
    /// It is not there, or too old to know the question; what to tell where that is the end.
    NoPlugin(Failure),
}

/// Has backups made; what the plugin tells on the way is passed on.
pub fn make(
    host: &SshHost,
    interrupts: &dyn Interrupts,
    request: &BackupRequest,
    bucket: Option<&BucketSettings>,
    ui: &Ui,
) -> Result<Server<BackupReport>, Failure> {
    let request = BackupRequest {
        is_watched: ui.draws(),
        ..request.clone()
    };
    let mut command = deploy_system::backup(&request);
    if let Some(bucket) = bucket.filter(|_| request.has_bucket) {
        command = command.input(bucket.to_json());
    }
    let mut telling = Telling {
        ui,
        interrupts,
        asked_before: interrupts.requests().0,
        out: String::new(),
        err: Vec::new(),
        relayed: Relayed::default(),
    };
    let status = host.follow(&command, &mut telling)?;
    let answer = Answer {
        command: command.to_string(),
        status,
        stdout: telling.out.into_bytes(),
        stderr: telling.err.join("\n").into_bytes(),
    };
    read(&answer, host.name())
}

/// Asks a short question.
pub fn ask<T: DeserializeOwned>(
    host: &SshHost,
    command: &DokkuCommand,
) -> Result<Server<T>, Failure> {
    read(&host.ask(command)?, host.name())
}

/// Streams a backup of the host to `to`.
pub fn receive(
    host: &SshHost,
    command: &DokkuCommand,
    to: &mut (dyn Write + Send),
    interrupts: &dyn Interrupts,
) -> Result<(), Failure> {
    let answer = host
        .receive(command, to, interrupts)
        .map_err(|error| match error {
            TransferError::Host(error) => Failure::from(error),
            TransferError::Write(error) => Failure::internal(error.to_string()),
        })?;
    if is_unknown_command(&answer) {
        return Err(missing(host.name()));
    }
    Ok(answer.accepted().map(drop)?)
}

fn read<T: DeserializeOwned>(answer: &Answer, host: &str) -> Result<Server<T>, Failure> {
    match deploy_system::read(answer, host) {
        Ok(result) => Ok(Server::Answered(result)),
        Err(PluginError::Lacking(_)) => Ok(Server::NoPlugin(missing(host))),
        Err(PluginError::Host(error)) => Err(error.into()),
        Err(PluginError::Mismatch(error)) => Err(Failure::new(exit_codes::HOST, error.to_string())),
        Err(PluginError::Fault(fault)) => {
            let code = match fault.kind {
                FaultKind::Invalid => exit_codes::USAGE,
                FaultKind::Busy => exit_codes::REFUSED,
                _ => exit_codes::HOST,
            };
            Err(Failure::new(code, format!("on {host}: {}", fault.message)))
        }
    }
}

fn missing(host: &str) -> Failure {
    Failure::new(
        exit_codes::HOST,
        format!("the plugin deploy-system on {host} is not installed, or too old to make backups; Dokku alone lets nobody write files there"),
    )
    .hint(format!("Install or upgrade it: dokku-cli server setup --root-ssh root@{}", host.rsplit('@').next().unwrap_or(host)))
    .hint("Or back up to this machine, over ssh: dokku-cli db APP backup")
}

/// Passes narration on as it comes, and gathers the answer.
struct Telling<'a> {
    ui: &'a Ui,
    interrupts: &'a dyn Interrupts,
    asked_before: u32,
    out: String,
    /// Lines that may be Dokku's own complaint instead of narration: told at the end.
    err: Vec<String>,
    /// What it tells of its streams.
    relayed: Relayed,
}

impl Follow for Telling<'_> {
    fn line(&mut self, from: Stream, line: &str) {
        match from {
            Stream::Out if self.out.len() + line.len() < LARGEST => {
                self.out.push_str(line);
                self.out.push('\n');
            }
            Stream::Out => {}
            Stream::Err if line.contains("is not a dokku command") => {
                self.err.push(line.to_owned());
            }
            Stream::Err if self.relayed.take(line) => {}
            Stream::Err => self.relayed.beside(|| self.ui.output(None, line)),
        }
    }

    fn tick(&mut self) -> ControlFlow<()> {
        if self.interrupts.requests().0 > self.asked_before {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
