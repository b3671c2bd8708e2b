//! `verify`, and which backup in the current directory is meant.

use std::path::{Path, PathBuf};

use dokku_deploy::{
    app::AppName,
    backup::{BackupId, Manifest, Place},
    dokku::deploy_system,
    plugin_protocol::{BackupsRequest, Verified},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{VerifyArguments, download, places::Seen, service::Linked};
use crate::{
    backup::{self, Flaw, Identities},
    commands::{
        backup::{Server, ask},
        with_host,
    },
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    ui::Ui,
};

const HERE: &str = ".";

/// The file that a person means: its path, or `latest`, which is never from the future.
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
        .find(|found| found.name.time <= Timestamp::now())
        .map(|found| found.path)
        .ok_or_else(|| none_here(app))
}

/// The newest backup here that is no copy of what a restore, a rollback or a removal was about to
/// replace, and that is not from the future; of one service, if one is meant. Also its time.
pub fn newest(
    app: &AppName,
    of: Option<&Linked>,
    ui: &Ui,
) -> Result<Option<(PathBuf, Timestamp)>, Failure> {
    let now = Timestamp::now();
    for found in backup::find(Path::new(HERE), app)? {
        if found.name.reason.is_safety_copy() {
            continue;
        }
        let passed_over = |why: &str| {
            let shown = found.path.strip_prefix(HERE).unwrap_or(&found.path);
            ui.warning(&format!(
                "{} {why}: not taken for the latest",
                shown.display()
            ));
        };
        match (of, &found.manifest) {
            (Some(meant), Ok(Some(manifest))) if !is_of(manifest, meant) => continue,
            (Some(_), Ok(None) | Err(_)) => {
                passed_over("has no manifest that tells whose it is");
                continue;
            }
            _ => {}
        }
        if found.name.time <= now {
            return Ok(Some((found.path, found.name.time)));
        }
        passed_over("is from the future, so a clock was wrong");
    }
    Ok(None)
}

/// Whether a backup is of that service.
pub fn is_of(manifest: &Manifest, linked: &Linked) -> bool {
    manifest.kind == linked.kind && manifest.service == linked.name.as_str()
}

/// Nothing is there that could be meant.
pub fn none_here(app: &AppName) -> Failure {
    Failure::usage(format!("there is no backup of {app} in this directory"))
        .hint(format!("`dokku-cli db {app} backup` makes one."))
}

/// Reads backups wholly and says which are good: a file here, one elsewhere by its id, or all.
pub fn verify(
    app: &AppName,
    arguments: &VerifyArguments,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let identities = arguments
        .identity
        .as_deref()
        .map(download::read_identities)
        .transpose()?;
    let mut reading = Reading::default();
    if arguments.all {
        for found in backup::find(Path::new(HERE), app)? {
            reading.file(&found.path, identities.as_ref(), invocation);
        }
        reading.elsewhere(app, identities.as_ref(), invocation)?;
    } else if BackupId::parse(&arguments.file).is_some() {
        let id = download::parse(app, &arguments.file)?;
        reading.id(&id, identities.as_ref(), invocation)?;
    } else {
        let path = file(app, &arguments.file)?;
        reading.file(&path, identities.as_ref(), invocation);
    }
    if reading.rows.is_empty() {
        ui.warning(&format!("There is no backup of {app}"));
    }
    if ui.is_json() {
        ui.json(&json!({"app": app, "backups": reading.rows}))?;
    }
    if reading.bad > 0 {
        return Err(Failure::new(
            exit_codes::VERIFICATION,
            format!(
                "{} of {} backups of {app} did not pass",
                reading.bad,
                reading.rows.len()
            ),
        )
        .hint("A file that did not pass is not restored; make a new backup now."));
    }
    if reading.unopened > 0 {
        return Err(Failure::refused(format!(
            "{} of {} backups of {app} could not be looked into: the private key that was given does not open them",
            reading.unopened,
            reading.rows.len()
        ))
        .hint("They are what was written, by their checksums; --identity FILE takes a key of `backup.encrypt_to`."));
    }
    reading.seen.code(app)
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    rows: Vec<Value>,
    bad: usize,
    /// Those that the key that was given does not open.
    unopened: usize,
    seen: Seen,
}

