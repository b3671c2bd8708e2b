//! Dumps from the host and to it: streams of bytes of any size.

use std::io::Write;

use dokku_deploy::{
    command::DokkuCommand,
    host::{Answer, Host, HostError},
    interrupt::Interrupts,
    transfer::{Open, StreamingHost, SupplyingHost, TransferError},
};

use super::{SshHost, carry, child::Input, classify};

impl StreamingHost for SshHost<'_> {
    fn receive(
        &self,
        command: &DokkuCommand,
        to: &mut (dyn Write + Send),
        interrupts: &dyn Interrupts,
    ) -> Result<Answer, TransferError> {
        let answer = carry::receive(self, command, to, interrupts)?;
        Ok(self.judged(command, answer)?)
    }
}

impl SupplyingHost for SshHost<'_> {
    fn supply(
        &self,
        command: &DokkuCommand,
        open: Open<'_>,
        interrupts: &dyn Interrupts,
    ) -> Result<Answer, HostError> {
        let answer = carry::supply(command, interrupts, |watch| {
            self.send_with(command, &|| open().map(Input::Stream), watch)
        })?;
        self.judged(command, answer)
    }
}

impl SshHost<'_> {
    fn judged(&self, command: &DokkuCommand, answer: Answer) -> Result<Answer, HostError> {
        match classify::not_dokku(Host::name(self), command.verb(), &answer) {
            Some(error) => Err(error),
            None => Ok(answer),
        }
    }
}
