//! What is told of the night's backups: one summary, and that there are none.

use jiff::{SignedDuration, Timestamp};

use crate::{
    audit::{Action, AuditEntry, Origin, Status, key},
    backup::size,
    plugin_protocol::{BackupOutcome, BackupReport, TestOutcome},
};

/// For so long nobody is told again that backups are overdue: who looks every day at the same time, give or
/// take some minutes, is told every day.
pub const QUIET: SignedDuration = SignedDuration::from_hours(23);

/// How many failures are named.
const NAMED: usize = 20;

/// The one message about a run over all apps. A failure of the whole run has no report.
pub fn summary(
    report: Result<&BackupReport, &str>,
    started: Timestamp,
    finished: Timestamp,
    origin: &Origin,
) -> AuditEntry {
    let mut entry = AuditEntry::of_host(Action::Maintenance, Status::Started, origin);
    let (status, note) = match report {
        Ok(report) => {
            let mut apps: Vec<&str> = report.results.iter().map(|one| one.app.as_str()).collect();
            apps.sort_unstable();
            apps.dedup();
            if !apps.is_empty() {
                entry.set(key::APPS, apps);
            }
            told(report)
        }
        Err(why) => (Status::Failure, format!("The backups were not made: {why}")),
    };
    entry = entry.note(&note);
    entry.finish(status, started, finished);
    entry
}

fn told(report: &BackupReport) -> (Status, String) {
    let mut failures = Vec::new();
    let mut bytes = 0_u64;
    for result in &report.results {
        match &result.outcome {
            BackupOutcome::Made { manifest, .. } | BackupOutcome::Young { manifest, .. } => {
                bytes = bytes.saturating_add(manifest.size);
            }
            BackupOutcome::Failed { why } => failures.push(format!(
                "{} {} of {}, to {}: {why}",
                result.kind, result.service, result.app, result.place
            )),
        }
    }
    let (all, bad) = (report.results.len(), failures.len());
    let removed = report.pruned.iter().filter(|one| !one.is_kept).count();
    let mut lines = vec![format!(
        "{} of {all} backups made, {} in all; {removed} old ones removed",
        all - bad,
        size(bytes)
    )];
    if bad > NAMED {
        failures.truncate(NAMED);
        failures.push(format!("and {} more", bad - NAMED));
    }
    lines.extend(failures.into_iter().map(|one| format!("Failed: {one}")));
    lines.extend(restore_tests(report));
    lines.extend(report.warnings.iter().map(|one| format!("Warning: {one}")));
    let status = if report.is_good() {
        Status::Success
    } else {
        Status::Failure
    };
    (status, lines.join("\n"))
}

/// How many restore tests came to what, and each that proves nothing by its reason.
fn restore_tests(report: &BackupReport) -> Vec<String> {
    if report.tests.is_empty() {
        return Vec::new();
    }
    let count = |is_meant: fn(&TestOutcome) -> bool| {
        let meant = report.tests.iter().filter(|one| is_meant(&one.outcome));
        meant.count()
    };
    let mut lines = vec![format!(
        "Restore tests: {} good, {} failed, {} not made, {} not due yet",
        count(|one| matches!(one, TestOutcome::Restores { .. })),
        count(|one| matches!(one, TestOutcome::Fails { .. })),
        count(|one| matches!(
            one,
            TestOutcome::Unknown { .. } | TestOutcome::Skipped { .. }
        )),
        count(|one| matches!(one, TestOutcome::Recent { .. })),
    )];
    let mut told: Vec<String> = report
        .tests
        .iter()
        .filter_map(|one| {
            let (word, why) = match &one.outcome {
                TestOutcome::Fails { why } => ("Does not restore", why),
                TestOutcome::Unknown { why } | TestOutcome::Skipped { why } => {
                    ("Not restore-tested", why)
                }
                TestOutcome::Restores { .. } | TestOutcome::Recent { .. } => return None,
            };
            let of = format!("{} {} of {}", one.kind, one.service, one.app);
            Some(format!("{word}: {of}: {why}"))
        })
        .collect();
    let more = told.len().saturating_sub(NAMED);
    told.truncate(NAMED);
    lines.append(&mut told);
    if more > 0 {
        lines.push(format!("and {more} more that were not restore-tested"));
    }
    lines
}

