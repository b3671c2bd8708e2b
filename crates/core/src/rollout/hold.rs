//! The journal of the deploy under way: taken, kept and removed.

use jiff::Timestamp;

use super::{
    keeper::{self, Keeper, Kept},
    left::is_new_live,
    run::{Halt, Run},
};
use crate::{
    deployment::Stage,
    host::HostError,
    journal::{self, BEAT_EVERY, Journal, Phase},
    variables::MANAGED,
};

impl Run<'_> {
    /// Writes the journal and makes sure that it is ours.
    ///
    /// With the plugin that is one compare-and-set on the host. Without it: look, write, read back,
    /// and (`recheck`) read once more right before the push. Two runs could both go on only if one of
    /// them stalled between its look and its write for longer than the other needs for three round
    /// trips; Dokku then still refuses the second build.
    pub fn take_journal(&mut self) -> Result<(), Halt> {
        let at = Stage::Prepare;
        let now = self.ground.clock.now();
        let journal = self.new_journal(now);
        if self.keeper == Keeper::Plugin {
            let over = self
                .plan
                .takeover
                .as_ref()
                .map(|earlier| earlier.id.as_str());
            match keeper::take_by_plugin(self.app(), &journal, over, self.ground) {
                Ok(Some(Kept::Done)) => {
                    self.owed.clone_from(&journal.owed);
                    self.journal = Some(journal);
                    return self.end_left_tasks();
                }
                Ok(Some(Kept::Lost { by })) => return Err(self.began_too(by.as_deref())),
                Ok(None) => {
                    self.keeper = Keeper::Variables(self.plan.capabilities.set_variables);
                }
                Err(error) => {
                    let halt = self.halt(&at, error);
                    if !matches!(halt, Halt::Failed(..)) {
                        // Nobody knows whether it was written: it may have to be removed.
                        self.journal = Some(journal);
                    }
                    return Err(halt);
                }
            }
        }
        self.refuse_other_journal(now)?;
        let owed = journal.owed.clone();
        let written = self.write(&at, &journal.variables());
        if !matches!(written, Err(Halt::Failed(..))) {
            // Also where nobody knows whether it was written: then it may have to be removed.
            self.journal = Some(journal);
        }
        written?;
        self.hold_journal(&at)?;
        self.owed = owed;
        self.end_left_tasks()
    }

    fn began_too(&self, by: Option<&str>) -> Halt {
        let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
        Halt::Ousted(format!(
            "another deploy of {}{by} began at the same moment",
            self.app()
        ))
    }

    fn new_journal(&self, now: Timestamp) -> Journal {
        let before = |key: &str| (key.to_owned(), self.plan.before.get(key).cloned());
        let mut undo = journal::Undo::new();
        if let Some(changes) = self.plan.variable_changes() {
            undo = changes.before(&self.plan.before);
            undo.extend([before(MANAGED)]);
        }
        if self.plan.builds() || self.plan.kept().is_some() {
            undo.extend([before("GIT_REV")]);
        }
        let mut journal = Journal {
            id: self.wish.run_id.clone(),
            phase: Phase::Preparing,
            started: now,
            alive: now,
            by: self.wish.actor.clone(),
            commit: self.wish.commit.sha.clone(),
            previous: self.plan.previous_commit.clone(),
            undo,
            entry: self.wish.entry.clone(),
            owed: Vec::new(),
        };
        if let Some(earlier) = &self.plan.takeover {
            journal.inherit(earlier);
            // A crash right now must not make the next run forget how far that one was.
            journal.phase = earlier.phase;
            let release = self.plan.history.current().map(|release| release.version);
            journal.owed = earlier.unrecorded(is_new_live(earlier, self.plan), release);
        }
        journal
    }

    /// Refuses if another run has begun since the plan was made.
    fn refuse_other_journal(&self, now: Timestamp) -> Result<(), Halt> {
        let variables = self.variables(&Stage::Prepare)?;
        let journal =
            Journal::of(&variables).map_err(|bad| Halt::Failed(Stage::Prepare, bad.to_string()))?;
        let expected = self
            .plan
            .takeover
            .as_ref()
            .map(|earlier| earlier.id.as_str());
        match journal {
            Some(journal) if Some(journal.id.as_str()) != expected && !journal.is_expired(now) => {
                Err(self.began_too(Some(&journal.by)))
            }
            _ => Ok(()),
        }
    }

    /// Makes sure that the journal on the host is still this run's: a run that was thought dead
    /// must not go on in what has become another's.
    pub fn hold_journal(&self, stage: &Stage) -> Result<(), Halt> {
        let Some(journal) = &self.journal else {
            return Ok(());
        };
        let kept = keeper::look(self.app(), journal, self.ground);
        self.still_ours(stage, kept)
    }

    /// Notes in the journal how far the deploy is.
    pub fn enter(&mut self, phase: Phase, stage: &Stage) -> Result<(), Halt> {
        let Some(journal) = &self.journal else {
            return Ok(());
        };
        let began = self.ground.clock.elapsed();
        let kept = self.keeper.beat(self.app(), journal, phase, self.ground);
        self.still_ours(stage, kept)?;
        self.last_beat = began;
        if let Some(journal) = &mut self.journal {
            journal.phase = phase;
        }
        Ok(())
    }

    fn still_ours(&self, stage: &Stage, kept: Result<Kept, HostError>) -> Result<(), Halt> {
        match kept.map_err(|error| self.halt(stage, error))? {
            Kept::Done => Ok(()),
            Kept::Lost { .. } => Err(Halt::Ousted(format!(
                "another run has taken the deploy of {} over",
                self.app()
            ))),
        }
    }

    /// Shows that the run lives, if it is time for that.
    pub fn keep_fresh(&mut self, stage: &Stage) -> Result<(), Halt> {
        let since = self.ground.clock.elapsed().saturating_sub(self.last_beat);
        match self.journal.as_ref().map(|journal| journal.phase) {
            Some(phase) if since >= BEAT_EVERY => self.enter(phase, stage),
            _ => Ok(()),
        }
    }

    /// Removes the journal where nothing is left to repair. What was deployed stays so where that fails.
    pub fn end_journal(&mut self) {
        if !self.is_over {
            return;
        }
        if let Err(halt) = self.drop_journal() {
            self.warn(format!(
                "the deploy's journal stays on {} ({}): others take it for a deploy under way for 15 \
                 minutes; `dokku-cli deploy --abort` removes it",
                self.app(),
                halt.why()
            ));
        }
    }

    /// Removes the journal: the deploy is over and nothing is left to repair.
    pub fn drop_journal(&mut self) -> Result<(), Halt> {
        let Some(journal) = &self.journal else {
            return Ok(());
        };
        self.keeper
            .drop(self.app(), journal, self.ground)
            .map_err(|error| self.halt(&Stage::Record, error))?;
        self.journal = None;
        Ok(())
    }
}
