//! `dokku-cli maintain`: what a host needs now and then.

use clap::{Args, Subcommand};
use dokku_deploy::{
    audit::{Action, AuditEntry, Status, key},
    command::DokkuCommand,
    dokku::{cleanup, is_unknown_command, letsencrypt},
    host::Host,
};

use super::{app_command, with_host};
use crate::{
    actor, exit_codes, failure::Failure, invocation::Invocation, origin, publish::recorded,
    schedule::Scheduled,
};

/// What `maintain` takes.
#[derive(Debug, Args)]
pub struct MaintainArguments {
    /// What to do.
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Renew the certificates that end soon (of the host's Let's Encrypt plugin)
    Certificates(Scheduled),
    /// Remove stopped containers and images without a name; images for rollbacks stay
    Docker(Scheduled),
}

/// Does it, and shows what the host says.
pub fn run(arguments: &MaintainArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    match &arguments.task {
        Task::Certificates(scheduled) => {
            scheduled.run("certificates", invocation, || certificates(invocation))
        }
        Task::Docker(scheduled) => scheduled.run("docker", invocation, || {
            let failed = "the containers and images could not be cleaned up";
            done("docker", &cleanup::of_everything(), failed, invocation)?;
            Ok(exit_codes::OK)
        }),
    }
}

fn certificates(invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let has_plugin = with_host(invocation, |host, _| {
        let answer = host.ask(&letsencrypt::help())?;
        if is_unknown_command(&answer) {
            return Ok(false);
        }
        answer.accepted()?;
        Ok(true)
    })?;
    if !has_plugin {
        invocation
            .ui
            .info("The host has no Let's Encrypt plugin: there is nothing to renew");
        return Ok(exit_codes::OK);
    }
    let failed = "not every certificate could be renewed; the host's words are above";
    done(
        "certificates",
        &letsencrypt::auto_renew(),
        failed,
        invocation,
    )?;
    Ok(exit_codes::OK)
}

fn done(
    task: &str,
    command: &DokkuCommand,
    failed: &str,
    invocation: &Invocation<'_>,
) -> Result<(), Failure> {
    with_host(invocation, |host, watch| {
        let origin = origin::begin(&actor::name(None)?, host.name(), None);
        let entry = AuditEntry::of_host(Action::Maintenance, Status::Started, &origin)
            .with(key::TASK, task)
            .with(key::CHANGE, command.to_string());
        recorded(entry, host, invocation, |_| {
            match app_command::pass_on(command, host, watch, invocation.ui)? {
                0 => Ok(()),
                status => Err(Failure::new(
                    exit_codes::HOST,
                    format!("{}: {failed} (status {status})", host.name()),
                )),
            }
        })
    })
}
