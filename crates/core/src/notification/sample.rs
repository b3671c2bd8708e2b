//! An entry to try with whether messages arrive.

use crate::audit::{Action, AuditEntry, Origin, Status};

/// A sample that says that it is one.
pub fn sample(origin: &Origin) -> AuditEntry {
    let mut entry = AuditEntry::of_host(Action::Test, Status::Success, origin).note(
        "This is a test of notifications, sent by `dokku-cli notify test`. Nothing was deployed.",
    );
    "shop".clone_into(&mut entry.app_name);
    "production".clone_into(&mut entry.environment);
    entry
}
