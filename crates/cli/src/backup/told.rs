//! What the audit log is told of a run of backups: one entry for each service and place.

use dokku_deploy::{
    app::AppName,
    audit::{Action, AuditEntry, Origin, Status, key},
    plugin_protocol::{BackupOutcome, BackupReport},
};
use jiff::Timestamp;

/// The entries. A backup that was there already is none.
pub fn entries(
    report: &BackupReport,
    started: Timestamp,
    origin: impl Fn() -> Origin,
) -> Vec<AuditEntry> {
    let mut entries = Vec::new();
    for result in &report.results {
        // The host named it, so it is one.
        let Ok(app) = AppName::new(&result.app) else {
            continue;
        };
        let mut entry = AuditEntry::of_app(Action::Backup, &app, Status::Started, &origin());
        entry.set(key::SERVICE, result.service.as_str());
        entry.set(key::SERVICE_KIND, result.kind.as_str());
        let (status, begun, ended) = match &result.outcome {
            BackupOutcome::Young { .. } => continue,
            BackupOutcome::Made { id, manifest } => {
                entry.set(key::BACKUP, id.as_str());
                entry.set(key::SIZE, manifest.size);
                (Status::Success, manifest.started, manifest.finished)
            }
            BackupOutcome::Failed { why } => {
                entry = entry.note(&format!("to {}: {why}", result.place));
                (Status::Failure, started, Timestamp::now())
            }
        };
        entry.finish(status, begun, ended);
        entries.push(entry);
    }
    entries
}
