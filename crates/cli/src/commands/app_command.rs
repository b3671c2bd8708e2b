//! Commands of an app whose output is passed on as it comes.

use std::{io, ops::ControlFlow};

use dokku_deploy::{
    app::AppName,
    command::DokkuCommand,
    host::{Follow, Host, HostError, Stream},
    interrupt::Interrupts,
};

use super::with_host;
use crate::{exit_codes, failure::Failure, invocation::Invocation, ui::Ui};

/// Runs the command, whose output is the result, and returns its exit status. A request to stop
/// ends it here; on the host it may go on.
pub fn pass_on(
    command: &DokkuCommand,
    host: &dyn Host,
    interrupts: &dyn Interrupts,
    ui: &Ui,
) -> Result<i32, Failure> {
    follow(command, host, interrupts, ui, false)
}

/// Runs a command that changes an app. What it says is passed on; `done` is the result, with
/// `--json` as an object.
pub fn perform(
    command: &DokkuCommand,
    app: &AppName,
    done: &str,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let status = with_host(invocation, |host, interrupts| {
        follow(command, host, interrupts, ui, ui.is_json())
    })?;
    match status {
        0 => {
            if ui.is_json() {
                ui.json(&serde_json::json!({ "app": app, "result": done.to_lowercase() }))?;
            }
            ui.success(done);
            Ok(exit_codes::OK)
        }
        20 => Err(
            Failure::new(exit_codes::HOST, format!("there is no app {app}"))
                .hint("`dokku-cli list` shows the apps of the host."),
        ),
        status => Err(Failure::new(
            exit_codes::APP,
            format!("`{command}` failed with status {status}"),
        )),
    }
}

fn follow(
    command: &DokkuCommand,
    host: &dyn Host,
    interrupts: &dyn Interrupts,
    ui: &Ui,
    is_narration: bool,
) -> Result<i32, Failure> {
    let mut passing = Passing {
        is_narration,
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
    /// Whether standard output is kept for something else.
    is_narration: bool,
    ui: &'a Ui,
    interrupts: &'a dyn Interrupts,
    asked_before: u32,
    failed: Option<io::Error>,
}

impl Follow for Passing<'_> {
    fn line(&mut self, from: Stream, line: &str) {
        if self.is_narration {
            self.ui.output(None, line);
        } else if self.failed.is_none() {
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
