//! What every way to a host has in common: an answer gathered, lines followed, a stream written.

use std::{
    io::{self, Write},
    ops::ControlFlow,
    time::{Duration, Instant},
};

use dokku_deploy::{
    command::DokkuCommand,
    host::{Answer, Follow, HostError, Stream},
    interrupt::Interrupts,
    transfer::TransferError,
};

use super::{child::Watch, lines::Lines};

/// The most bytes that one stream of an answer may have.
const LARGEST: usize = 16 * 1024 * 1024;
/// Time for an answer. The slowest questions make a service and fetch its image.
const LONGEST: Duration = Duration::from_mins(10);
/// The most of standard error that is kept of a stream.
const MOST: usize = 64 * 1024;

/// A way to a host.
pub trait Carry {
    /// Runs a command there and watches it to its end; its exit status.
    fn carry(&self, command: &DokkuCommand, watch: &mut dyn Watch) -> Result<i32, HostError>;
}

/// Runs a command whose answer is short.
pub fn ask(
    way: &dyn Carry,
    command: &DokkuCommand,
    interrupts: &dyn Interrupts,
) -> Result<Answer, HostError> {
    let mut gathered = Gathered {
        out: Vec::new(),
        err: Vec::new(),
        begun: Instant::now(),
        interrupts,
        asked_before: interrupts.requests().0,
        why: None,
    };
    let sent = way.carry(command, &mut gathered);
    let status = match (sent, gathered.why) {
        (Err(HostError::Stopped { command }), Some(TooMuch::Time)) => {
            return Err(HostError::TimedOut {
                command,
                after: LONGEST,
            });
        }
        (Err(HostError::Stopped { command }), Some(TooMuch::Text)) => {
            return Err(HostError::Unparsable {
                command,
                expected: "shorter than 16 MiB".into(),
            });
        }
        (sent, _) => sent?,
    };
    Ok(Answer {
        command: command.to_string(),
        status,
        stdout: gathered.out,
        stderr: gathered.err,
    })
}

/// Runs a command of any length and hands its lines on.
pub fn follow(
    way: &dyn Carry,
    command: &DokkuCommand,
    follow: &mut dyn Follow,
) -> Result<i32, HostError> {
    let mut following = Following {
        out: Lines::default(),
        err: Lines::default(),
        follow,
    };
    let status = way.carry(command, &mut following);
    let Following { out, err, follow } = following;
    out.finish(|line| follow.line(Stream::Out, line));
    err.finish(|line| follow.line(Stream::Err, line));
    status
}

/// Runs a command and writes its standard output as it comes.
pub fn receive(
    way: &dyn Carry,
    command: &DokkuCommand,
    to: &mut (dyn Write + Send),
    interrupts: &dyn Interrupts,
) -> Result<Answer, TransferError> {
    let mut receiving = Receiving::new(to, interrupts);
    let status = way.carry(command, &mut receiving);
    if let Some(error) = receiving.failed.take() {
        return Err(TransferError::Write(error));
    }
    Ok(receiving.answer(command, status?))
}

/// Runs a command that reads a stream, by `send`; its answer is its status and its standard error.
pub fn supply(
    command: &DokkuCommand,
    interrupts: &dyn Interrupts,
    send: impl FnOnce(&mut dyn Watch) -> Result<i32, HostError>,
) -> Result<Answer, HostError> {
    let mut nowhere = io::sink();
    let mut receiving = Receiving::new(&mut nowhere, interrupts);
    let status = send(&mut receiving)?;
    Ok(receiving.answer(command, status))
}

/// Gathers an answer.
struct Gathered<'a> {
    out: Vec<u8>,
    err: Vec<u8>,
    begun: Instant,
    interrupts: &'a dyn Interrupts,
    asked_before: u32,
    why: Option<TooMuch>,
}

/// Why an answer was not waited for.
#[derive(Clone, Copy)]
enum TooMuch {
    Time,
    Text,
}

impl Watch for Gathered<'_> {
    fn piece(&mut self, from: Stream, bytes: &[u8]) -> ControlFlow<()> {
        let to = match from {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        if to.len() + bytes.len() > LARGEST {
            self.why = Some(TooMuch::Text);
            return ControlFlow::Break(());
        }
        to.extend_from_slice(bytes);
        ControlFlow::Continue(())
    }

    fn tick(&mut self) -> ControlFlow<()> {
        if self.begun.elapsed() >= LONGEST {
            self.why = Some(TooMuch::Time);
            return ControlFlow::Break(());
        }
        // Questions are short: the first request to stop lets them end, the second does not.
        if self.interrupts.requests().0 >= self.asked_before + 2 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// Hands the lines of a running command on.
struct Following<'f> {
    out: Lines,
    err: Lines,
    follow: &'f mut dyn Follow,
}

impl Watch for Following<'_> {
    fn piece(&mut self, from: Stream, bytes: &[u8]) -> ControlFlow<()> {
        let lines = match from {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        lines.take(bytes, |line| self.follow.line(from, line));
        ControlFlow::Continue(())
    }

    fn tick(&mut self) -> ControlFlow<()> {
        self.follow.tick()
    }
}

/// Writes a stream as it comes, and keeps the end of standard error.
struct Receiving<'a> {
    to: &'a mut (dyn Write + Send),
    err: Vec<u8>,
    interrupts: &'a dyn Interrupts,
    asked_before: u32,
    failed: Option<io::Error>,
}

impl<'a> Receiving<'a> {
    fn new(to: &'a mut (dyn Write + Send), interrupts: &'a dyn Interrupts) -> Self {
        Self {
            to,
            err: Vec::new(),
            interrupts,
            asked_before: interrupts.requests().0,
            failed: None,
        }
    }

    /// The answer of a command that ended so.
    fn answer(self, command: &DokkuCommand, status: i32) -> Answer {
        Answer {
            command: command.to_string(),
            status,
            stdout: Vec::new(),
            stderr: self.err,
        }
    }
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
