//! The only printing: narration on standard error, results on standard output.
//!
//! Colours appear on a terminal only (`NO_COLOR` switches them off there too). Text from hosts,
//! commits and files cannot steer the terminal: see [`visible()`].

mod annotations;
mod answer;
mod narration;
mod outline;
mod progress;
mod visible;

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use dokku_deploy::host::Stream;
use owo_colors::OwoColorize;
use serde::Serialize;

pub use self::{
    annotations::Annotation,
    narration::Narration,
    outline::outline,
    progress::{Progress, Relayed, Watched, WatchedReader},
    visible::{colours_only, visible},
};
use crate::{failure::Failure, global::Global};

/// How much is told, and in which form.
#[derive(Debug, Default)]
pub struct Ui {
    is_quiet: bool,
    is_json: bool,
    is_verbose: bool,
    has_result: AtomicBool,
    is_relayed: AtomicBool,
    runner: OnceLock<annotations::Runner>,
}

/// What a person answered to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Yes.
    Yes,
    /// No, or anything else.
    No,
    /// Nobody there to answer: standard input is no terminal, or it ended.
    Nobody,
}

#[allow(
    clippy::unused_self,
    reason = "whoever prints has to hold this one value"
)]
impl Ui {
    /// As the command line wants it.
    pub fn new(global: &Global) -> Self {
        Self {
            is_quiet: global.quiet,
            is_json: global.json,
            is_verbose: global.verbose,
            has_result: AtomicBool::new(false),
            is_relayed: AtomicBool::new(false),
            runner: OnceLock::new(),
        }
    }

    /// Whether the result is to be JSON.
    pub fn is_json(&self) -> bool {
        self.is_json
    }

    /// A blank line, the title and a blank line, as narration.
    pub fn header(&self, title: &str) {
        if !self.is_quiet {
            narrate(&format!("\n{}\n\n", visible(title).bold().cyan()));
        }
    }

    /// `ℹ`: what is being done, or a fact.
    pub fn info(&self, text: &str) {
        if !self.is_quiet {
            narrate(&format!("{} {}\n", "ℹ".blue(), visible(text)));
        }
    }

    /// `✓`: what has been done.
    pub fn success(&self, text: &str) {
        if !self.is_quiet {
            narrate(&format!("{} {}\n", "✓".green(), visible(text)));
        }
    }

    /// `⚠`: something weighty is being done. Left out in quiet mode.
    pub fn caution(&self, text: &str) {
        if !self.is_quiet {
            self.warning(text);
        }
    }

    /// `⚠`: something is not as it should be. Said in quiet mode too.
    pub fn warning(&self, text: &str) {
        if self.annotate(Annotation::Warning, text) {
            return;
        }
        narrate(&format!("{} {}\n", "⚠".yellow(), visible(text)));
    }

    /// A line without a symbol.
    pub fn plain(&self, text: &str) {
        if !self.is_quiet {
            narrate(&format!("{}\n", visible(text)));
        }
    }

    /// A line for `-v`.
    pub fn detail(&self, text: &str) {
        if self.is_verbose {
            narrate(&format!("{}\n", visible(text).dimmed()));
        }
    }

    /// Whether somebody sees what is drawn.
    pub fn draws(&self) -> bool {
        !self.is_quiet && io::stderr().is_terminal()
    }

    /// From now on another `dokku-cli` reads this one's narration and draws its progress.
    pub fn relay(&self) {
        self.is_relayed.store(true, Ordering::Relaxed);
    }

    /// Shows how far a stream has come, on a terminal only.
    pub fn progress(&self, what: &str) -> Progress {
        let what = visible(what).into_owned();
        if self.is_relayed.load(Ordering::Relaxed) {
            Progress::told(what)
        } else if self.draws() {
            Progress::bar(what)
        } else {
            Progress::nowhere()
        }
    }

    /// A line of what runs on the host, as narration. `label` names it where more than one thing
    /// speaks; without one the line is passed through as it is.
    pub fn output(&self, label: Option<&str>, line: &str) {
        if self.is_quiet {
            return;
        }
        let is_terminal = io::stderr().is_terminal();
        let line = if is_terminal {
            colours_only(line)
        } else {
            line.into()
        };
        let text = match label {
            Some(label) => format!("{} {line}\n", format!("{} │", visible(label)).dimmed()),
            // A CI runner takes `::set-env …` and the like for commands, wherever they stand.
            None if line.trim_start().starts_with("::") => format!("│ {line}\n"),
            None => format!("{line}\n"),
        };
        if is_terminal {
            narrate(&text);
        } else {
            let text = match label {
                Some(label) => format!("{} │ {line}\n", visible(label)),
                None => text,
            };
            tell(&mut io::stderr().lock(), &text);
        }
    }

