//! Giving a preview a copy of another app's service, masked before anybody can see it.
//!
//! The app's variable `DEPLOY_COPY_KIND` says how far the copy is: a service that is not known to be
//! whole and masked is never linked. It is destroyed and copied anew.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    ground::Ground,
    keeper::{Keeper, Kept},
    run::{Halt, Run},
};
use crate::{
    app::AppName,
    clock::stamp,
    deployment::Stage,
    dokku::datastore::{self, Destroyed},
    host::HostError,
    interrupt::{Interrupts, Signal},
    journal::{BEAT_EVERY, Journal},
    secret::Secret,
    service::{ServiceKind, ServiceName},
    store::Variables,
};

const AT: Stage = Stage::Prepare;

/// Whose data a preview gets a copy of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyWish {
    /// The app whose services are copied.
    pub from: AppName,
    /// What is run on a copy before the preview sees it.
    pub masking: Option<Masking>,
    /// Whether a copy that is there is replaced by a new one.
    pub renews: bool,
}

/// Statements that take out of data what nobody is to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masking {
    /// The file that they are from, for people.
    pub file: String,
    /// The statements.
    pub sql: String,
}

/// A copy to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copying {
    /// The kind of both services.
    pub kind: ServiceKind,
    /// The app whose data it is.
    pub owner: AppName,
    /// Its service.
    pub from: ServiceName,
    /// The service that is made.
    pub to: ServiceName,
    /// What is run on it.
    pub masking: Option<Masking>,
    /// Whether the app has used a service of that name until now, which goes.
    pub renews: bool,
}

/// Why there is no copy. What was made of it may be there still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoCopy {
    /// The host gave no usable answer.
    Host(HostError),
    /// It is not to be, in words.
    Refused(String),
    /// Somebody asked to stop.
    Interrupted(Signal),
}

/// Copies services, dump and restore checked as any.
pub trait Copier: Sync {
    /// Makes the service, fills it, compares what is there with what was dumped, and masks it. Asks
    /// `interrupts` all the while.
    fn copy(&self, copying: &Copying, interrupts: &dyn Interrupts) -> Result<(), NoCopy>;
}

/// How far the copy of a kind of service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyState {
    /// None was ever begun.
    None,
    /// It was begun, and not ended.
    Unfinished,
    /// It is whole and masked.
    Whole,
}

const UNFINISHED: &str = "unfinished";

fn variable(kind: ServiceKind) -> String {
    format!("DEPLOY_COPY_{}", kind.as_str().to_ascii_uppercase())
}

impl CopyState {
    /// What the app's variables say.
    pub fn of(kind: ServiceKind, variables: &Variables) -> Self {
        match variables.text(&variable(kind)) {
            None | Some("") => Self::None,
            Some(UNFINISHED) => Self::Unfinished,
            Some(_) => Self::Whole,
        }
    }
}

/// Whether copies of this kind can be made.
pub fn can_copy(kind: ServiceKind) -> bool {
    matches!(
        kind,
        ServiceKind::Postgres | ServiceKind::Mysql | ServiceKind::Mariadb | ServiceKind::Redis
    )
}

