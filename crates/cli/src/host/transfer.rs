//! Dumps from the host and to it: streams of bytes of any size.

use std::io::{self, Read, Write};

use dokku_deploy::{
    command::DokkuCommand,
    host::{Answer, Host, HostError},
    interrupt::Interrupts,
    transfer::{StreamingHost, TransferError},
};

use super::{
    SshHost,
    carry::{self, Receiving},
    child::Input,
    classify,
};

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

impl SshHost<'_> {
    /// Runs a command that reads what `open` gives, to its end. `open` is called again where the
    /// command was certainly not sent.
    pub fn supply(
        &self,
        command: &DokkuCommand,
        open: &dyn Fn() -> io::Result<Box<dyn Read + Send>>,
        interrupts: &dyn Interrupts,
    ) -> Result<Answer, HostError> {
        let mut nowhere = io::sink();
        let mut receiving = Receiving::new(&mut nowhere, interrupts);
        let status = self.send_with(command, &|| open().map(Input::Stream), &mut receiving)?;
        self.judged(command, receiving.answer(command, status))
    }

    fn judged(&self, command: &DokkuCommand, answer: Answer) -> Result<Answer, HostError> {
        match classify::not_dokku(Host::name(self), command.verb(), &answer) {
            Some(error) => Err(error),
            None => Ok(answer),
        }
    }
}
