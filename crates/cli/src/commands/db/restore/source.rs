//! The file that is restored: one here, or a copy of a backup of the server or the bucket.

use std::{
    env,
    io::{self, Read},
    path::{Path, PathBuf},
};

use dokku_deploy::{
    app::AppName,
    backup::{BackupId, BackupName, Manifest},
    flows::restore::File,
};
use fs_err as fs;
use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use super::super::{download, local, places::Seen, service::Linked};
use crate::{
    backup::{self, Identities},
    exit_codes,
    failure::Failure,
    invocation::Invocation,
};

/// A directory for a copy. It is locked by its process, so that the
/// next run knows what a killed one left.
struct Scratch {
    directory: TempDir,
    _lock: fs::File,
}

/// The word for the newest one.
pub const LATEST: &str = "latest";

const PREFIX: &str = ".dokku-cli-";
const SUFFIX: &str = ".fetched";

impl Scratch {
    fn make(place: &Path) -> io::Result<Self> {
        for entry in fs::read_dir(place)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(PREFIX)
                && name.ends_with(SUFFIX)
                && let Ok(left) = fs::File::open(entry.path())
                && flock(&left, FlockOperation::NonBlockingLockExclusive).is_ok()
            {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let directory = tempfile::Builder::new()
            .prefix(PREFIX)
            .suffix(SUFFIX)
            .tempdir_in(place)?;
        let lock = fs::File::open(directory.path())?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self {
            directory,
            _lock: lock,
        })
    }
}

/// Where the bytes are.
pub struct Source {
    path: PathBuf,
    /// The id of what is not here.
    id: Option<BackupId>,
    identities: Option<Identities>,
    /// Holds the copy of what is not here, as long as it is needed.
    copy: Option<Scratch>,
}

impl Source {
    /// Whether a word names a backup.
    pub fn is_named_by(word: &str) -> bool {
        word == LATEST || BackupId::parse(word).is_some() || Path::new(word).is_file()
    }

    /// Finds what `given` names: a path, an id, or `latest`, which is the newest here that is no
    /// copy of what was about to be replaced. What is not here is fetched.
    pub fn find(
        app: &AppName,
        given: &str,
        identity: Option<&Path>,
        invocation: &Invocation,
    ) -> Result<Self, Failure> {
        let identities = identity.map(download::read_identities).transpose()?;
        let Some(id) = BackupId::parse(given) else {
            let path = if given == LATEST {
                let newest = local::newest(app, None, invocation.ui)?;
                newest.ok_or_else(|| local::none_here(app))?.0
            } else {
                local::file(app, given)?
            };
            return Ok(Self {
                path,
                id: None,
                identities,
                copy: None,
            });
        };
        let copy = Scratch::make(Path::new("."))?;
        invocation.ui.info(&format!("Fetching {id}..."));
        let path = download::fetch(&id, copy.directory.path(), identities.as_ref(), invocation)?;
        Ok(Self {
            path,
            id: Some(id),
            identities,
            copy: Some(copy),
        })
    }

    /// The newest here of one service, as [`find`](Self::find) takes `latest`. That a newer one lies elsewhere is told.
    pub fn latest(
        app: &AppName,
        of: &Linked,
        identity: Option<&Path>,
        invocation: &Invocation,
    ) -> Result<Self, Failure> {
        let identities = identity.map(download::read_identities).transpose()?;
        let here = local::newest(app, Some(of), invocation.ui)?;
        let seen = Seen::elsewhere(app, invocation)?;
        let newer = seen.newest(of, here.as_ref().map(|(_, time)| *time), Timestamp::now());
        let Some((path, _)) = here else {
            let mut failure = Failure::usage(format!(
                "there is no backup of {} of {app} in this directory",
                of.name
            ));
            failure = match newer {
                Some(row) => failure.hint(format!(
                    "The newest elsewhere: dokku-cli db {app} restore {} {}",
                    row.id, of.name
                )),
                None => failure.hint(format!("`dokku-cli db {app} list-backups` shows all.")),
            };
            return Err(failure);
        };
        if let Some(row) = newer {
            invocation.ui.warning(&format!(
                "{} is newer than the latest in this directory",
                row.id
            ));
        }
        for unknown in seen.unknown.iter().filter(|unknown| unknown.is_error) {
            invocation.ui.warning(&format!(
                "whether a newer one lies elsewhere is not known ({}: {})",
                unknown.place, unknown.why
            ));
        }
        Ok(Self {
            path,
            id: None,
            identities,
            copy: None,
        })
    }

    /// What `fill` puts into a directory for temporary files; it goes with this value.
    pub fn copied<E>(
        fill: impl FnOnce(&Path) -> Result<PathBuf, E>,
    ) -> io::Result<Result<Self, E>> {
        let copy = Scratch::make(&env::temp_dir())?;
        Ok(fill(copy.directory.path()).map(|path| Self {
            path,
            id: None,
            identities: None,
            copy: Some(copy),
        }))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The id of the backup that this is a copy of; `None` for a file of this machine's.
    pub fn id(&self) -> Option<&BackupId> {
        self.id.as_ref()
    }

    /// Its name for people, who named it so.
    pub fn shown(&self, given: &str) -> String {
        if given == LATEST {
            let path = self.path.strip_prefix(".").unwrap_or(&self.path);
            path.display().to_string()
        } else {
            given.to_owned()
        }
    }

    /// Where the copy of the present data goes.
    pub fn beside(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if self.copy.is_none() && !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    /// The raw dump.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        backup::open_with(&self.path, self.identities.as_ref())
    }

    /// Checks it to its last byte and counts what it holds. `given` is its name for people. Also
    /// its manifest.
    pub fn read(&self, given: &str) -> Result<(File, Option<Manifest>), Failure> {
        let checked = backup::count(&self.path, self.identities.as_ref()).map_err(|flaw| {
            // What nobody could look into is not known to be bad.
            let code = match flaw {
                backup::Flaw::Sealed | backup::Flaw::NotOpened => exit_codes::REFUSED,
                _ => exit_codes::VERIFICATION,
            };
            Failure::new(code, format!("{given} is not restored: {flaw}"))
                .hint("Nothing was changed.")
        })?;
        let name = self
            .path
            .file_name()
            .and_then(|name| BackupName::parse(&name.to_string_lossy()));
        let manifest = checked.manifest;
        let file = File {
            name: given.to_owned(),
            size: checked.size,
            app: manifest
                .as_ref()
                .map(|manifest| manifest.app.clone())
                .or_else(|| name.as_ref().map(|name| name.app.to_string())),
            service: manifest.as_ref().map(|manifest| manifest.service.clone()),
            made: manifest
                .as_ref()
                .map(|manifest| manifest.started)
                .or_else(|| name.as_ref().map(|name| name.time)),
            dump: checked.dump,
        };
        Ok((file, manifest))
    }
}
