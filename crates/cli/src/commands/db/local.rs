//! `list-backups`, `verify` and `prune`: the backups in the current directory.

use std::path::{Path, PathBuf};

use dokku_deploy::{
    app::{AppName, Environment},
    clock::stamp,
    retention::{self, Candidate, Rule},
};
use jiff::Timestamp;
use serde_json::json;

use super::{PruneArguments, VerifyArguments, backup::size};
use crate::{
    backup::{self, Found, manifest_path},
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    project::Project,
    ui::visible,
};

const HERE: &str = ".";

/// Lists the backups of an app.
pub fn list(app: &AppName, invocation: &Invocation) -> Result<u8, Failure> {
    let all = backup::find(Path::new(HERE), app)?;
    if invocation.ui.is_json() {
        let rows: Vec<_> = all
            .iter()
            .map(|found| {
                let manifest = found.manifest.as_ref().ok().and_then(Option::as_ref);
                json!({
                    "file": name(found),
                    "time": stamp(found.name.time),
                    "size": found.size,
                    "reason": found.name.reason,
                    "service": manifest.map(|manifest| &manifest.service),
                    "state": state(found),
                })
            })
            .collect();
        invocation.ui.json(&json!({"app": app, "local": rows}))?;
        return Ok(exit_codes::OK);
    }
    invocation.ui.header(&format!("Backups for {app}"));
    invocation.ui.plain("Local backups:");
    if all.is_empty() {
        invocation.ui.plain("  No local backups found");
    }
    for found in &all {
        let manifest = found.manifest.as_ref().ok().and_then(Option::as_ref);
        let line = format!(
            "  {}  {}  {}  {}",
            name(found),
            size(found.size),
            manifest.map_or("unknown service", |manifest| manifest.service.as_str()),
            state(found)
        );
        invocation.ui.result(&visible(&line))?;
    }
    Ok(exit_codes::OK)
}

/// What is known without reading the whole file.
fn state(found: &Found) -> &'static str {
    match &found.manifest {
        Ok(Some(manifest)) if manifest.size != found.size => "damaged: its size has changed",
        Ok(Some(_)) => "checked when it was made",
        Ok(None) => "no manifest",
        Err(_) => "damaged manifest",
    }
}

fn name(found: &Found) -> String {
    found
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The file that a person means: its path, or `latest`.
pub fn file(app: &AppName, given: &str) -> Result<PathBuf, Failure> {
    if given != "latest" {
        let path = PathBuf::from(given);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(Failure::usage(format!("Backup file not found: {given}")))
        };
    }
    backup::find(Path::new(HERE), app)?
        .into_iter()
        .next()
        .map(|found| found.path)
        .ok_or_else(|| {
            Failure::usage(format!("there is no backup of {app} in this directory"))
                .hint(format!("`dokku-cli db {app} backup` makes one."))
        })
}

/// Reads backups wholly and says which are good.
pub fn verify(
    app: &AppName,
    arguments: &VerifyArguments,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let files = if arguments.all {
        let all = backup::find(Path::new(HERE), app)?;
        all.into_iter().map(|found| found.path).collect()
    } else {
        vec![file(app, &arguments.file)?]
    };
    if files.is_empty() {
        ui.warning(&format!("There is no backup of {app} in this directory"));
    }
    let mut bad = 0;
    let mut rows = Vec::new();
    for path in &files {
        let shown = path.strip_prefix(HERE).unwrap_or(path).display();
        let verdict = backup::check(path);
        rows.push(json!({
            "file": shown.to_string(),
            "is_good": verdict.is_ok(),
            "has_manifest": verdict.as_ref().is_ok_and(|checked| checked.manifest.is_some()),
            "why": verdict.as_ref().err().map(ToString::to_string),
        }));
        match verdict {
            Ok(checked) => {
                let version = checked
                    .dump
                    .version
                    .as_deref()
                    .unwrap_or("of unknown version");
                ui.success(&format!(
                    "{shown} is a whole dump of {} {version}",
                    checked.dump.engine
                ));
                if checked.manifest.is_none() {
                    ui.warning(&format!(
                        "{shown} has no manifest: its checksum cannot be compared"
                    ));
                }
            }
            Err(flaw) => {
                bad += 1;
                ui.warning(&format!("{shown} is not good: {flaw}"));
            }
        }
    }
    if ui.is_json() {
        ui.json(&json!({"app": app, "backups": rows}))?;
    }
    if bad > 0 {
        return Err(Failure::new(
            exit_codes::VERIFICATION,
            format!("{bad} of {} backups of {app} did not pass", files.len()),
        )
        .hint("A file that did not pass is not restored; make a new backup now."));
    }
    Ok(exit_codes::OK)
}

/// Removes what the rule does not keep. Only files with a manifest of this program are judged.
pub fn prune(
    app: &AppName,
    arguments: &PruneArguments,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let settings = Project::around(&std::env::current_dir()?)?.settings()?;
    let backup = settings.resolve(Environment::of_app(app)).backup;
    let rule = Rule {
        days: backup.retention_days,
        last: backup.keep_last.unwrap_or(0),
        daily: backup.keep_daily.unwrap_or(0),
        weekly: backup.keep_weekly.unwrap_or(0),
        monthly: backup.keep_monthly.unwrap_or(0),
    };
    let mut series: std::collections::BTreeMap<String, Vec<(Found, Candidate)>> =
        std::collections::BTreeMap::new();
    for found in backup::find(Path::new(HERE), app)? {
        let Ok(Some(manifest)) = &found.manifest else {
            ui.info(&format!(
                "{}: stays (not made by this program, or its manifest is lost)",
                name(&found)
            ));
            continue;
        };
        let candidate = Candidate {
            time: found.name.time,
            reason: found.name.reason,
            is_good: backup::check(&found.path).is_ok(),
            is_restore_tested: manifest.restore_tested.is_some(),
        };
        let key = format!("{}:{}", manifest.kind, manifest.service);
        series.entry(key).or_default().push((found, candidate));
    }
    let mut removed = Vec::new();
    for backups in series.values() {
        let candidates: Vec<Candidate> = backups.iter().map(|(_, candidate)| *candidate).collect();
        let verdicts = retention::judge(&candidates, &rule, Timestamp::now());
        for ((found, _), verdict) in backups.iter().zip(verdicts) {
            let shown = name(found);
            if verdict.is_keep() {
                ui.info(&format!("{shown}: stays ({verdict})"));
                continue;
            }
            if arguments.dry_run {
                ui.info(&format!("{shown}: would go ({verdict})"));
            } else {
                // The file first: a manifest that is left alone is no backup.
                fs_err::remove_file(&found.path)?;
                fs_err::remove_file(manifest_path(&found.path))?;
                ui.info(&format!("{shown}: removed ({verdict})"));
            }
            removed.push(shown);
        }
    }
    if ui.is_json() {
        ui.json(&json!({"app": app, "is_dry_run": arguments.dry_run, "removed": removed}))?;
    }
    let verb = if arguments.dry_run {
        "would be removed"
    } else {
        "removed"
    };
    ui.success(&format!("{} backup(s) of {app} {verb}", removed.len()));
    Ok(exit_codes::OK)
}
