//! Dumps from the host and to it: streams of bytes of any size.

use std::{
    io::{self, Read, Write},
    ops::ControlFlow,
};

use dokku_deploy::{
    command::DokkuCommand,
    host::{Answer, HostError, Stream},
    interrupt::Interrupts,
};

use super::{
    SshHost,
    child::{Input, Watch},
    classify,
};

/// The most of standard error that is kept.
const MOST: usize = 64 * 1024;

/// Why a stream did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The host, or the way to it.
    #[error(transparent)]
    Host(#[from] HostError),
    /// What arrived could not be written.
    #[error("cannot write what the host sends: {0}")]
    Write(io::Error),
}

impl SshHost<'_> {
    /// Runs a command and writes its standard output to `to` as it comes, whatever its size. The
    /// answer holds the status and standard error only; whoever asks judges the status.
    pub fn receive(
        &self,
        command: &DokkuCommand,
        to: &mut (dyn Write + Send),
        interrupts: &dyn Interrupts,
    ) -> Result<Answer, TransferError> {
        let mut receiving = Receiving {
            to,
            err: Vec::new(),
            interrupts,
            asked_before: interrupts.requests().0,
            failed: None,
        };
        let status = self.send(command, &mut receiving);
        let Receiving { err, failed, .. } = receiving;
        if let Some(error) = failed {
            return Err(TransferError::Write(error));
        }
        Ok(self.answer(command, status?, err)?)
    }

    /// Runs a command that reads what `open` gives, to its end. `open` is called again where the
    /// command was certainly not sent.
    pub fn supply(
        &self,
        command: &DokkuCommand,
        open: &dyn Fn() -> io::Result<Box<dyn Read + Send>>,
        interrupts: &dyn Interrupts,
    ) -> Result<Answer, HostError> {
        let mut nowhere = io::sink();
        let mut receiving = Receiving {
            to: &mut nowhere,
            err: Vec::new(),
            interrupts,
            asked_before: interrupts.requests().0,
            failed: None,
        };
        let status = self.send_with(command, &|| open().map(Input::Stream), &mut receiving);
        let err = receiving.err;
        self.answer(command, status?, err)
    }

    fn answer(
        &self,
        command: &DokkuCommand,
        status: i32,
        stderr: Vec<u8>,
    ) -> Result<Answer, HostError> {
        let answer = Answer {
            command: command.to_string(),
            status,
            stdout: Vec::new(),
            stderr,
        };
        match classify::not_dokku(
            dokku_deploy::host::Host::name(self),
            command.verb(),
            &answer,
        ) {
            Some(error) => Err(error),
            None => Ok(answer),
        }
    }
}

struct Receiving<'a> {
    to: &'a mut (dyn Write + Send),
    err: Vec<u8>,
    interrupts: &'a dyn Interrupts,
    asked_before: u32,
    failed: Option<io::Error>,
}

impl Watch for Receiving<'_> {
    fn piece(&mut self, from: Stream, bytes: &[u8]) -> ControlFlow<()> {
        match from {
            Stream::Out => {
                if let Err(error) = self.to.write_all(bytes) {
                    self.failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
            Stream::Err => {
                self.err.extend_from_slice(bytes);
                let surplus = self.err.len().saturating_sub(MOST);
                self.err.drain(..surplus);
            }
        }
        ControlFlow::Continue(())
    }

    fn tick(&mut self) -> ControlFlow<()> {
        if self.interrupts.requests().0 > self.asked_before {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
