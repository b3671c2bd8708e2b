//! What the entry of a backup or a restore says.

use std::path::Path;

use dokku_deploy::{
    app::AppName,
    audit::{Action, AuditEntry, Status, key},
    host::Host,
};

use super::service::Linked;
use crate::{actor, failure::Failure, origin};

/// An entry that begins.
pub fn entry(action: Action, app: &AppName, host: &dyn Host) -> Result<AuditEntry, Failure> {
    let origin = origin::begin(&actor::name(None)?, host.name(), None);
    Ok(AuditEntry::of_app(action, app, Status::Started, &origin))
}

/// Which service it is about.
pub fn name_service(entry: &mut AuditEntry, linked: &Linked) {
    entry.set(key::SERVICE, linked.name.as_str());
    entry.set(key::SERVICE_KIND, linked.kind.as_str());
}

/// Which file it is about: its name alone, as where it lies is this machine's business.
pub fn name_file(entry: &mut AuditEntry, path: &Path) {
    let name = path.file_name().unwrap_or_default();
    entry.set(key::BACKUP, name.to_string_lossy().into_owned());
}
