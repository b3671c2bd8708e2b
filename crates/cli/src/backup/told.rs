//! What the audit log is told of a run of backups: one entry for each service and place, and for each
//! verdict of a restore test.

use dokku_deploy::{
    app::AppName,
    audit::{Action, AuditEntry, Origin, Status, key},
    plugin_protocol::{BackupOutcome, BackupReport, TestOutcome, TestResult},
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
    entries.extend(report.tests.iter().filter_map(|test| {
        let entry = verdict(test, report, &origin())?;
        Some(entry)
    }));
    entries
}

/// The entry of a restore test that proved something.
fn verdict(test: &TestResult, report: &BackupReport, origin: &Origin) -> Option<AuditEntry> {
    let is_good = match &test.outcome {
        TestOutcome::Restores { .. } => true,
        TestOutcome::Fails { .. } => false,
        _ => return None,
    };
    let app = AppName::new(&test.app).ok()?;
    let mut entry = AuditEntry::of_app(Action::RestoreTest, &app, Status::Started, origin);
    entry.set(key::SERVICE, test.service.as_str());
    entry.set(key::SERVICE_KIND, test.kind.as_str());
    entry.set(key::BACKUP, test.id.clone());
    entry.set(key::RESTORES, is_good);
    let others = report.tests.iter().filter(|other| {
        let is_proven = matches!(
            other.outcome,
            TestOutcome::Restores { .. } | TestOutcome::Recent { .. }
        );
        other.app == test.app && !is_proven
    });
    let unproven: Vec<&str> = others.map(|other| other.service.as_str()).collect();
    if is_good && !unproven.is_empty() {
        entry.set(key::UNPROVEN, unproven);
    }
    if let Some(why) = test.outcome.trouble() {
        entry = entry.note(why);
    }
    let status = if is_good {
        Status::Success
    } else {
        Status::Failure
    };
    entry.finish(status, test.started, test.finished);
    Some(entry)
}
