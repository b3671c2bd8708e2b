//! `dokku-cli db APP backup`.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use dokku_deploy::{
    app::AppName,
    audit::{Action, key},
    backup::{BackupName, Manifest, Reason},
    flows::{
        self,
        backup::{TakeError, Taken},
    },
    interrupt::Interrupts,
    transfer::StreamingHost,
};
use jiff::SignedDuration;

/// A size as people read it.
pub use dokku_deploy::backup::size;

use super::{
    BackupArguments, record,
    service::{self, Linked},
};
use crate::{
    backup::{self, Directory, TOOL, Written},
    clock::SystemClock,
    commands::with_host,
    exit_codes,
    failure::Failure,
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
        host: &dyn StreamingHost,
        interrupts: &dyn Interrupts,
        ui: &Ui,
    ) -> Result<(Written, Manifest), Failure> {
        let mut last = 0;
        if self.directory.is_dir() {
            let swept = backup::sweep(self.directory)?;
            if swept > 0 {
                ui.warning(&format!(
                    "Removed {swept} unfinished file(s) of a run that was killed"
                ));
            }
            let found = backup::find(self.directory, self.app)?;
            last = found.first().map_or(0, |found| found.size);
        }
        Ok(self.taken(last, host, interrupts, ui)?)
    }

    /// The same into a directory of its own, where the last one had `last` bytes.
    pub fn taken(
        &self,
        last: u64,
        host: &dyn StreamingHost,
        interrupts: &dyn Interrupts,
        ui: &Ui,
    ) -> Result<(Written, Manifest), TakeError> {
        let order = flows::backup::Order {
            app: self.app,
            kind: self.linked.kind,
            service: &self.linked.name,
            engine: self.linked.engine,
            reason: self.reason,
            tool: TOOL,
        };
        let progress = ui.progress(self.linked.name.as_str());
        let at = |bytes| progress.at(bytes);
        let store = Directory {
            progress: Some(&at),
            ..Directory::new(self.directory, self.is_gzip, last)
        };
        let Taken { sealed, manifest } =
            flows::backup::take(&order, host, &store, &SystemClock, interrupts)?;
        Ok((sealed, manifest))
    }

    /// Gives a checked dump its name: the one given, else the first that is free from its time on.
    pub fn publish(
        &self,
        written: Written,
        manifest: &Manifest,
        named: Option<&Path>,
    ) -> Result<PathBuf, Failure> {
        let names: Vec<PathBuf> = match named {
            Some(path) => vec![path.to_owned()],
            None => (0..ATTEMPTS)
                .map(|more| {
                    let name = BackupName {
                        app: self.app.clone(),
                        reason: self.reason,
                        time: manifest.started + SignedDuration::from_secs(more),
                        is_gzip: self.is_gzip,
                        is_encrypted: false,
                    };
                    self.directory.join(name.to_string())
                })
                .collect(),
        };
        let first = names.first().cloned().unwrap_or_default();
        let path = written.publish(names, manifest).map_err(|error| {
            let message = format!(
                "cannot give the backup the name {}: {error}",
                first.display()
            );
            if error.kind() == io::ErrorKind::AlreadyExists {
                Failure::refused(message)
            } else {
                Failure::internal(message)
            }
        })?;
        Ok(path.strip_prefix(".").map(Path::to_owned).unwrap_or(path))
    }
}
