//! A deploy under way: the plan, the journal, the clock, and how it can come to a halt.

use std::{collections::BTreeMap, time::Duration};

use super::{
    ground::Ground,
    keeper::{self, Keeper},
    listener::{Heard, Listener, Patience},
    plan::Plan,
    wish::Wish,
};
use crate::{
    app::AppName,
    command::DokkuCommand,
    deployment::{Stage, StepTime},
    dokku::config,
    event::{Event, Report},
    host::{Answer, HostError},
    interrupt::Signal,
    journal::{Journal, Unrecorded},
    secret::Secret,
    store::Variables,
};

/// Why a deploy does not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Halt {
    /// The app's or the host's clear no.
    Failed(Stage, String),
    /// Nobody knows: the host does not answer, or not in a way that can be used.
    Unknown(Stage, String),
    /// A lock or another run came in between.
    Refused(String),
    /// Another run took the journal over: hands off.
    Ousted(String),
    /// Somebody stopped it.
    Interrupted(Stage, Signal),
}

/// The deploy under way.
pub(super) struct Run<'a> {
    pub wish: &'a Wish,
    pub plan: &'a Plan,
    pub ground: Ground<'a>,
    pub report: &'a mut dyn Report,
    /// The journal as this run wrote it last.
    pub journal: Option<Journal>,
    /// Whether nothing is left to repair: the journal goes as soon as the end is recorded.
    pub is_over: bool,
    /// The runs whose journal this one has taken over.
    pub owed: Vec<Unrecorded>,
    /// Who changes it on the host.
    pub keeper: Keeper,
    pub is_held: bool,
    /// Whether the commit is on the deploy branch of the host.
    pub is_pushed: bool,
    /// Whether the newest image of the app on the host is that of the commit.
    pub is_built: bool,
    /// Whether the commit's containers may serve.
    pub may_serve: bool,
    /// Whether Dokku said that the commit's containers serve.
    pub is_live: bool,
    /// Whether the host was told to build or to switch, and its answer is awaited.
    pub is_under_way: bool,
    /// Whether going back to the earlier version was begun.
    pub is_going_back: bool,
    /// Whether the app was stopped, because everybody could have seen it.
    pub is_closed: bool,
    /// Whether the deploy has come to a halt and is being put back.
    pub is_recovering: bool,
    /// Whether the earlier version was deployed again.
    pub has_gone_back: bool,
    /// The release that records it.
    pub back_as: Option<u64>,
    pub url: Option<String>,
    /// Why the health of what serves was not checked, where it was not.
    pub unchecked: Option<&'static str>,
    pub steps: Vec<StepTime>,
    pub warnings: Vec<String>,
    pub last_beat: Duration,
}

impl<'a> Run<'a> {
    pub fn new(
        wish: &'a Wish,
        plan: &'a Plan,
        ground: Ground<'a>,
        report: &'a mut dyn Report,
    ) -> Self {
        Self {
            wish,
            plan,
            ground,
            report,
            journal: None,
            is_over: false,
            owed: Vec::new(),
            keeper: Keeper::of(&plan.capabilities),
            is_held: plan
                .takeover
                .as_ref()
                .is_some_and(|journal| journal.phase.may_hold()),
            is_pushed: false,
            is_built: false,
            may_serve: false,
            is_live: false,
            is_under_way: false,
            is_going_back: false,
            is_closed: false,
            is_recovering: false,
            has_gone_back: false,
            back_as: None,
            url: None,
            unchecked: None,
            steps: Vec::new(),
            warnings: Vec::new(),
            last_beat: ground.clock.elapsed(),
        }
    }

