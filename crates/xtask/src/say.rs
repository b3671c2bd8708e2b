//! The only printing of the chores.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

/// One line on stdout.
pub fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// A title before the output of a step.
pub fn title(text: &str) -> io::Result<()> {
    line(&if io::stdout().is_terminal() {
        format!("\n\u{1b}[1m==> {text}\u{1b}[0m")
    } else {
        format!("\n==> {text}")
    })
}

/// The error with its causes on stderr; the exit code of a failed chore.
pub fn failure(error: &anyhow::Error) -> ExitCode {
    // Nobody is left to be told when stderr itself is closed; the exit code still says it.
    let _ = writeln!(io::stderr(), "error: {error:#}");
    ExitCode::FAILURE
}

/// Asks on the terminal; without one the answer is no.
pub fn is_agreed(question: &str) -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut out = io::stdout().lock();
    write!(out, "{question} [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
