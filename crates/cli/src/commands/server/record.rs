//! The one entry that a change of a host itself ends in. It goes to the host as root's own command, as
//! the rest of the setup does.

use dokku_deploy::{
    audit::{Action, AuditEntry, Origin},
    plugin_protocol::RecordRequest,
};
use jiff::Timestamp;

use crate::{
    actor, exit_codes,
    failure::Failure,
    installation::Root,
    invocation::Invocation,
    origin,
    publish::{self, Chain, publish},
};

/// A change of a host that is to be recorded.
pub struct Record<'a> {
    root: &'a Root,
    invocation: &'a Invocation<'a>,
    origin: Origin,
}

impl<'a> Record<'a> {
    /// Begins before the change.
    pub fn begin(root: &'a Root, invocation: &'a Invocation<'a>) -> Result<Self, Failure> {
        let actor = actor::name(None)?;
        let host = root.target.rsplit('@').next().unwrap_or_default();
        Ok(Self {
            root,
            invocation,
            origin: origin::begin(&actor, host, None),
        })
    }

    /// Records what came of it: in the host's log, where the plugin is there afterwards, and to
    /// everyone.
    pub fn ended<T>(&self, action: Action, note: &str, result: &Result<T, Failure>) {
        let (code, note) = match result {
            Ok(_) => (exit_codes::OK, note),
            Err(failure) => (failure.code, failure.message.as_str()),
        };
        let status = publish::of_code(code);
        let mut entry = AuditEntry::of_host(action, status.clone(), &self.origin).note(note);
        entry.finish(status, self.origin.time, Timestamp::now());
        let request = RecordRequest {
            entry: entry.clone(),
            is_told: publish::tells(),
        };
        if let Err(why) = self.root.record(&request) {
            self.invocation.ui.warning(&format!(
                "the audit log on {} does not tell of this {}: {why}",
                self.root.target, entry.action
            ));
        }
        publish(&entry, Chain::Settled, self.invocation);
    }
}