impl Reading {
    fn file(&mut self, path: &Path, identities: Option<&Identities>, invocation: &Invocation) {
        let ui = invocation.ui;
        let shown = path.strip_prefix(HERE).unwrap_or(path).display();
        let verdict = backup::check_with(path, identities);
        let is_sealed = matches!(verdict, Err(Flaw::Sealed | Flaw::NotOpened));
        self.rows.push(json!({
            "file": shown.to_string(),
            "is_good": verdict.is_ok() || is_sealed,
            "is_sealed": is_sealed,
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
            Err(Flaw::Sealed) => ui.success(&format!(
                "{shown} is what was written; it is encrypted, and looked into only with --identity FILE"
            )),
            Err(Flaw::NotOpened) => {
                self.unopened += 1;
                ui.warning(&format!("{shown}: {}", Flaw::NotOpened));
            }
            Err(flaw) => {
                self.bad += 1;
                ui.warning(&format!("{shown} is not good: {flaw}"));
            }
        }
    }

    /// By the plugin where the host can look into it, else by a copy here.
    fn id(
        &mut self,
        id: &BackupId,
        identities: Option<&Identities>,
        invocation: &Invocation,
    ) -> Result<(), Failure> {
        if id.place == Place::Server && identities.is_none() {
            let request = BackupsRequest {
                app: Some(id.name.app.clone()),
                id: Some(id.to_string()),
                with_bucket: false,
                is_brief: false,
            };
            return self.on_server(&request, invocation);
        }
        let scratch = tempfile::tempdir()?;
        let fetched = download::fetch(id, scratch.path(), identities, invocation);
        let flaw = match fetched {
            Ok(_) => None,
            Err(failure) if failure.code == exit_codes::VERIFICATION => Some(failure.message),
            Err(failure) if failure.code == exit_codes::REFUSED => {
                self.unopened += 1;
                self.rows.push(json!({
                    "file": id.to_string(), "is_good": true, "is_sealed": true, "has_manifest": true,
                    "why": failure.message,
                }));
                invocation.ui.warning(&failure.message);
                return Ok(());
            }
            Err(failure) => return Err(failure),
        };
        self.verdict(
            &Verified {
                id: id.to_string(),
                flaw,
                is_sealed: id.name.is_encrypted && identities.is_none(),
            },
            invocation,
        );
        Ok(())
    }

    fn on_server(
        &mut self,
        request: &BackupsRequest,
        invocation: &Invocation,
    ) -> Result<(), Failure> {
        let verified: Server<Vec<Verified>> = with_host(invocation, |host, _| {
            ask(host, &deploy_system::backup_verify(request))
        })?;
        match verified {
            Server::Answered(all) => {
                for one in &all {
                    self.verdict(one, invocation);
                }
                Ok(())
            }
            Server::NoPlugin(failure) => Err(failure),
        }
    }

    fn verdict(&mut self, one: &Verified, invocation: &Invocation) {
        let ui = invocation.ui;
        self.rows.push(json!({
            "file": one.id,
            "is_good": one.flaw.is_none(),
            "is_sealed": one.is_sealed,
            "has_manifest": true,
            "why": one.flaw,
        }));
        match &one.flaw {
            None if one.is_sealed => ui.success(&format!("{} is what was written; it is encrypted, and looked into only with --identity FILE", one.id)),
            None => ui.success(&format!("{} is a whole dump", one.id)),
            Some(flaw) => {
                self.bad += 1;
                ui.warning(&format!("{} is not good: {flaw}", one.id));
            }
        }
    }

    fn elsewhere(
        &mut self,
        app: &AppName,
        identities: Option<&Identities>,
        invocation: &Invocation,
    ) -> Result<(), Failure> {
        self.seen = Seen::of(app, false, invocation)?;
        let ids: Vec<BackupId> = self
            .seen
            .rows
            .iter()
            .filter(|row| row.manifest.is_some())
            .filter_map(|row| BackupId::parse(&row.id))
            .collect();
        for id in &ids {
            self.id(id, identities, invocation)?;
        }
        Ok(())
    }
}
