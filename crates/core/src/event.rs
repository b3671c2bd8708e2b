//! What an operation tells while it runs. The narration, not the record: that is `Deployment`.

use std::time::Duration;

use crate::host::Stream;

/// Something worth telling the person who waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// A step begins: a short sentence in the present, such as "Pushing 1a2b3c4 to myapp".
    Step(&'a str),
    /// A step ended well: a short sentence in the past.
    Done {
        /// What was done.
        what: &'a str,
        /// How long it took.
        took: Duration,
    },
    /// A fact that explains what is or is not done.
    Note(&'a str),
    /// Something is not as it should be, but the operation goes on.
    Warning(&'a str),
    /// A line of a running command's output.
    Output {
        /// Whose output: `build`, or the name of a release task.
        source: &'a str,
        /// Standard output or standard error.
        from: Stream,
        /// The line, without its end. Hostile text.
        line: &'a str,
    },
}

/// Who hears the narration.
pub trait Report: Send {
    /// Takes one event.
    fn event(&mut self, event: Event<'_>);
}

/// Hears everything, says nothing.
#[derive(Debug, Default)]
pub struct Silence;

impl Report for Silence {
    fn event(&mut self, _: Event<'_>) {}
}