impl Run<'_> {
    /// Copies, and leaves nothing of a copy that is not whole and masked.
    pub fn copy_service(&mut self, copying: &Copying) -> Result<(), Halt> {
        let Some(copier) = self.ground.copier else {
            return Err(Halt::Failed(
                AT,
                "services cannot be copied here".to_owned(),
            ));
        };
        self.note_copy(copying, UNFINISHED)?;
        self.destroy_copy(copying)?;
        let beating = Beating {
            ground: self.ground,
            app: self.app(),
            keeper: self.keeper,
            journal: self.journal.as_ref(),
            last: Mutex::new(self.last_beat),
            is_lost: AtomicBool::new(false),
        };
        let copied = copier.copy(copying, &beating);
        let (last, is_lost) = beating.end();
        self.last_beat = last;
        if is_lost {
            return Err(Halt::Ousted(format!(
                "another run has taken the deploy of {} over",
                self.app()
            )));
        }
        if let Err(why) = copied {
            // Whoever has taken over meanwhile makes a copy of the same name.
            self.hold_journal(&AT)?;
            if let Err(halt) = self.destroy_copy(copying) {
                self.warn(format!(
                    "{} is still there ({}): it may hold data that is not masked. The next run destroys it, and so does: dokku {}:destroy {}",
                    copying.to,
                    halt.why(),
                    copying.kind,
                    copying.to
                ));
            }
            return Err(self.no_copy(copying, why));
        }
        self.hold_journal(&AT)?;
        let from = format!(
            "{} of {}, {}",
            copying.from,
            copying.owner,
            stamp(self.ground.clock.now())
        );
        self.note_copy(copying, &from)
    }

    fn no_copy(&self, copying: &Copying, why: NoCopy) -> Halt {
        let told = |why: &str| {
            format!(
                "{} of {} could not be copied for {}: {why}",
                copying.from,
                copying.owner,
                self.app()
            )
        };
        match why {
            NoCopy::Refused(why) => Halt::Failed(AT, told(&why)),
            NoCopy::Interrupted(signal) => Halt::Interrupted(AT, signal),
            NoCopy::Host(error) => match self.halt(&AT, error) {
                Halt::Failed(at, why) => Halt::Failed(at, told(&why)),
                Halt::Unknown(at, why) => Halt::Unknown(at, told(&why)),
                halt => halt,
            },
        }
    }

    fn note_copy(&self, copying: &Copying, state: &str) -> Result<(), Halt> {
        let state = [(variable(copying.kind), Secret::new(state))];
        self.write(&AT, &state.into())
    }

    /// Takes the service from the app and destroys it; one that is not there is as good.
    fn destroy_copy(&self, copying: &Copying) -> Result<(), Halt> {
        let (kind, name) = (copying.kind, &copying.to);
        let host = self.ground.host;
        let gone = host
            .ask(&datastore::links(kind, name))
            .and_then(|answer| datastore::read_links(&answer))
            .and_then(|apps| {
                if apps.is_some_and(|apps| apps.contains(self.app())) {
                    let unlink = datastore::unlink(kind, name, self.app());
                    datastore::read_unlinked(&host.ask(&unlink)?)?;
                }
                datastore::read_destroyed(&host.ask(&datastore::destroy(kind, name))?)
            })
            .map_err(|error| self.halt(&AT, error))?;
        match gone {
            Destroyed::Gone | Destroyed::WasAbsent => Ok(()),
            Destroyed::IsLinked => Err(Halt::Failed(
                AT,
                format!("{name} is to be copied anew, and is linked to another app"),
            )),
        }
    }
}

/// Shows that the run lives, as often as anybody asks whether somebody wants it to stop.
struct Beating<'a> {
    ground: Ground<'a>,
    app: &'a AppName,
    keeper: Keeper,
    journal: Option<&'a Journal>,
    last: Mutex<Duration>,
    is_lost: AtomicBool,
}

impl Beating<'_> {
    fn end(self) -> (Duration, bool) {
        let last = self
            .last
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        (last, self.is_lost.into_inner())
    }

    fn beat(&self, journal: &Journal) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.ground.clock.elapsed();
        if now.saturating_sub(*last) < BEAT_EVERY {
            return;
        }
        *last = now;
        let kept = self
            .keeper
            .beat(self.app, journal, journal.phase, self.ground);
        // A host that does not answer now may do so at the next one; the end asks again.
        if let Ok(Kept::Lost { .. }) = kept {
            self.is_lost.store(true, Ordering::SeqCst);
        }
    }
}

impl Interrupts for Beating<'_> {
    fn requests(&self) -> (u32, Option<Signal>) {
        if let Some(journal) = self.journal {
            self.beat(journal);
        }
        let (count, last) = self.ground.interrupts.requests();
        if self.is_lost.load(Ordering::SeqCst) {
            return (count.saturating_add(2), Some(Signal::Overdue));
        }
        (count, last)
    }
}
