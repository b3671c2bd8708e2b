//! What came of a run of backups, in words and as an exit code.

use dokku_deploy::{
    clock::stamp,
    plugin_protocol::{BackupOutcome, BackupReport, TestOutcome},
};

use crate::{commands::size, exit_codes, failure::Failure, invocation::Invocation, ui::visible};

/// The summary: every success and failure by name.
pub fn finish(report: &BackupReport, invocation: &Invocation) -> Result<u8, Failure> {
    let ui = invocation.ui;
    for warning in &report.warnings {
        ui.warning(warning);
    }
    for gone in report.pruned.iter().filter(|pruned| !pruned.is_kept) {
        ui.info(&format!("{}: removed ({})", gone.id, gone.why));
    }
    if ui.is_json() {
        ui.json(report)?;
        return judge(report);
    }
    for result in &report.results {
        let of = format!("{} {} of {}", result.kind, result.service, result.app);
        match &result.outcome {
            BackupOutcome::Made { id, manifest } | BackupOutcome::Young { id, manifest } => {
                ui.verdict(true, "✓ ", &format!("{of}: {id} ({})", size(manifest.size)))?;
            }
            BackupOutcome::Failed { why } => {
                ui.verdict(false, "✗ ", &format!("{of}, to {}: {why}", result.place))?;
            }
        }
    }
    for test in &report.tests {
        let of = format!("{} {} of {}", test.kind, test.service, test.app);
        match &test.outcome {
            TestOutcome::Restores { tables, rows } => {
                ui.verdict(
                    true,
                    "✓ ",
                    &format!("{of}: restores, {tables} tables with {rows} rows"),
                )?;
            }
            TestOutcome::Fails { why } => {
                ui.verdict(false, "✗ ", &format!("{of}: does not restore: {why}"))?;
            }
            TestOutcome::Unknown { why } => {
                ui.verdict(false, "✗ ", &format!("{of}: not restore-tested: {why}"))?;
            }
            TestOutcome::Skipped { why } => {
                ui.result(&visible(&format!("○ {of}: not restore-tested: {why}")))?;
            }
            TestOutcome::Recent { tested } => ui.result(&visible(&format!(
                "○ {of}: restore-tested {}, not due yet",
                stamp(*tested)
            )))?,
        }
    }
    if report.results.is_empty() {
        ui.warning("There is no service to back up: no app is linked to one that was asked for");
    }
    if report.failures() == 0 {
        ui.success(&format!("{} backup(s) made", report.results.len()));
    }
    judge(report)
}

/// The exit code: a backup that is not there or does not restore is worse than one that could not be
/// tested.
pub fn judge(report: &BackupReport) -> Result<u8, Failure> {
    let mut troubles = Vec::new();
    if report.failures() > 0 {
        let failed = report.results.iter().filter(|one| one.outcome.is_failure());
        let names: Vec<String> = failed
            .map(|one| {
                format!(
                    "{} {} of {} ({})",
                    one.kind, one.service, one.app, one.place
                )
            })
            .collect();
        troubles.push(format!(
            "{} of {} backups failed: {}",
            names.len(),
            report.results.len(),
            names.join(", ")
        ));
    }
    let named = |is_meant: fn(&TestOutcome) -> bool| -> Vec<String> {
        let meant = report.tests.iter().filter(|one| is_meant(&one.outcome));
        meant
            .map(|one| {
                let why = one.outcome.trouble().unwrap_or_default();
                format!("{} {} of {}: {why}", one.kind, one.service, one.app)
            })
            .collect()
    };
    let bad = named(|outcome| matches!(outcome, TestOutcome::Fails { .. }));
    if !bad.is_empty() {
        troubles.push(format!(
            "{} backup(s) do not restore: {}",
            bad.len(),
            bad.join("; ")
        ));
    }
    let is_bad = !troubles.is_empty();
    let unknown = named(|outcome| matches!(outcome, TestOutcome::Unknown { .. }));
    if !unknown.is_empty() {
        troubles.push(format!(
            "{} restore test(s) could not be made: {}",
            unknown.len(),
            unknown.join("; ")
        ));
    }
    if troubles.is_empty() {
        return Ok(exit_codes::OK);
    }
    let code = if is_bad {
        exit_codes::VERIFICATION
    } else {
        exit_codes::HOST
    };
    let failure = Failure::new(code, troubles.join("; "));
    Err(if bad.is_empty() {
        failure
    } else {
        failure.hint("Make a new backup of them now (`dokku-cli db APP backup-server`) and test it (`dokku-cli db APP verify ID --restore`).")
    })
}