    pub fn app(&self) -> &'a AppName {
        &self.wish.app
    }

    /// Runs `work` as a step: announces it, times it, and says when it is done.
    pub fn step<T>(
        &mut self,
        what: &str,
        done: &str,
        work: impl FnOnce(&mut Self) -> Result<T, Halt>,
    ) -> Result<T, Halt> {
        self.step_telling(what, |_| done.to_owned(), work)
    }

    /// The same where only the work shows what was done.
    pub fn step_telling<T>(
        &mut self,
        what: &str,
        done: impl FnOnce(&Self) -> String,
        work: impl FnOnce(&mut Self) -> Result<T, Halt>,
    ) -> Result<T, Halt> {
        self.report.event(Event::Step(what));
        let begun = self.ground.clock.elapsed();
        let result = work(self);
        let took = self.ground.clock.elapsed().saturating_sub(begun);
        self.steps.push(StepTime {
            step: what.to_owned(),
            seconds: took,
        });
        if result.is_ok() {
            let done = done(self);
            if !done.is_empty() {
                self.report.event(Event::Done { what: &done, took });
            }
        }
        result
    }

    pub fn note(&mut self, text: &str) {
        self.report.event(Event::Note(text));
    }

    pub fn warn(&mut self, text: String) {
        self.report.event(Event::Warning(&text));
        self.warnings.push(text);
    }

    /// Asks, and takes everything but success as the end at `stage`.
    pub fn ask(&self, stage: &Stage, command: &DokkuCommand) -> Result<Answer, Halt> {
        self.ground
            .host
            .ask(command)
            .and_then(Answer::accepted)
            .map_err(|error| self.halt(stage, error))
    }

    /// Sets variables, without a restart.
    pub fn write(&self, stage: &Stage, variables: &BTreeMap<String, Secret>) -> Result<(), Halt> {
        let set = self.plan.capabilities.set_variables;
        keeper::write(set, self.app(), variables, self.ground)
            .map_err(|error| self.halt(stage, error))
    }

    /// What an error of the host means for the deploy.
    pub fn halt(&self, stage: &Stage, error: HostError) -> Halt {
        match error {
            HostError::Refused { .. } | HostError::Unsendable(_) => {
                Halt::Failed(stage.clone(), error.to_string())
            }
            HostError::Stopped { .. } => match self.ground.interrupts.requests() {
                (_, Some(signal)) => Halt::Interrupted(stage.clone(), signal),
                (_, None) => Halt::Unknown(stage.clone(), error.to_string()),
            },
            other => Halt::Unknown(stage.clone(), other.to_string()),
        }
    }

    /// Ends the deploy here if somebody asked to stop.
    pub fn heed_interrupts(&self, stage: &Stage) -> Result<(), Halt> {
        match self.ground.interrupts.requests() {
            // A deadline that has passed must not cut the way back short.
            (_, Some(Signal::Overdue)) if self.is_recovering => Ok(()),
            (_, Some(signal)) => Err(Halt::Interrupted(stage.clone(), signal)),
            (_, None) => Ok(()),
        }
    }

    /// The app's variables as they are now; the app must exist.
    pub fn variables(&self, stage: &Stage) -> Result<Variables, Halt> {
        let answer = self.ground.host.ask(&config::export(self.app()));
        let variables = answer
            .and_then(|answer| config::read_export(&answer))
            .map_err(|error| self.halt(stage, error))?;
        variables.ok_or_else(|| {
            Halt::Failed(
                stage.clone(),
                format!("{} does not exist any more", self.app()),
            )
        })
    }

    /// Runs a long command, telling its output as that of `source`. Interrupts end it when
    /// `heeds_interrupts`.
    pub fn follow(
        &mut self,
        command: &DokkuCommand,
        source: &str,
        patience: Patience,
    ) -> (Result<i32, HostError>, Heard) {
        let (result, heard, _) = self.hear(command, source, patience, None);
        (result, heard)
    }

    /// Runs a long command that answers with the last line of its standard output, and tells the
    /// rest of what it says as that of `source`.
    pub fn follow_answer(
        &mut self,
        command: &DokkuCommand,
        source: &str,
        patience: Patience,
    ) -> (Result<i32, HostError>, String) {
        let (result, _, answer) = self.hear(command, source, patience, Some(String::new()));
        (result, answer.unwrap_or_default())
    }

    fn hear(
        &mut self,
        command: &DokkuCommand,
        source: &str,
        patience: Patience,
        answer: Option<String>,
    ) -> (Result<i32, HostError>, Heard, Option<String>) {
        let host = self.ground.host;
        let mut listener = self.listener(source, patience);
        listener.answer = answer;
        let result = host.follow(command, &mut listener);
        let Listener { heard, answer, .. } = listener;
        (result, heard, answer)
    }

    /// A follower that tells, keeps the journal fresh and heeds interrupts.
    pub fn listener<'b>(&'b mut self, source: &'b str, patience: Patience) -> Listener<'b>
    where
        'a: 'b,
    {
        Listener {
            source,
            patience,
            begun: self.ground.clock.elapsed(),
            interrupts_before: self.ground.interrupts.requests().0,
            has_warned: false,
            ground: self.ground,
            app: &self.wish.app,
            keeper: self.keeper,
            journal: self.journal.as_ref(),
            report: &mut *self.report,
            last_beat: &mut self.last_beat,
            heard: Heard::default(),
            answer: None,
        }
    }
}
