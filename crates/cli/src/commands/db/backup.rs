//! `dokku-cli db APP backup`.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use dokku_deploy::{
    app::AppName,
    audit::{Action, key},
    backup::{BackupName, Manifest, Reason},
    dokku::datastore,
    dump::BadDump,
    host::Host,
    interrupt::Interrupts,
};
use jiff::{SignedDuration, Timestamp};

use super::{
    BackupArguments, record,
    service::{self, Linked},
};
use crate::{
    args::VERSION,
    backup::{self, Checked, Draft, Flaw, Written},
    commands::with_host,
    exit_codes,
    failure::Failure,
    host::{SshHost, TransferError},
    invocation::Invocation,
    publish::recorded,
    ui::Ui,
};

/// How often another second is tried where a name is taken.
const ATTEMPTS: i64 = 60;

/// Makes a backup.
pub fn run(
    app: &AppName,
    arguments: &BackupArguments,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let is_stdout = arguments.output.as_deref() == Some(Path::new("-"));
    if is_stdout && ui.is_json() {
        return Err(Failure::usage(
            "with -o - the dump is on standard output, where --json writes too",
        )
        .hint("Leave one of them out."));
    }
    let named = arguments.output.clone().filter(|_| !is_stdout);
    let directory = match named.as_deref().and_then(Path::parent) {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    if let Some(path) = &named {
        refuse_taken(path)?;
    }
    let (path, manifest) = with_host(invocation, |host, interrupts| {
        let entry = record::entry(Action::Backup, app, host)?;
        recorded(entry, host, invocation, |entry| {
            let linked = service::find(host, app, arguments.service.as_deref())?;
            record::name_service(entry, &linked);
            ui.info(&format!(
                "Backing up {} database: {}",
                linked.kind, linked.name
            ));
            let order = Order {
                app,
                linked: &linked,
                directory: &directory,
                is_gzip: arguments.gzip,
                reason: Reason::Manual,
            };
            let (written, manifest) = order.take(host, interrupts, ui)?;
            entry.set(key::SIZE, manifest.size);
            if is_stdout {
                // Nothing of a broken dump reaches the reader.
                let mut file = fs_err::File::open(written.path())?;
                let mut out = io::stdout().lock();
                io::copy(&mut file, &mut out)
                    .and_then(|_| out.flush())
                    .map_err(|error| {
                        Failure::internal(format!("cannot write the dump: {error}"))
                    })?;
                return Ok((None, manifest));
            }
            let path = order.publish(written, &manifest, named.as_deref())?;
            record::name_file(entry, &path);
            Ok((Some(path), manifest))
        })
    })?;
    let Some(path) = path else {
        ui.success(&format!(
            "Backup written to standard output ({})",
            size(manifest.size)
        ));
        return Ok(exit_codes::OK);
    };
    if ui.is_json() {
        ui.json(&serde_json::json!({"file": path, "manifest": manifest}))?;
    }
    for check in &manifest.checks {
        ui.detail(&format!("checked: {check}"));
    }
    ui.success(&format!(
        "Backup saved: {} ({})",
        path.display(),
        size(manifest.size)
    ));
    Ok(exit_codes::OK)
}

fn refuse_taken(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Err(
            Failure::refused(format!("{} exists already", path.display()))
                .hint("Choose another name, or remove it."),
        );
    }
    Ok(())
}

/// A backup to be made.
pub struct Order<'a> {
    /// Whose data it is.
    pub app: &'a AppName,
    /// The service.
    pub linked: &'a Linked,
    /// Where it is to lie.
    pub directory: &'a Path,
    /// Whether to compress it.
    pub is_gzip: bool,
    /// Why it is made.
    pub reason: Reason,
}

