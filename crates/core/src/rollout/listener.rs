//! Following a long command: tells its output, keeps the journal fresh, heeds requests to stop.

use std::{collections::VecDeque, ops::ControlFlow, time::Duration};

use super::{
    ground::Ground,
    keeper::{Keeper, Kept},
};
use crate::{
    app::AppName,
    event::{Event, Report},
    host::{Follow, HostError, Stream},
    journal::{BEAT_EVERY, Journal},
};

/// How long a running command is let go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    /// The time after which it is stopped.
    pub limit: Option<Duration>,
    /// How many requests to stop it takes; the first of several only warns.
    pub interrupts: u32,
}

/// What was heard of a command.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    /// The last lines.
    pub tail: VecDeque<String>,
    /// Whether it was stopped because of its time limit.
    pub is_overdue: bool,
    /// Whether Dokku said that the build is done and is being released.
    pub has_released: bool,
    /// Whether Dokku said that it took the branch and deployed nothing.
    pub is_ignored: bool,
}

const TAIL: usize = 40;

impl Listener<'_> {
    /// Shows in the journal that the run lives; `false`: the journal is not this run's any more.
    fn beat(&self, journal: &Journal) -> Result<bool, HostError> {
        let kept = self
            .keeper
            .beat(self.app, journal, journal.phase, self.ground)?;
        Ok(kept == Kept::Done)
    }
}

/// Hears a running command.
pub(super) struct Listener<'b> {
    pub source: &'b str,
    pub patience: Patience,
    pub begun: Duration,
    pub interrupts_before: u32,
    pub has_warned: bool,
    pub ground: Ground<'b>,
    pub app: &'b AppName,
    pub keeper: Keeper,
    pub journal: Option<&'b Journal>,
    pub report: &'b mut dyn Report,
    pub last_beat: &'b mut Duration,
    pub heard: Heard,
    /// Where standard output is an answer and not narration: its last line so far.
    pub answer: Option<String>,
}

impl Follow for Listener<'_> {
    fn line(&mut self, from: Stream, line: &str) {
        if let (Some(answer), Stream::Out) = (&mut self.answer, from) {
            line.clone_into(answer);
            return;
        }
        if line.contains("WARNING: deploy did not complete") {
            self.heard.is_ignored = true;
        }
        if line.starts_with("-----> Releasing ") {
            self.heard.has_released = true;
        }
        if self.heard.tail.len() == TAIL {
            self.heard.tail.pop_front();
        }
        self.heard.tail.push_back(line.to_owned());
        self.report.event(Event::Output {
            source: self.source,
            from,
            line,
        });
    }

    fn tick(&mut self) -> ControlFlow<()> {
        let now = self.ground.clock.elapsed();
        if self
            .patience
            .limit
            .is_some_and(|limit| now.saturating_sub(self.begun) >= limit)
        {
            self.heard.is_overdue = true;
            return ControlFlow::Break(());
        }
        let requests = self
            .ground
            .interrupts
            .requests()
            .0
            .saturating_sub(self.interrupts_before);
        if requests >= self.patience.interrupts {
            return ControlFlow::Break(());
        }
        if requests > 0 && !self.has_warned {
            self.has_warned = true;
            self.report.event(Event::Warning(
                "a release task is running, and a killed one can be worse than a slow one; ask again to kill it",
            ));
        }
        if let Some(journal) = self.journal
            && now.saturating_sub(*self.last_beat) >= BEAT_EVERY
        {
            *self.last_beat = now;
            match self.beat(journal) {
                Ok(true) => {}
                Ok(false) => {
                    self.journal = None;
                    self.report.event(Event::Warning(
                        "another run has taken this deploy over: it ends when this command has ended",
                    ));
                }
                Err(error) => {
                    let text = format!("the deploy journal could not be kept fresh: {error}");
                    self.report.event(Event::Warning(&text));
                }
            }
        }
        ControlFlow::Continue(())
    }
}
