//! What happened, told to everyone who has to know: one entry for each operation, whatever came of
//! it. Whatever goes wrong here is a warning; what was done stays done.

use dokku_deploy::{
    audit::{AuditEntry, Status},
    dokku::{deploy_system, is_unknown_command},
    host::{Host, HostError},
    plugin_protocol::{RecordRequest, Recorded},
};
use jiff::Timestamp;

use crate::{
    dashboard::publication,
    exit_codes,
    failure::Failure,
    host::{Reach, SshHost},
    invocation::Invocation,
};

/// How an entry gets into the audit log that the plugin keeps on the host.
#[derive(Clone, Copy)]
pub enum Chain<'a> {
    /// By sending it, if the host has the plugin.
    Send(&'a dyn Host),
    /// It need not: the plugin has recorded it by itself, or the host is known to have none.
    Settled,
    /// Not at all: the host cannot be reached.
    OutOfReach(&'a str),
}

impl<'a> Chain<'a> {
    /// Over the connection that there is. None is made for this alone: whoever has just waited for a
    /// host in vain does not wait a second time.
    pub fn over(host: &'a SshHost<'_>) -> Self {
        match host.reach() {
            Reach::Connected => Self::Send(host),
            Reach::Never | Reach::Lost => Self::OutOfReach(host.name()),
        }
    }
}

/// Tells everyone.
pub fn publish(entry: &AuditEntry, chain: Chain<'_>, invocation: &Invocation<'_>) {
    let ui = invocation.ui;
    match chain {
        Chain::Settled => {}
        Chain::OutOfReach(host) => ui.warning(&format!(
            "the audit log on {host} does not tell of this {}: there is no connection",
            entry.action
        )),
        Chain::Send(host) => {
            if let Err(why) = record(entry, host) {
                ui.warning(&format!(
                    "the audit log on {} does not tell of this {}: {why}",
                    host.name(),
                    entry.action
                ));
            }
        }
    }
    if let Err(failure) = publication::entry(entry) {
        ui.warning(&format!(
            "the dashboard does not tell of this {}: {}",
            entry.action, failure.message
        ));
    }
}

/// Sends the entry to the host's audit log. A host without the plugin has none.
fn record(entry: &AuditEntry, host: &dyn Host) -> Result<(), String> {
    let request = RecordRequest {
        entry: entry.clone(),
    };
    let answer = host
        .ask(&deploy_system::record(&request))
        .map_err(|error: HostError| error.to_string())?;
    if is_unknown_command(&answer) {
        return Ok(());
    }
    deploy_system::read::<Recorded>(&answer, host.name())
        .map(drop)
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
    let result = act(&mut entry);
    let Some(status) = status(&result, host.reach()) else {
        return result;
    };
    if let Err(failure) = &result {
        entry = entry.note(&failure.message);
    }
    entry.finish(status, started, Timestamp::now());
    publish(&entry, Chain::over(host), invocation);
    result
}

/// What came of it; `None` if it was never begun.
fn status<T>(result: &Result<T, Failure>, reach: Reach) -> Option<Status> {
    let Err(failure) = result else {
        return Some(Status::Success);
    };
    is_begun(failure).then(|| match of_code(failure.code) {
        Status::Failure if reach == Reach::Lost => Status::Unknown,
        status => status,
    })
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
