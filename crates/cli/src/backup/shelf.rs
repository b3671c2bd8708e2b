//! The backups on a Dokku host: `ROOT/KIND/APP/…`. What is there and is not ours is never touched.

use std::{
    io,
    path::{Path, PathBuf},
};

use dokku_deploy::{
    app::AppName,
    backup::{BackupId, Manifest, Place, StoredName, TestVerdict},
    plugin_protocol::{Listed, Pruned, Verified},
    retention::{self, Candidate, Rule},
    service::ServiceKind,
};
use fs_err as fs;
use jiff::Timestamp;

use super::{
    check::{Flaw, check},
    store::{manifest_of, manifest_path, note},
};
use crate::crew;

/// So many manifests are read at once.
const READERS: usize = 8;

/// A directory of backups by kind and app.
#[derive(Debug, Clone)]
pub struct Shelf {
    /// Its top.
    pub root: PathBuf,
}

impl Shelf {
    /// The directory of an app's backups of a kind.
    pub fn directory(&self, kind: ServiceKind, app: &AppName) -> PathBuf {
        self.root.join(StoredName::directory(kind, app))
    }

    /// The file of a backup.
    pub fn file(&self, name: &StoredName) -> PathBuf {
        self.root.join(name.to_string())
    }

    /// The backups of an app or of all, the newest first. A directory that does not exist holds
    /// none; one that cannot be read is an error.
    pub fn list(&self, app: Option<&AppName>) -> io::Result<Vec<Listed>> {
        let mut names = Vec::new();
        for kind in ServiceKind::ALL {
            let directories = match app {
                Some(app) => vec![app.to_string()],
                None => entries(&self.root.join(kind.as_str()))?,
            };
            for app in directories {
                let directory = format!("{kind}/{app}");
                let files = entries(&self.root.join(&directory))?;
                names.extend(
                    files
                        .iter()
                        .filter_map(|file| StoredName::parse(&format!("{directory}/{file}"))),
                );
            }
        }
        names.sort_by_key(|name| std::cmp::Reverse(name.time));
        let listed = crew::each(&names, READERS, |name| self.look(name));
        listed.into_iter().filter_map(Result::transpose).collect()
    }

    /// `None`: it was removed meanwhile.
    fn look(&self, name: &StoredName) -> io::Result<Option<Listed>> {
        let path = self.file(name);
        let size = match fs::metadata(&path) {
            Ok(data) if data.is_file() => data.len(),
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(listed(Place::Server, name, size, manifest_of(&path))))
    }

    /// Reads a backup to its end.
    pub fn verify(&self, name: &StoredName) -> Verified {
        verified(Place::Server, name, check(&self.file(name)).err())
    }

    /// Writes the verdict of a restore test into the manifest of a backup, if that is of the dump
    /// that was tested.
    pub fn note_test(
        &self,
        name: &StoredName,
        raw_sha256: &str,
        verdict: &TestVerdict,
    ) -> io::Result<()> {
        let file = self.file(name);
        if !file.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("there is no backup {name}"),
            ));
        }
        let found = manifest_of(&file);
        note(&file, &with_verdict(name, found, raw_sha256, verdict)?)
    }

    /// Judges these backups by the rule, and removes what does not stay. Before anything goes, the
    /// backup that is kept as the newest good one is read to its end.
    pub fn prune_listed(
        &self,
        listed: &[Listed],
        rule: &Rule,
        now: Timestamp,
        is_dry_run: bool,
    ) -> io::Result<Vec<Pruned>> {
        prune(
            listed,
            rule,
            now,
            is_dry_run,
            |id| matches!(check(&self.file(&id.name)), Ok(_) | Err(Flaw::Sealed)),
            |id| {
                let file = self.file(&id.name);
                // The file first: a manifest that is left alone is no backup.
                fs::remove_file(&file)?;
                fs::remove_file(manifest_path(&file))
            },
        )
    }
}

/// The manifest of a backup with the verdict of a restore test of this dump in it.
pub fn with_verdict(
    name: &StoredName,
    found: io::Result<Option<Manifest>>,
    raw_sha256: &str,
    verdict: &TestVerdict,
) -> io::Result<Manifest> {
    let mut manifest = found?.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no manifest of {name}"),
        )
    })?;
    manifest
        .note_test(raw_sha256, verdict)
        .map_err(io::Error::other)?;
    Ok(manifest)
}

/// What a list says of a backup.
pub fn listed(
    place: Place,
    name: &StoredName,
    size: u64,
    manifest: io::Result<Option<Manifest>>,
) -> Listed {
    let flaw = match &manifest {
        Ok(Some(manifest)) => manifest.flaw(size),
        Ok(None) => Some("no manifest".to_owned()),
        Err(error) => Some(format!("damaged manifest: {error}")),
    };
    Listed {
        id: BackupId {
            place,
            name: name.clone(),
        }
        .to_string(),
        time: name.time,
        size,
        manifest: manifest.ok().flatten(),
        flaw,
    }
}

/// What reading a backup came to.
pub fn verified(place: Place, name: &StoredName, flaw: Option<Flaw>) -> Verified {
    let is_sealed = matches!(flaw, Some(Flaw::Sealed));
    Verified {
        id: BackupId {
            place,
            name: name.clone(),
        }
        .to_string(),
        flaw: flaw.filter(|_| !is_sealed).map(|flaw| flaw.to_string()),
        is_sealed,
    }
}

/// Judges the backups of each service by itself, and removes what does not stay, unless it is a dry run.
/// Those without a manifest are nobody's business.
pub fn prune(
    listed: &[Listed],
    rule: &Rule,
    now: Timestamp,
    is_dry_run: bool,
    is_good: impl Fn(&BackupId) -> bool,
    remove: impl Fn(&BackupId) -> io::Result<()>,
) -> io::Result<Vec<Pruned>> {
    let mut series: std::collections::BTreeMap<String, Vec<(BackupId, Candidate)>> =
        std::collections::BTreeMap::new();
    for backup in listed {
        let (Some(manifest), Some(id)) = (&backup.manifest, BackupId::parse(&backup.id)) else {
            continue;
        };
        let candidate = Candidate {
            time: backup.time,
            reason: id.name.reason,
            is_good: backup.flaw.is_none(),
            is_restore_tested: manifest.restore_tested.is_some(),
        };
        let key = format!("{} {} {}", manifest.kind, manifest.app, manifest.service);
        series.entry(key).or_default().push((id, candidate));
    }
    let mut pruned = Vec::new();
    for backups in series.values() {
        let candidates: Vec<Candidate> = backups.iter().map(|(_, one)| *one).collect();
        let verdicts = retention::judge_read(&candidates, rule, now, |index| {
            backups.get(index).is_some_and(|(id, _)| is_good(id))
        });
        for ((id, _), verdict) in backups.iter().zip(verdicts) {
            if !verdict.is_keep() && !is_dry_run {
                remove(id)?;
            }
            pruned.push(Pruned {
                id: id.to_string(),
                is_kept: verdict.is_keep(),
                why: verdict.to_string(),
            });
        }
    }
    Ok(pruned)
}

fn entries(directory: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        // What is not UTF-8 is no name of ours.
        names.extend(entry?.file_name().into_string().ok());
    }
    Ok(names)
}
