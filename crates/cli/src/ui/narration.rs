//! The events of a flow as lines for the person who waits.

use dokku_deploy::{
    event::{Event, Report},
    host::Stream,
};

use super::Ui;

/// Tells events through the one place that prints.
pub struct Narration<'a> {
    ui: &'a Ui,
}

impl<'a> Narration<'a> {
    /// Tells on `ui`.
    pub fn new(ui: &'a Ui) -> Self {
        Self { ui }
    }
}

impl Report for Narration<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Step(what) if self.ui.is_annotating() => self.ui.group(what),
            Event::Step(what) => self.ui.info(&format!("{what}...")),
            Event::Done { what, took } => {
                self.ui.end_group();
                self.ui
                    .success(&format!("{what} ({:.1} s)", took.as_secs_f64()));
            }
            Event::Note(text) => self.ui.info(text),
            Event::Warning(text) => self.ui.warning(text),
            Event::Output { source, from, line } => {
                let label = match (source, from) {
                    // Dokku marks its own lines; a label would only repeat itself.
                    ("build" | "deploy", Stream::Out | Stream::Err) => None,
                    (source, _) => Some(source),
                };
                self.ui.output(label, line);
            }
        }
    }
}
