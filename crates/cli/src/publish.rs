//! What happened, told to everyone who has to know: one entry for each operation, whatever came of
//! it. Whatever goes wrong here is a warning; what was done stays done.

mod telling;

use std::{cell::RefCell, env};

use dokku_deploy::{
    audit::{self, AuditEntry, Chained, Origin, Status, key},
    clock::stamp,
    dokku::{deploy_system, is_unknown_command},
    host::{Host, HostError},
    plugin_protocol::{Elsewhere, RecordRequest, Recorded},
};
use jiff::Timestamp;

use crate::{
    dashboard::publication,
    exit_codes,
    failure::Failure,
    host::{Reach, SshHost},
    invocation::Invocation,
    notify,
    unsent::{self, Unsent},
};

pub use self::telling::{Telling, audience, tell, tell_each};

/// How an entry gets into the audit log that the plugin keeps on the host.
#[derive(Clone, Copy)]
pub enum Chain<'a> {
    /// By sending it, if the host has the plugin.
    Send(&'a dyn Host),
    /// It need not: the plugin has recorded it by itself, or the host is known to have none.
    Settled,
    /// Not at all: the host cannot be told, and why.
    OutOfReach(&'a str, &'a str),
}

impl<'a> Chain<'a> {
    /// Over the connection that there is. None is made for this alone: whoever has just waited for a
    /// host in vain does not wait a second time.
    pub fn over(host: &'a SshHost<'_>) -> Self {
        match host.reach() {
            Reach::Connected => Self::Send(host),
            Reach::Never | Reach::Lost => Self::OutOfReach(host.name(), "there is no connection"),
        }
    }
}

/// Where an entry is.
#[derive(Debug, PartialEq, Eq)]
enum Kept {
    /// In the log, or the host keeps none.
    New(Option<Recorded>),
    /// In the log since before: whoever put it there has told everyone else.
    Known,
    /// Here, until the host can be told.
    Here,
}

/// Puts the entry into the host's log and tells everyone else of it.
pub fn publish(entry: &AuditEntry, chain: Chain<'_>, invocation: &Invocation<'_>) {
    keep(entry, chain, invocation).spread(entry, invocation);
}

impl Kept {
    /// What a host said, if it keeps a log.
    fn by(recorded: Option<Recorded>) -> Self {
        match recorded {
            Some(recorded) if !recorded.is_new => Self::Known,
            recorded => Self::New(recorded),
        }
    }

    /// Tells everyone else, unless they know.
    fn spread(&self, entry: &AuditEntry, invocation: &Invocation<'_>) {
        if let Some(news) = self.news(entry) {
            news.spread(invocation);
        }
    }

    /// The entry as others are to be told of it, if they are.
    fn news(&self, entry: &AuditEntry) -> Option<News> {
        match self {
            Self::Known => None,
            Self::Here | Self::New(None) => Some(News {
                entry: entry.clone(),
                chained: None,
            }),
            Self::New(Some(recorded)) => Some(News::of(entry, recorded)),
        }
    }
}

/// What others are told: an entry, and how far the host's log has come with it.
struct News {
    entry: AuditEntry,
    chained: Option<Chained>,
}

impl News {
    fn of(entry: &AuditEntry, recorded: &Recorded) -> Self {
        let host_id = recorded.host_id.as_str();
        Self {
            entry: entry.clone().with(key::HOST_ID, host_id),
            chained: Some(Chained {
                host: entry.text(key::HOST),
                at: stamp(Timestamp::now()),
                seq: recorded.seq,
                hash: recorded.hash.clone(),
            }),
        }
    }

    /// Tells the dashboard and people.
    fn spread(&self, invocation: &Invocation<'_>) {
        let Self { entry, chained } = self;
        if let Err(failure) = publication::entry(entry, chained.as_ref()) {
            invocation.ui.warning(&format!(
                "the dashboard does not tell of this {}: {}",
                entry.action, failure.message
            ));
        }
        if let Some(telling) = tell(entry, invocation) {
            telling.finish(invocation);
        }
    }
}

/// Puts the entry into the host's log, after what earlier runs have left for it.
fn keep(entry: &AuditEntry, chain: Chain<'_>, invocation: &Invocation<'_>) -> Kept {
    let (host, why) = match chain {
        Chain::Settled => return Kept::New(None),
        Chain::OutOfReach(host, why) => (host, why.to_owned()),
        Chain::Send(host) => {
            send_left(host, invocation);
            match record(entry, host) {
                Ok(recorded) => return Kept::by(recorded),
                Err(why) => (host.name(), why),
            }
        }
    };
    let ui = invocation.ui;
    let untold = format!(
        "the audit log on {host} does not tell of this {}: {why}",
        entry.action
    );
    match invocation
        .state_directory()
        .and_then(|state| Ok(Unsent::keep(entry, &state)?))
    {
        Ok(()) => ui.warning(&format!(
            "{untold}; the next operation from here on {host} makes up for it"
        )),
        Err(failure) => ui.warning(&format!(
            "{untold}; and the entry could not be kept here: {}",
            failure.message
        )),
    }
    Kept::Here
}

/// Sends what earlier runs have left for this host.
fn send_left(host: &dyn Host, invocation: &Invocation<'_>) {
    let sent = invocation.state_directory().and_then(|state| {
        for left in unsent::left(host.name(), &state)? {
            let recorded = record(&left.entry, host).map_err(Failure::internal)?;
            if !left.is_told {
                Kept::by(recorded).spread(&left.entry, invocation);
            }
            left.forget()?;
        }
        Ok(())
    });
    if let Err(failure) = sent {
        invocation.ui.warning(&format!(
            "entries of earlier operations on {} still wait here for its audit log: {}",
            host.name(),
            failure.message
        ));
    }
}