/// That the last good run over all apps is too long ago; `None` where somebody was told of that lately,
/// the last time at `told`.
pub fn overdue(why: &str, told: Option<Timestamp>, origin: &Origin) -> Option<AuditEntry> {
    let is_quiet = told.is_some_and(|told| {
        let age = origin.time.duration_since(told);
        // A time to come is a wrong clock's, and no reason to be silent.
        !age.is_negative() && age < QUIET
    });
    (!is_quiet)
        .then(|| AuditEntry::of_host(Action::BackupOverdue, Status::Failure, origin).note(why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backup::Place,
        notification::event,
        plugin_protocol::{BackupResult, Pruned, TestResult},
        service::ServiceKind,
        settings::NotifiedEvent,
    };

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hour * 3600).unwrap()
    }

    fn failed(service: &str) -> BackupResult {
        BackupResult {
            app: "shop".into(),
            kind: ServiceKind::Redis,
            service: service.into(),
            place: Place::Server,
            outcome: BackupOutcome::Failed {
                why: "the disk is full".into(),
            },
        }
    }

    fn of(report: Result<&BackupReport, &str>) -> AuditEntry {
        summary(report, at(0), at(1), &Origin::default())
    }

    #[test]
    fn every_failure_is_named_and_many_are_counted() {
        let mut report = BackupReport {
            results: vec![failed("cache")],
            pruned: vec![Pruned {
                id: "old".into(),
                is_kept: false,
                why: "older than 3 days".into(),
            }],
            warnings: vec!["a file could not be removed".into()],
            tests: Vec::new(),
        };
        let entry = of(Ok(&report));
        assert_eq!(entry.status, Status::Failure);
        assert_eq!(
            entry.note,
            "0 of 1 backups made, 0 bytes in all; 1 old ones removed\n\
             Failed: redis cache of shop, to server: the disk is full\n\
             Warning: a file could not be removed"
        );
        assert_eq!(entry.text(key::APPS), "shop");
        assert_eq!(event(&entry), Some(NotifiedEvent::Summary));
        report.results = (0..30).map(|n| failed(&format!("cache-{n}"))).collect();
        let note = of(Ok(&report)).note;
        assert_eq!(note.matches("Failed: redis").count(), NAMED);
        assert!(note.contains("Failed: and 10 more"), "{note}");
    }

    #[test]
    fn a_run_without_a_failure_is_good_and_one_that_was_not_made_is_not() {
        let entry = of(Ok(&BackupReport::default()));
        assert_eq!(entry.status, Status::Success);
        assert_eq!(entry.duration, "1h 0m 0s");
        let entry = of(Err("another run is under way"));
        assert_eq!(entry.status, Status::Failure);
        assert!(entry.note.contains("another run"), "{}", entry.note);
    }

    #[test]
    fn restore_tests_are_counted_and_only_trouble_makes_the_night_a_bad_one() {
        let test = |outcome| TestResult {
            app: "shop".into(),
            kind: ServiceKind::Redis,
            service: "cache".into(),
            id: None,
            started: at(0),
            finished: at(1),
            outcome,
        };
        let mut report = BackupReport {
            tests: vec![
                test(TestOutcome::Restores { tables: 1, rows: 2 }),
                test(TestOutcome::Recent { tested: at(0) }),
                test(TestOutcome::Skipped {
                    why: "it is too large".into(),
                }),
            ],
            ..BackupReport::default()
        };
        let entry = of(Ok(&report));
        assert_eq!(entry.status, Status::Success);
        assert_eq!(
            entry.note,
            "0 of 0 backups made, 0 bytes in all; 0 old ones removed\n\
             Restore tests: 1 good, 0 failed, 1 not made, 1 not due yet\n\
             Not restore-tested: redis cache of shop: it is too large"
        );
        for (outcome, told) in [
            (
                TestOutcome::Fails {
                    why: "half of it".into(),
                },
                "Does not restore: redis cache of shop: half of it",
            ),
            (
                TestOutcome::Unknown {
                    why: "no answer".into(),
                },
                "Not restore-tested: redis cache of shop: no answer",
            ),
        ] {
            report.tests.push(test(outcome));
            let entry = of(Ok(&report));
            assert_eq!(entry.status, Status::Failure);
            assert!(entry.note.ends_with(told), "{}", entry.note);
        }
    }

    #[test]
    fn overdue_is_told_once_a_day() {
        let now = |hour| Origin {
            time: at(hour),
            ..Origin::default()
        };
        let first = overdue("too long ago", None, &now(0)).unwrap();
        assert_eq!(event(&first), Some(NotifiedEvent::BackupOverdue));
        assert_eq!(overdue("too long ago", Some(at(0)), &now(1)), None);
        assert_eq!(overdue("too long ago", Some(at(0)), &now(22)), None);
        assert!(overdue("too long ago", Some(at(0)), &now(23)).is_some());
        assert!(overdue("too long ago", Some(at(5)), &now(0)).is_some());
    }
}
