//! What happened, told to everyone who has to know: one entry for each operation, whatever came of
//! it. Whatever goes wrong here is a warning; what was done stays done.

use std::{cell::RefCell, env};

use dokku_deploy::{
    audit::{self, AuditEntry, Origin, Status},
    dokku::{deploy_system, is_unknown_command},
    host::{Host, HostError},
    interrupt::Never,
    plugin_protocol::{Elsewhere, RecordRequest, Recorded},
    settings::Settings,
};
use jiff::Timestamp;

use crate::{
    dashboard::publication,
    exit_codes,
    failure::Failure,
    host::{Reach, SshHost},
    interrupt::Watch,
    invocation::Invocation,
    notify::{self, Audience, Deliveries, Patience},
    project::Project,
    unsent::{self, Unsent},
};

/// How many entries are told of at the same time.
const AT_ONCE: usize = 4;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// In the log, or the host keeps none.
    New,
    /// In the log since before: whoever put it there has told everyone else.
    Known,
    /// Here, until the host can be told.
    Here,
}

/// Puts the entry into the host's log and tells everyone else of it.
pub fn publish(entry: &AuditEntry, chain: Chain<'_>, invocation: &Invocation<'_>) {
    if keep(entry, chain, invocation) != Kept::Known {
        spread(entry, invocation);
    }
}

/// Puts the entry into the host's log, after what earlier runs have left for it.
fn keep(entry: &AuditEntry, chain: Chain<'_>, invocation: &Invocation<'_>) -> Kept {
    let (host, why) = match chain {
        Chain::Settled => return Kept::New,
        Chain::OutOfReach(host, why) => (host, why.to_owned()),
        Chain::Send(host) => {
            send_left(host, invocation);
            match record(entry, host) {
                Ok(true) => return Kept::New,
                Ok(false) => return Kept::Known,
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
            let is_new = record(&left.entry, host).map_err(Failure::internal)?;
            if is_new && !left.is_told {
                spread(&left.entry, invocation);
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
        if kept != Kept::Known {
            spread(entry, self.invocation);
        }
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

/// Tells the dashboard and people.
fn spread(entry: &AuditEntry, invocation: &Invocation<'_>) {
    if let Err(failure) = publication::entry(entry) {
        invocation.ui.warning(&format!(
            "the dashboard does not tell of this {}: {}",
            entry.action, failure.message
        ));
    }
    if let Some(telling) = tell(entry, invocation) {
        telling.finish(invocation);
    }
}

/// Entries that were kept while there was more to do on the host, and of which others are told
/// afterwards.
#[derive(Default)]
pub struct Untold(RefCell<Vec<AuditEntry>>);

impl Untold {
    /// Puts an entry into the host's log.
    pub fn keep(&self, entry: AuditEntry, chain: Chain<'_>, invocation: &Invocation<'_>) {
        if keep(&entry, chain, invocation) != Kept::Known {
            self.0.borrow_mut().push(entry);
        }
    }

    /// Tells everyone else of all of them.
    pub fn tell(&self, invocation: &Invocation<'_>) {
        for entry in self.0.take() {
            spread(&entry, invocation);
        }
    }
}

/// Sends the entry to the host's audit log. Whether it is new there; a host without the plugin has none.
fn record(entry: &AuditEntry, host: &dyn Host) -> Result<bool, String> {
    let request = RecordRequest {
        entry: entry.clone(),
        is_told: tells(),
    };
    let answer = host
        .ask(&deploy_system::record(&request))
        .map_err(|error: HostError| error.to_string())?;
    if is_unknown_command(&answer) {
        return Ok(true);
    }
    deploy_system::read::<Recorded>(&answer, host.name())
        .map(|recorded| recorded.is_new)
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

/// Who is told, as the environment's secrets and the project's settings say.
pub fn audience(invocation: &Invocation<'_>) -> Audience {
    let audience = Audience::new(variable, Settings::default());
    if audience.is_empty() {
        return audience;
    }
    let settings = env::current_dir()
        .map_err(Failure::from)
        .and_then(|here| Project::around(&here))
        .and_then(|project| project.settings().map_err(Failure::from));
    match settings {
        Ok(settings) => Audience::new(variable, settings),
        Err(failure) => {
            invocation.ui.detail(&format!(
                "who is told of what follows the defaults: {}",
                failure.message
            ));
            audience
        }
    }
}

/// Messages about one entry that are on their way.
#[derive(Debug)]
pub struct Telling {
    sent: Deliveries,
    what: String,
}

/// Sends the messages of an entry. Nobody to be told: nothing is done, and nothing is said.
pub fn tell(entry: &AuditEntry, invocation: &Invocation<'_>) -> Option<Telling> {
    let audience = audience(invocation);
    for bad in audience.malformed() {
        invocation.ui.warning(&format!(
            "{} is not told of anything: {bad} (`dokku-cli notify test {}`)",
            bad.service.name(),
            bad.service.as_str()
        ));
    }
    let requests = audience.requests(entry, Timestamp::now());
    (!requests.is_empty()).then(|| Telling {
        sent: Deliveries::begin(requests, Patience::default()),
        what: entry.action.to_string(),
    })
}

/// Sends the messages of entries that are kept elsewhere already, some at a time: a service takes
/// only so many at once.
pub fn tell_each(entries: &[AuditEntry], invocation: &Invocation<'_>) {
    for some in entries.chunks(AT_ONCE) {
        let sent: Vec<Telling> = some
            .iter()
            .filter_map(|entry| tell(entry, invocation))
            .collect();
        for telling in sent {
            telling.finish(invocation);
        }
    }
}

impl Telling {
    /// Waits for their ends, and warns of each that did not arrive. Ctrl-C ends the waiting.
    pub fn finish(self, invocation: &Invocation<'_>) {
        let ui = invocation.ui;
        let ends = match Watch::begin() {
            Ok(watch) => self.sent.wait(&watch),
            Err(_) => self.sent.wait(&Never),
        };
        for (service, end) in ends {
            match end {
                Ok(()) => ui.detail(&format!(
                    "{} was told of this {}",
                    service.name(),
                    self.what
                )),
                Err(why) => ui.warning(&format!(
                    "{} was not told of this {}: {why}",
                    service.name(),
                    self.what
                )),
            }
        }
    }
}