    /// Prints the error with its hints, and with `--json` an object where no result was printed.
    pub fn failure(&self, failure: &Failure) {
        self.end_group();
        self.annotate(Annotation::Error, &failure.message);
        narrate(&format!("{} {}\n", "✗".red(), visible(&failure.message)));
        for hint in &failure.hints {
            narrate(&format!("  {}\n", visible(hint)));
        }
        if self.is_json && !self.has_result.load(Ordering::Relaxed) {
            let object = serde_json::json!({"error": {
                "message": failure.message,
                "hints": failure.hints,
                "exit_code": failure.code,
            }});
            // The exit code tells of the failure even where nobody takes this.
            tell(&mut io::stdout().lock(), &format!("{object}\n"));
        }
    }

    /// Prints a line of the result. Text from outside has to go through [`visible()`] before.
    pub fn result(&self, line: &str) -> Result<(), Failure> {
        self.has_result.store(true, Ordering::Relaxed);
        let mut out = anstream::stdout().lock();
        written(writeln!(out, "{line}").and_then(|()| out.flush()))
    }

    /// Prints the title of a part of the result.
    pub fn title(&self, title: &str) -> Result<(), Failure> {
        self.result(&format!("\n{}", title.bold()))
    }

    /// Prints a line of the result that begins with a verdict in green or red.
    pub fn verdict(&self, is_good: bool, word: &str, rest: &str) -> Result<(), Failure> {
        let rest = visible(rest);
        if is_good {
            self.result(&format!("{}{rest}", word.green()))
        } else {
            self.result(&format!("{}{rest}", word.red()))
        }
    }

    /// Whether somebody is there to answer a question.
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal()
    }

    /// Prints the result as one line of JSON.
    pub fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.has_result.store(true, Ordering::Relaxed);
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::internal(format!("the result is no JSON: {error}")))?;
        let mut out = io::stdout().lock();
        written(writeln!(out, "{text}").and_then(|()| out.flush()))
    }

    /// Passes a line of a command's own output on: it is the result.
    pub fn pass_on(&self, from: Stream, line: &str) -> io::Result<()> {
        match from {
            Stream::Out => pass(&mut io::stdout().lock(), line),
            Stream::Err => pass(&mut io::stderr().lock(), line),
        }
    }

    /// Asks for a text, on a terminal only. An empty answer, and nobody to answer, keep `present`.
    pub fn ask(&self, question: &str, present: Option<&str>) -> Result<Option<String>, Failure> {
        let present = present.map(str::to_owned);
        if !io::stdin().is_terminal() {
            return Ok(present);
        }
        let shown = present.as_deref().unwrap_or_default();
        narrate(&format!("{} [{}]: ", visible(question), visible(shown)));
        let answer = answer::line()?
            .ok_or_else(|| Failure::refused("no answer was given; nothing was changed"))?;
        Ok(if answer.is_empty() {
            present
        } else {
            Some(answer)
        })
    }

    /// Asks for a word that has to be typed in full, on a terminal only; `None`: nobody is there.
    pub fn type_in(&self, question: &str) -> Result<Option<String>, Failure> {
        if !io::stdin().is_terminal() {
            return Ok(None);
        }
        narrate(&visible(question));
        answer::line()
    }

    /// Asks a question that is answered with yes or no, on a terminal only.
    pub fn confirm(&self, question: &str) -> Result<Reply, Failure> {
        if !io::stdin().is_terminal() {
            return Ok(Reply::Nobody);
        }
        narrate(&format!("{} (y/N): ", visible(question)));
        let answer = answer::line()?;
        Ok(match answer.as_deref() {
            Some("y" | "Y" | "yes" | "Yes") => Reply::Yes,
            Some(_) => Reply::No,
            None => {
                narrate("\n");
                Reply::Nobody
            }
        })
    }
}

/// Prints narration, with its colours where standard error is a terminal.
fn narrate(text: &str) {
    tell(&mut anstream::stderr().lock(), text);
}

/// Writes where a failure cannot be told to anybody: the reader is gone, and the exit code still
/// says what happened.
fn tell(to: &mut impl Write, text: &str) {
    let _nobody_reads = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

fn pass(to: &mut (impl Write + IsTerminal), line: &str) -> io::Result<()> {
    let line = if to.is_terminal() {
        colours_only(line)
    } else {
        line.into()
    };
    writeln!(to, "{line}")?;
    to.flush()
}

/// A reader that has enough (`| head`) is no failure; a full disk is.
fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::internal(format!(
            "cannot write the result: {error}"
        ))),
        _ => Ok(()),
    }
}
