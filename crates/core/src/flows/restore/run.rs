//! Doing what a plan says.

use super::{
    compare::{Verdict, compare, named},
    plan::{Plan, Step},
    wish::Wish,
};
use crate::{
    clock::Clock,
    command::DokkuCommand,
    dokku::{
        aside::Aside,
        census::{self, Database},
        datastore, ps,
    },
    event::{Event, Report},
    host::{Answer, Host, HostError},
    interrupt::{Interrupts, Signal},
};

/// Everything outside that a restore needs.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The Dokku host.
    pub host: &'a dyn Host,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Ctrl-C and SIGTERM.
    pub interrupts: &'a dyn Interrupts,
}

/// What a restore has others do: other operations, and streams of bytes. An error says why not, in
/// words; whoever lends the hands may know more.
pub trait Hands {
    /// Locks the app against deploys.
    fn lock(&mut self) -> Result<(), String>;
    /// Removes that lock, and no other.
    fn unlock(&mut self) -> Result<(), String>;
    /// Copies what the service holds to a file that is checked, and returns its name.
    fn keep(&mut self) -> Result<String, String>;
    /// Runs a command that reads the dump.
    fn import(&mut self, command: &DokkuCommand) -> Result<Answer, HostError>;
    /// Notes how far it is, for the next run after a kill.
    fn note(&mut self, what: &str);
}

/// Why a restore did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    /// The app could not be locked; nothing was changed.
    NotLocked(String),
    /// The present data could not be copied; nothing was changed.
    NotKept(String),
    /// The service to restore into is there already; nothing was changed.
    Taken,
    /// The host failed.
    Host(HostError),
    /// What is there afterwards is not what the dump holds.
    Differs(String),
    /// Somebody asked to stop.
    Interrupted(Signal),
}

/// What came of a restore.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Why it did not end well.
    pub halt: Option<Halt>,
    /// The file with what was there before.
    pub way_back: Option<String>,
    /// Whether data may be gone or half there: from the first change on until the end.
    pub is_half: bool,
    /// Whether what was there before is there again.
    pub is_put_back: bool,
    /// Whether the service to restore into was made.
    pub is_created: bool,
    /// What the comparison found.
    pub verdict: Option<Verdict>,
    /// Whether the app is still stopped or locked, because it could not be started or unlocked.
    pub is_unclean: bool,
    /// What did not go as it should and did not stop it.
    pub warnings: Vec<String>,
}

/// Does what the plan says. Whatever happens is in the answer.
pub fn execute(
    wish: &Wish,
    plan: &Plan,
    ground: Ground<'_>,
    hands: &mut dyn Hands,
    report: &mut dyn Report,
) -> Restored {
    let mut run = Run {
        wish,
        target: wish.target(),
        ground,
        hands,
        report,
        restored: Restored::default(),
        aside: None,
        is_stopped: wish.is_left_stopped,
    };
    if plan.locks
        && let Err(why) = run.hands.lock()
    {
        run.restored.halt = Some(Halt::NotLocked(why));
        return run.restored;
    }
    let result = plan.steps.iter().try_for_each(|step| run.perform(step));
    run.restored.halt = result.err();
    run.clean_up(plan.locks);
    run.restored
}

struct Run<'a> {
    wish: &'a Wish,
    target: Database,
    ground: Ground<'a>,
    hands: &'a mut dyn Hands,
    report: &'a mut dyn Report,
    restored: Restored,
    /// What is set aside, from the moment on from which it may be.
    aside: Option<Aside>,
    is_stopped: bool,
}