/// An operation that is noted here while it goes on, so that even a kill leaves its entry to be sent.
pub struct Begun<'a> {
    unsent: Option<Unsent>,
    invocation: &'a Invocation<'a>,
}

impl<'a> Begun<'a> {
    /// It begins; the entry says what is known of it now.
    pub fn note(entry: &AuditEntry, invocation: &'a Invocation<'a>) -> Self {
        let begun = invocation
            .state_directory()
            .and_then(|state| Ok(Unsent::begin(entry, &state)?));
        let unsent = begun.inspect_err(|failure| {
            invocation.ui.detail(&format!(
                "should this be killed, nothing tells of it: {}",
                failure.message
            ));
        });
        Self {
            unsent: unsent.ok(),
            invocation,
        }
    }

    /// It ended, and this is its entry.
    pub fn ended(self, entry: &AuditEntry, chain: Chain<'_>) {
        let kept = keep(entry, chain, self.invocation);
        kept.spread(entry, self.invocation);
        // What is kept here has taken the place of the note.
        if kept != Kept::Here {
            self.forget();
        }
    }

    /// There is nothing to tell, or others have told it.
    pub fn forget(self) {
        let Some(unsent) = self.unsent else { return };
        if let Err(error) = unsent.forget() {
            self.invocation.ui.warning(&format!(
                "the note of an operation that has ended stays here: {error}"
            ));
        }
    }
}

/// Entries that were kept while there was more to do on the host, and of which others are told
/// afterwards.
#[derive(Default)]
pub struct Untold(RefCell<Vec<News>>);

impl Untold {
    /// Puts an entry into the host's log.
    pub fn keep(&self, entry: &AuditEntry, chain: Chain<'_>, invocation: &Invocation<'_>) {
        let news = keep(entry, chain, invocation).news(entry);
        self.0.borrow_mut().extend(news);
    }

    /// Tells everyone else of all of them.
    pub fn tell(&self, invocation: &Invocation<'_>) {
        for news in self.0.take() {
            news.spread(invocation);
        }
    }
}

/// Sends the entry to the host's audit log; a host without the plugin has none.
fn record(entry: &AuditEntry, host: &dyn Host) -> Result<Option<Recorded>, String> {
    let request = RecordRequest {
        entry: entry.clone(),
        is_told: tells(),
    };
    let answer = host
        .ask(&deploy_system::record(&request))
        .map_err(|error: HostError| error.to_string())?;
    if is_unknown_command(&answer) {
        return Ok(None);
    }
    deploy_system::read::<Recorded>(&answer, host.name())
        .map(Some)
        .map_err(|error| error.to_string())
}

/// Does something on a host and publishes what came of it. `entry` says what is to be done; `act` may
/// add to it what it finds out.
///
/// What was never begun, because the command line or the settings are wrong, is not published.
pub fn recorded<T>(
    mut entry: AuditEntry,
    host: &SshHost<'_>,
    invocation: &Invocation<'_>,
    act: impl FnOnce(&mut AuditEntry) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let started = Timestamp::now();
    let begun = Begun::note(&entry, invocation);
    let result = act(&mut entry);
    let Some(status) = status(&result, host.reach()) else {
        begun.forget();
        return result;
    };
    if let Err(failure) = &result {
        entry = entry.note(&failure.message);
    }
    entry.finish(status, started, Timestamp::now());
    begun.ended(&entry, Chain::over(host));
    result
}

/// The same; a dry run changes nothing and is not published.
pub fn recorded_unless_dry<T>(
    is_dry: bool,
    mut entry: AuditEntry,
    host: &SshHost<'_>,
    invocation: &Invocation<'_>,
    act: impl FnOnce(&mut AuditEntry) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if is_dry {
        return act(&mut entry);
    }
    recorded(entry, host, invocation, act)
}

/// What came of it; `None` if it was never begun.
fn status<T>(result: &Result<T, Failure>, reach: Reach) -> Option<Status> {
    let Err(failure) = result else {
        return Some(Status::Success);
    };
    is_begun(failure).then(|| of_failure(failure, reach))
}

/// What a failure says about an operation that was begun.
pub fn of_failure(failure: &Failure, reach: Reach) -> Status {
    match of_code(failure.code) {
        Status::Failure if reach == Reach::Lost => Status::Unknown,
        status => status,
    }
}

/// Whether an operation that failed so was begun at all: a command line or settings that are wrong
/// are no operation.
pub fn is_begun(failure: &Failure) -> bool {
    !matches!(failure.code, exit_codes::USAGE | exit_codes::SETTINGS)
}

/// What an exit code says about an operation that did not succeed.
pub fn of_code(code: u8) -> Status {
    match code {
        exit_codes::OK => Status::Success,
        exit_codes::REFUSED => Status::Refused,
        exit_codes::INTERRUPTED | exit_codes::TERMINATED => Status::Cancelled,
        _ => Status::Failure,
    }
}

/// By which id the plugin on the host records what it does as a part of this, and whether it has to tell
/// people.
pub fn elsewhere(origin: &Origin) -> Elsewhere {
    Elsewhere {
        id: audit::id(origin.time, origin.nonce),
        is_told: tells(),
    }
}

/// Whether this program tells people by itself: where it knows nobody, the host may.
pub fn tells() -> bool {
    let (targets, malformed) = notify::read(variable);
    !targets.is_empty() || !malformed.is_empty()
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}
