//! How commands answer: Dokku's log forms, its failures and their exit codes.

use std::io::{self, Write};

use super::Call;
use crate::io::{Io, Out};
use crate::store::StoreError;

/// What a handler returns; a failure has not been written yet.
pub type Outcome = Result<(), Failure>;

/// A failed command: what goes to stderr, and the exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Lines for stderr, each without Dokku's ` !     ` in front; empty to say nothing.
    pub lines: Vec<String>,
    /// The exit code.
    pub code: u8,
}

impl Failure {
    /// One line, exit code 1.
    pub fn new(line: impl Into<String>) -> Self {
        Self {
            lines: vec![line.into()],
            code: 1,
        }
    }

    /// One line and an exit code.
    pub fn coded(line: impl Into<String>, code: u8) -> Self {
        Self {
            lines: vec![line.into()],
            code,
        }
    }

    /// Nothing to say: the exit code alone.
    pub fn silent(code: u8) -> Self {
        Self {
            lines: Vec::new(),
            code,
        }
    }

    /// `App NAME does not exist`, exit code 20.
    pub fn no_such_app(name: &str) -> Self {
        Self::coded(format!("App {name} does not exist"), 20)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSuchApp(name) => Self::no_such_app(&name),
            other => Self::new(other.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    /// A write to a client that has gone ends the command; any other error is shown.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::silent(141)
        } else {
            Self::new(error.to_string())
        }
    }
}

/// Writes a failure; the answer is the exit code.
pub fn finish(outcome: Outcome, io: &mut Io) -> u8 {
    match outcome {
        Ok(()) => 0,
        Err(failure) => {
            for line in &failure.lines {
                write_or_hang_up(&mut io.stderr, &format!(" !     {line}\n"));
            }
            failure.code
        }
    }
}

/// Writes text to a client that may have gone, where there is nobody left to tell.
pub fn write_or_hang_up(out: &mut Out, text: &str) {
    match out.write_all(text.as_bytes()) {
        Ok(()) | Err(_) => {}
    }
}

/// `-----> text` on stdout.
pub fn info(io: &mut Io, text: &str) -> io::Result<()> {
    writeln!(io.stdout, "-----> {text}")
}

/// `-----> text` on stdout, unless `--quiet`.
pub fn info_quiet(call: &Call, io: &mut Io, text: &str) -> io::Result<()> {
    if call.flags.quiet {
        Ok(())
    } else {
        info(io, text)
    }
}

/// `=====> text` on stdout, unless `--quiet`.
pub fn header(call: &Call, io: &mut Io, text: &str) -> io::Result<()> {
    if call.flags.quiet {
        Ok(())
    } else {
        writeln!(io.stdout, "=====> {text}")
    }
}

/// Text indented by seven blanks on stdout.
pub fn verbose(io: &mut Io, text: &str) -> io::Result<()> {
    writeln!(io.stdout, "       {text}")
}

/// ` !     text` on stderr.
pub fn warn(io: &mut Io, text: &str) -> io::Result<()> {
    writeln!(io.stderr, " !     {text}")
}