impl Run<'_> {
    fn perform(&mut self, step: &Step) -> Result<(), Halt> {
        // Once all data is in place, the end is nearer than the way back.
        if !matches!(step, Step::Check | Step::Forget(_))
            && let (_, Some(signal)) = self.ground.interrupts.requests()
        {
            return Err(Halt::Interrupted(signal));
        }
        let (app, service) = (&self.wish.app, &self.target.name);
        let (doing, did) = match step {
            Step::StopApp => (format!("Stopping {app}"), format!("Stopped {app}")),
            Step::Keep => (format!("Copying what {service} holds now"), String::new()),
            Step::SetAside { .. } => (
                format!("Making a fresh database for {service}"),
                format!("{service} has a fresh database"),
            ),
            Step::Empty { .. } => (format!("Emptying {service}"), format!("{service} is empty")),
            Step::Create(_) => (format!("Creating {service}"), format!("Created {service}")),
            Step::Import => (
                format!("Restoring {service} from {}", self.wish.file.name),
                "Imported".to_owned(),
            ),
            Step::Check => (format!("Counting what {service} holds"), String::new()),
            Step::Forget(_) => (String::new(), String::new()),
        };
        if !doing.is_empty() {
            self.report.event(Event::Step(&doing));
        }
        let begun = self.ground.clock.elapsed();
        self.act(step)?;
        if !did.is_empty() {
            self.report.event(Event::Done {
                what: &did,
                took: self.ground.clock.elapsed().saturating_sub(begun),
            });
        }
        Ok(())
    }

    fn act(&mut self, step: &Step) -> Result<(), Halt> {
        match step {
            Step::StopApp => {
                self.is_stopped = true;
                self.hands.note("stopping the app");
                self.ask(&ps::stop(&self.wish.app))?;
            }
            Step::Keep => {
                let kept = self.hands.keep().map_err(Halt::NotKept)?;
                self.report
                    .event(Event::Note(&format!("The present data is kept in {kept}")));
                self.restored.way_back = Some(kept);
            }
            Step::SetAside { aside, leftovers } => {
                self.restored.is_half = true;
                self.aside = Some(aside.clone());
                self.hands.note("replacing");
                self.ask(&census::connect(&self.target, aside.set_aside(leftovers)))?;
            }
            Step::Empty {
                database,
                collation,
            } => {
                let statements = empty(database, collation).ok_or_else(|| {
                    Halt::Host(HostError::Unparsable {
                        command: census::ask(&self.target).to_string(),
                        expected: "the name and the character set of the database".to_owned(),
                    })
                })?;
                self.restored.is_half = true;
                self.hands.note("replacing");
                self.ask(&census::connect(&self.target, statements))?;
            }
            Step::Create(image) => {
                let create = datastore::create(self.target.kind, &self.target.name, image);
                let answer = self.ground.host.ask(&create).map_err(Halt::Host)?;
                match datastore::read_created(&answer).map_err(Halt::Host)? {
                    datastore::Created::New => self.restored.is_created = true,
                    datastore::Created::Taken => return Err(Halt::Taken),
                }
            }
            Step::Import => {
                if self.wish.into.is_none() {
                    self.restored.is_half = true;
                    self.hands.note("replacing");
                }
                let import = datastore::import(self.target.kind, &self.target.name);
                self.hands
                    .import(&import)
                    .and_then(Answer::accepted)
                    .map_err(|error| self.stopped(error))?;
            }
            Step::Check => self.check()?,
            Step::Forget(aside) => {
                self.aside = None;
                let forget = census::connect(&self.target, aside.forget());
                if let Err(error) = self.ground.host.ask(&forget).and_then(Answer::accepted) {
                    self.warn(format!(
                        "what was there before is still in the database {}: {error}",
                        aside.before()
                    ));
                }
            }
        }
        Ok(())
    }

    fn ask(&self, command: &DokkuCommand) -> Result<Answer, Halt> {
        self.ground
            .host
            .ask(command)
            .and_then(Answer::accepted)
            .map_err(|error| self.stopped(error))
    }

    fn stopped(&self, error: HostError) -> Halt {
        match (error, self.ground.interrupts.requests().1) {
            (HostError::Stopped { .. }, Some(signal)) => Halt::Interrupted(signal),
            (error, _) => Halt::Host(error),
        }
    }

    /// Counts what is there and compares it with the dump.
    fn check(&mut self) -> Result<(), Halt> {
        let answer = self.ask(&census::ask(&self.target))?;
        let found = census::read(self.target.engine, &answer).map_err(Halt::Host)?;
        let Some(wanted) = &self.wish.file.dump.amounts else {
            return Ok(());
        };
        let verdict = compare(wanted, &found.tables);
        if !verdict.missing.is_empty() {
            let missing = named(&verdict.missing);
            self.restored.verdict = Some(verdict);
            return Err(Halt::Differs(missing));
        }
        for (what, tables) in [
            ("more than the dump", &verdict.surplus),
            ("what the dump does not know", &verdict.extra),
        ] {
            if !tables.is_empty() {
                let words = format!(
                    "{} holds {what} already, so somebody writes to it: {}",
                    self.target.name,
                    named(tables)
                );
                self.restored.warnings.push(words.clone());
                self.report.event(Event::Warning(&words));
            }
        }
        self.restored.verdict = Some(verdict);
        Ok(())
    }

    fn warn(&mut self, text: String) {
        self.report.event(Event::Warning(&text));
        self.restored.warnings.push(text);
    }

    /// Puts back, starts and unlocks: whatever of it is due, also after a failure.
    fn clean_up(&mut self, has_lock: bool) {
        if self.restored.halt.is_none() {
            self.restored.is_half = false;
        }
        if let Some(aside) = self.aside.take() {
            self.report
                .event(Event::Step("Putting back what was there before"));
            let put_back = census::connect(&self.target, aside.put_back());
            match self.ground.host.ask(&put_back).and_then(Answer::accepted) {
                Ok(_) => {
                    self.restored.is_half = false;
                    self.restored.is_put_back = true;
                }
                Err(error) => self.warn(format!(
                    "what was there before could not be put back: {error}; it is in the database {} of {}",
                    aside.before(),
                    self.target.name
                )),
            }
        }
        if self.is_stopped {
            let app = &self.wish.app;
            self.report.event(Event::Step(&format!("Starting {app}")));
            if let Err(error) = self
                .ground
                .host
                .ask(&ps::start(app))
                .and_then(Answer::accepted)
            {
                self.restored.is_unclean = true;
                self.warn(format!(
                    "{app} was stopped for this and does not start: {error}"
                ));
            }
        }
        if has_lock && let Err(why) = self.hands.unlock() {
            self.restored.is_unclean = true;
            self.warn(format!("{} is still locked: {why}", self.wish.app));
        }
    }
}

/// Statements that make a database of MySQL or MariaDB anew; `None` if the names are none.
fn empty(database: &str, collation: &(String, String)) -> Option<String> {
    let (set, collation) = collation;
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    (is_word(database) && is_word(set) && is_word(collation)).then(|| {
        format!(
            "DROP DATABASE `{database}`;\nCREATE DATABASE `{database}` CHARACTER SET {set} COLLATE {collation};\n"
        )
    })
}
