//! What GitHub's runner reads from the log: groups, annotations, values to mask.
//!
//! The runner takes any line that begins with `::` for a command, whoever printed it: an app's
//! build could set variables of the job. So commands are stopped from the first moment on, and
//! only our own lines get through, with a word that nobody else knows.

use super::{Ui, tell};

/// The word that lets commands through again.
#[derive(Debug)]
pub(super) struct Runner(String);

/// What a line of the log is marked as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Annotation {
    /// Shown on the run's page, in yellow.
    Warning,
    /// Shown on the run's page, in red.
    Error,
}

impl Ui {
    /// From now on a runner of GitHub Actions reads the log. `word` has to be unguessable.
    pub fn annotate_with(&self, word: String) {
        let runner = self.runner.get_or_init(|| Runner(word));
        say(&format!("::stop-commands::{}\n", runner.0));
    }

    /// Lets the runner read commands from others again: the end of the program.
    pub fn give_back(&self) {
        if let Some(runner) = self.runner.get() {
            say(&format!("::{}::\n", runner.0));
        }
    }

    /// Whether a runner reads the log.
    pub fn is_annotating(&self) -> bool {
        self.runner.get().is_some()
    }

    /// Begins a group that can be folded away; an open one ends. Without a runner nothing.
    pub fn group(&self, title: &str) {
        self.command(&format!("::endgroup::\n::group::{}", escaped(title)));
    }

    /// Ends the group.
    pub fn end_group(&self) {
        self.command("::endgroup::");
    }

    /// Hides a text wherever the log would show it. Lines are hidden one by one, as the log has them.
    pub fn mask(&self, secret: &str) {
        for line in secret.lines().filter(|line| line.trim().len() >= SHORTEST) {
            self.command(&format!("::add-mask::{}", escaped(line)));
        }
    }

    /// Says it as an annotation, if there is a runner to take it.
    pub(super) fn annotate(&self, kind: Annotation, text: &str) -> bool {
        let kind = match kind {
            Annotation::Warning => "warning",
            Annotation::Error => "error",
        };
        self.command(&format!("::{kind}::{}", escaped(text)))
    }

    /// In one piece: nothing of another thread may come between.
    fn command(&self, command: &str) -> bool {
        let Some(runner) = self.runner.get() else {
            return false;
        };
        let word = &runner.0;
        say(&format!("::{word}::\n{command}\n::stop-commands::{word}\n"));
        true
    }
}

/// Shorter texts are no secrets, and hiding them would make the log unreadable.
const SHORTEST: usize = 4;

/// The message of a command: it ends with its line, so that line breaks are written otherwise.
fn escaped(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// On the stream of the narration, so that the order holds.
fn say(text: &str) {
    tell(&mut std::io::stderr().lock(), text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_on_its_line() {
        assert_eq!(
            escaped("100 %\r\n::set-output name=x::y"),
            "100 %25%0D%0A::set-output name=x::y"
        );
    }

    #[test]
    fn without_a_runner_nothing_is_a_command() {
        let ui = Ui::default();
        assert!(!ui.is_annotating());
        assert!(!ui.annotate(Annotation::Error, "x"));
    }
}
