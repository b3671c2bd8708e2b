//! A command of an app whose own output is the result: it is passed on as it comes.

use std::{io, ops::ControlFlow};

use dokku_deploy::{
    command::DokkuCommand,
    host::{Follow, Host, HostError, Stream},
    interrupt::Interrupts,
};

use crate::{failure::Failure, ui::Ui};

/// Runs the command and returns its exit status. A request to stop ends it here; on the host it
/// may go on.
pub fn pass_on(
    command: &DokkuCommand,
    host: &dyn Host,
    interrupts: &dyn Interrupts,
    ui: &Ui,
) -> Result<i32, Failure> {
    let mut passing = Passing {
        ui,
        interrupts,
        asked_before: interrupts.requests().0,
        failed: None,
    };
    let status = host.follow(command, &mut passing);
    match (passing.failed, status) {
        // Whoever read has enough.
        (Some(error), _) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        (Some(error), _) => Err(Failure::internal(format!(
            "cannot write the output: {error}"
        ))),
        (None, Err(error @ HostError::Stopped { .. })) => {
            Err(Failure::from(error).hint("On the host it may go on."))
        }
        (None, status) => Ok(status?),
    }
}

/// The exit code of a command of the host: it fits into one byte, as it does on every Unix.
pub fn code(status: i32) -> u8 {
    u8::try_from(status).unwrap_or(u8::MAX)
}

struct Passing<'a> {
    ui: &'a Ui,
    interrupts: &'a dyn Interrupts,
    asked_before: u32,
    failed: Option<io::Error>,
}

impl Follow for Passing<'_> {
    fn line(&mut self, from: Stream, line: &str) {
        if self.failed.is_none() {
            self.failed = self.ui.pass_on(from, line).err();
        }
    }

    fn tick(&mut self) -> ControlFlow<()> {
        if self.failed.is_some() || self.interrupts.requests().0 > self.asked_before {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
