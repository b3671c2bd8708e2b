//! Where backups lie: a directory. A file under way has a name that no backup has and is locked by
//! its process, so that the next run knows what a killed one left.

use std::{
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use dokku_deploy::{
    app::AppName,
    backup::{BackupName, Manifest},
};
use fs_err as fs;
use rustix::fs::{FlockOperation, flock, statvfs};
use tempfile::NamedTempFile;

use super::{
    digest::{Counted, Tally},
    gzip::GzipWriter,
};

const PREFIX: &str = ".dokku-cli-";
const SUFFIX: &str = ".part";

/// Where the manifest of a file lies.
pub fn manifest_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// The manifest of a file, `None` if it has none.
pub fn manifest_of(file: &Path) -> io::Result<Option<Manifest>> {
    let path = manifest_path(file);
    match fs::read_to_string(&path) {
        Ok(text) => Manifest::parse(&text)
            .map(Some)
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A file with a backup's name.
#[derive(Debug)]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// What its name says.
    pub name: BackupName,
    /// Its bytes.
    pub size: u64,
    /// Its manifest: none, or one that cannot be read.
    pub manifest: io::Result<Option<Manifest>>,
}

/// The backups of an app in a directory, the newest first.
pub fn find(directory: &Path, app: &AppName) -> io::Result<Vec<Found>> {
    let all = find_all(directory)?;
    Ok(all
        .into_iter()
        .filter(|found| found.name.app == *app)
        .collect())
}

/// All backups in a directory, the newest first.
fn find_all(directory: &Path) -> io::Result<Vec<Found>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Some(name) = entry.file_name().to_str().and_then(BackupName::parse) else {
            continue;
        };
        let data = entry.metadata()?;
        if data.is_file() {
            let path = entry.path();
            let manifest = manifest_of(&path);
            all.push(Found {
                path,
                name,
                size: data.len(),
                manifest,
            });
        }
    }
    all.sort_by_key(|found| std::cmp::Reverse(found.name.time));
    Ok(all)
}

/// Removes what killed runs left; returns how many files.
pub fn sweep(directory: &Path) -> io::Result<usize> {
    let mut swept = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours = name
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        if !is_ours {
            continue;
        }
        let file = match fs::File::open(entry.path()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        // The lock ends with its process.
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            fs::remove_file(entry.path())?;
            swept += 1;
        }
    }
    Ok(swept)
}

/// A backup under way: bytes go to a temporary file in the directory of the backup.
pub struct Draft {
    file: NamedTempFile,
    directory: PathBuf,
    raw: Tally,
    to: Sink,
}

enum Sink {
    Plain(Counted<fs::File>),
    Gzip(Box<GzipWriter<Counted<fs::File>>>),
}

/// What was written.
pub struct Written {
    /// The temporary file; it disappears with this value unless it is published.
    file: NamedTempFile,
    directory: PathBuf,
    /// SHA-256 and size of the file.
    pub stored: (String, u64),
    /// SHA-256 and size of the dump.
    pub raw: (String, u64),
}

impl Draft {
    /// Makes the directory where it is missing, looks whether `expected` bytes have room, and
    /// begins a file.
    pub fn begin(directory: &Path, is_gzip: bool, expected: u64) -> io::Result<Self> {
        if !directory.is_dir() {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .map_err(|error| {
                    io::Error::new(error.kind(), format!("{}: {error}", directory.display()))
                })?;
        }
        let room = statvfs(directory)?;
        let free = room.f_bavail.saturating_mul(room.f_frsize);
        if free < expected {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                format!(
                    "{} has {free} bytes free, and the last backup took {expected}",
                    directory.display()
                ),
            ));
        }
        let file = loop {
            let file = tempfile::Builder::new()
                .prefix(PREFIX)
                .suffix(SUFFIX)
                .permissions(std::fs::Permissions::from_mode(0o600))
                .tempfile_in(directory)?;
            flock(file.as_file(), FlockOperation::LockExclusive)?;
            // Another run may have swept it before it was locked.
            if file.as_file().metadata()?.nlink() > 0 {
                break file;
            }
        };
        let handle = Counted::new(fs::File::from_parts(
            file.as_file().try_clone()?,
            file.path(),
        ));
        Ok(Self {
            directory: directory.to_owned(),
            raw: Tally::default(),
            to: if is_gzip {
                Sink::Gzip(Box::new(GzipWriter::new(handle)))
            } else {
                Sink::Plain(handle)
            },
            file,
        })
    }

    /// Brings everything to the disk.
    pub fn finish(self) -> io::Result<Written> {
        let counted = match self.to {
            Sink::Plain(counted) => counted,
            Sink::Gzip(writer) => writer.finish()?,
        };
        counted.inner.sync_all()?;
        Ok(Written {
            file: self.file,
            directory: self.directory,
            stored: counted.tally.finish(),
            raw: self.raw.finish(),
        })
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.to {
            Sink::Plain(to) => to.write(bytes)?,
            Sink::Gzip(to) => to.write(bytes)?,
        };
        self.raw.add(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    /// The file under its temporary name.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Gives the file its name, which must not be taken, and then writes its manifest.
    pub fn publish(self, path: &Path, manifest: &Manifest) -> io::Result<()> {
        let text = manifest.to_json().map_err(io::Error::other)?;
        let mut note = tempfile::Builder::new()
            .prefix(PREFIX)
            .suffix(SUFFIX)
            .permissions(std::fs::Permissions::from_mode(0o600))
            .tempfile_in(&self.directory)?;
        flock(note.as_file(), FlockOperation::LockExclusive)?;
        note.write_all(text.as_bytes())?;
        note.as_file().sync_all()?;
        self.file.persist_noclobber(path)?;
        fs::File::open(&self.directory)?.sync_all()?;
        note.persist(manifest_path(path))?;
        fs::File::open(&self.directory)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_of_the_dead_are_swept_and_files_of_the_living_are_not() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(".dokku-cli-abc.part"), "half").unwrap();
        fs::write(directory.path().join("mine.part"), "other").unwrap();
        let draft = Draft::begin(directory.path(), false, 0).unwrap();
        assert_eq!(sweep(directory.path()).unwrap(), 1);
        assert!(draft.file.path().exists());
        assert!(directory.path().join("mine.part").exists());
        drop(draft);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_disk_that_is_too_small_is_known_before_the_dump() {
        let directory = tempfile::tempdir().unwrap();
        let error = Draft::begin(directory.path(), false, u64::MAX)
            .err()
            .unwrap();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
