//! Commands of an app whose output is passed on as it comes.

use std::{io, ops::ControlFlow};

use dokku_deploy::{
    app::AppName,
    audit::{Action, AuditEntry, Status, key},
    command::DokkuCommand,
    host::{Follow, Host, HostError, Stream},
    interrupt::Interrupts,
};

use super::{missing, with_host};
use crate::{
    actor, exit_codes, failure::Failure, invocation::Invocation, origin, publish::recorded, ui::Ui,
};

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

/// How many characters of what was asked for an entry has at most.
const TOLD: usize = 1_000;

/// What a command changes about an app, and how that is told.
pub struct Change<'a> {
    /// The app.
    pub app: &'a AppName,
    /// What the audit log calls it.
    pub action: Action,
    /// What exactly is asked for, in a few words.
    pub what: String,
    /// The result, such as "Restarted"; with `--json` as an object.
    pub done: &'a str,
}

/// Runs a command that changes an app, and records that. What it says is passed on.
pub fn perform(
    command: &DokkuCommand,
    change: &Change<'_>,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    perform_after(|_| Ok(()), command, change, invocation)
}

/// The same where the host is asked something before.
pub fn perform_after(
    before: impl FnOnce(&dyn Host) -> Result<(), Failure>,
    command: &DokkuCommand,
    change: &Change<'_>,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let (ui, app) = (invocation.ui, change.app);
    with_host(invocation, |host, interrupts| {
        let origin = origin::begin(&actor::name(None)?, host.name(), None);
        let entry = AuditEntry::of_app(change.action.clone(), app, Status::Started, &origin).with(
            key::CHANGE,
            change.what.chars().take(TOLD).collect::<String>(),
        );
        recorded(entry, host, invocation, |_| {
            before(host)?;
            match follow(command, host, interrupts, ui, ui.is_json())? {
                0 => Ok(()),
                20 => Err(missing(app, host.name())),
                status => Err(Failure::new(
                    exit_codes::APP,
                    format!("`{command}` failed with status {status}"),
                )),
            }
        })
    })?;
    if ui.is_json() {
        ui.json(&serde_json::json!({ "app": app, "result": change.done.to_lowercase() }))?;
    }
    ui.success(change.done);
    Ok(exit_codes::OK)
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
