//! The one entry that a change of a host itself ends in. It goes to the host as root's own command, as
//! the rest of the setup does.

use dokku_deploy::{
    audit::{Action, AuditEntry, Status},
    interrupt::Interrupts,
    plugin_protocol::RecordRequest,
};
use jiff::Timestamp;

use crate::{
    actor, exit_codes,
    failure::Failure,
    installation::Root,
    interrupt::Watch,
    invocation::Invocation,
    origin,
    publish::{self, Begun, Chain},
};

/// Changes a host as root and records what came of it: in the host's log, where the plugin is there
/// afterwards, and to everyone. `note` says what is done. Ctrl-C ends ssh and what it runs; then that is
/// recorded too.
pub fn recorded<T>(
    action: Action,
    note: &str,
    root: &Root,
    invocation: &Invocation<'_>,
    act: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let watch = Watch::begin()?;
    let origin = origin::begin(&actor::name(None)?, &root.target, None);
    let mut entry = AuditEntry::of_host(action, Status::Started, &origin).note(note);
    let begun = Begun::note(&entry, invocation);
    let result = act().map_err(|failure| match watch.requests() {
        (_, Some(signal)) => {
            let stopped = Failure::interrupted(signal);
            stopped.hint(format!("{}.", failure.message))
        }
        (_, None) => failure,
    });
    let code = match &result {
        Ok(_) => exit_codes::OK,
        Err(failure) => {
            entry = entry.note(&failure.message);
            failure.code
        }
    };
    entry.finish(publish::of_code(code), origin.time, Timestamp::now());
    let request = RecordRequest {
        entry: entry.clone(),
        is_told: publish::tells(),
    };
    match root.record(&request) {
        Ok(()) => begun.ended(&entry, Chain::Settled),
        Err(error) => begun.ended(&entry, Chain::OutOfReach(&root.target, &error.to_string())),
    }
    result
}