impl Order<'_> {
    /// Writes the dump to a temporary file and checks it. Without success nothing of it is left.
    pub fn take(
        &self,
        host: &SshHost,
        interrupts: &dyn Interrupts,
        ui: &Ui,
    ) -> Result<(Written, Manifest), Failure> {
        let failed = |code, why: String| {
            Failure::new(
                code,
                format!(
                    "no backup of {} on {}: {why}",
                    self.linked.name,
                    host.name()
                ),
            )
        };
        let disk = |error: io::Error| failed(exit_codes::INTERNAL, error.to_string());
        if self.directory.is_dir() {
            let swept = backup::sweep(self.directory).map_err(disk)?;
            if swept > 0 {
                ui.warning(&format!(
                    "Removed {swept} unfinished file(s) of a run that was killed"
                ));
            }
        }
        let last = if self.directory.is_dir() {
            let found = backup::find(self.directory, self.app).map_err(disk)?;
            found.first().map_or(0, |found| found.size)
        } else {
            0
        };
        let started = Timestamp::now();
        let mut draft = Draft::begin(self.directory, self.is_gzip, last).map_err(disk)?;
        let export = datastore::export(self.linked.kind, &self.linked.name);
        let answer =
            host.receive(&export, &mut draft, interrupts)
                .map_err(|error| match error {
                    TransferError::Host(error) => {
                        let mut failure = Failure::from(error);
                        failure.message =
                            format!("no backup of {}: {}", self.linked.name, failure.message);
                        failure
                    }
                    TransferError::Write(error) => disk(error),
                })?;
        if !answer.is_ok() {
            return Err(failed(exit_codes::HOST, answer.refused().to_string()));
        }
        let written = draft.finish().map_err(disk)?;
        let checked = backup::check(written.path()).map_err(|flaw| match flaw {
            Flaw::Unreadable(error) => disk(error),
            Flaw::Dump(BadDump::Empty) => failed(
                exit_codes::VERIFICATION,
                "the export ended without an error and without a byte".to_owned(),
            ),
            flaw => failed(
                exit_codes::VERIFICATION,
                format!("the dump is not whole: {flaw}"),
            ),
        })?;
        let manifest = self
            .manifest(&written, checked, started)
            .map_err(|why| failed(exit_codes::VERIFICATION, why))?;
        Ok((written, manifest))
    }

    fn manifest(
        &self,
        written: &Written,
        checked: Checked,
        started: Timestamp,
    ) -> Result<Manifest, String> {
        let dump = checked.dump;
        if dump.engine != self.linked.engine {
            return Err(format!(
                "a {} service sent a dump of {}",
                self.linked.kind, dump.engine
            ));
        }
        if (checked.sha256.as_str(), checked.size) != (written.stored.0.as_str(), written.stored.1)
            || checked.raw_sha256 != written.raw.0
        {
            return Err("the file does not hold what was written to it".to_owned());
        }
        let mut checks = vec![
            "read back: the SHA-256 of file and dump are those of what was written".to_owned(),
        ];
        checks.extend(dump.checks);
        Ok(Manifest {
            app: self.app.to_string(),
            kind: self.linked.kind,
            service: self.linked.name.to_string(),
            engine: dump.engine,
            engine_version: dump.version,
            size: checked.size,
            raw_size: written.raw.1,
            sha256: checked.sha256,
            raw_sha256: checked.raw_sha256,
            started,
            finished: Timestamp::now(),
            reason: self.reason,
            tool: format!("dokku-cli {VERSION}"),
            checks,
            restore_tested: None,
        })
    }

    /// Gives a checked dump its name: the one given, else the first that is free from its time on.
    pub fn publish(
        &self,
        written: Written,
        manifest: &Manifest,
        named: Option<&Path>,
    ) -> Result<PathBuf, Failure> {
        let path = match named {
            Some(path) => path.to_owned(),
            None => (0..ATTEMPTS)
                .map(|more| {
                    let name = BackupName {
                        app: self.app.clone(),
                        reason: self.reason,
                        time: manifest.started + SignedDuration::from_secs(more),
                        is_gzip: self.is_gzip,
                    };
                    self.directory.join(name.to_string())
                })
                .find(|path| !path.exists())
                .ok_or_else(|| Failure::refused("every name of this minute is taken"))?,
        };
        refuse_taken(&path)?;
        written.publish(&path, manifest).map_err(|error| {
            Failure::internal(format!(
                "cannot give the backup the name {}: {error}",
                path.display()
            ))
        })?;
        Ok(path.strip_prefix(".").map(Path::to_owned).unwrap_or(path))
    }
}

/// A size as people read it.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut scaled = bytes.saturating_mul(10) / 1024;
    let mut unit = 0;
    while scaled >= 10_240 && unit + 1 < UNITS.len() {
        scaled /= 1024;
        unit += 1;
    }
    format!(
        "{}.{} {}",
        scaled / 10,
        scaled % 10,
        UNITS.get(unit).unwrap_or(&"")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        assert_eq!(size(17), "17 bytes");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(5 * 1024 * 1024), "5.0 MiB");
    }
}
