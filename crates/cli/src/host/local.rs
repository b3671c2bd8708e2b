//! The host that this program runs on: Dokku as a child, as the plugin may call it.

use std::{io, path::PathBuf, process::Command};

use dokku_deploy::{
    command::DokkuCommand,
    host::{Answer, Follow, Host, HostError, Push, PushOutcome},
    interrupt::{Interrupts, Never},
    transfer::{Open, StreamingHost, SupplyingHost, TransferError},
};

use super::{
    carry::{self, Carry},
    child::{self, End, Input, Watch},
};

/// Dokku on this machine.
#[derive(Debug, Default)]
pub struct LocalHost;

impl LocalHost {
    fn local(why: impl std::fmt::Display) -> HostError {
        HostError::Local {
            program: "dokku".to_owned(),
            why: why.to_string(),
        }
    }
}

impl LocalHost {
    fn run(
        command: &DokkuCommand,
        input: Input<'_>,
        watch: &mut dyn Watch,
    ) -> Result<i32, HostError> {
        let mut dokku = Command::new("dokku");
        dokku
            .args(command.words()?)
            // A push's quarantine is no business of these, and `--app` was meant for us.
            .env_remove("GIT_QUARANTINE_PATH")
            .env_remove("DOKKU_APP_NAME");
        // The work directory of a build may be gone by now.
        if let Some(home) = std::env::var_os("DOKKU_ROOT").map(PathBuf::from)
            && home.is_dir()
        {
            dokku.current_dir(home);
        }
        match child::run(&mut dokku, input, watch).map_err(Self::local)? {
            End::Stopped => Err(HostError::Stopped {
                command: command.to_string(),
            }),
            End::Exited(status) => status
                .code()
                .ok_or_else(|| Self::local(format!("`{command}` was killed"))),
        }
    }
}

impl Carry for LocalHost {
    fn carry(&self, command: &DokkuCommand, watch: &mut dyn Watch) -> Result<i32, HostError> {
        let input = command.stdin().map_or(Input::Nothing, Input::Text);
        Self::run(command, input, watch)
    }
}

impl Host for LocalHost {
    fn name(&self) -> &'static str {
        "this host"
    }

    fn ask(&self, command: &DokkuCommand) -> Result<Answer, HostError> {
        carry::ask(self, command, &Never)
    }

    fn follow(&self, command: &DokkuCommand, follow: &mut dyn Follow) -> Result<i32, HostError> {
        carry::follow(self, command, follow)
    }

    fn push(&self, _: &Push, _: &mut dyn Follow) -> Result<PushOutcome, HostError> {
        Err(Self::local("nothing is pushed from the host to itself"))
    }
}

impl StreamingHost for LocalHost {
    fn receive(
        &self,
        command: &DokkuCommand,
        to: &mut (dyn io::Write + Send),
        interrupts: &dyn Interrupts,
    ) -> Result<Answer, TransferError> {
        carry::receive(self, command, to, interrupts)
    }
}

impl SupplyingHost for LocalHost {
    fn supply(
        &self,
        command: &DokkuCommand,
        open: Open<'_>,
        interrupts: &dyn Interrupts,
    ) -> Result<Answer, HostError> {
        let input = Input::Stream(open().map_err(Self::local)?);
        carry::supply(command, interrupts, |watch| {
            Self::run(command, input, watch)
        })
    }
}
