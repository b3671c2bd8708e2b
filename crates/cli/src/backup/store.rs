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
    flows::backup::{self, BackupStore, Sealed, StoreError},
};
use fs_err as fs;
use rustix::fs::{FlockOperation, flock, statvfs};
use tempfile::NamedTempFile;

use super::{
    digest::Counted,
    packer::{Packer, Packing},
    raw::open_with,
    second_opinion,
    settling::Settling,
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

/// A directory that backups are written to.
pub struct Directory<'a> {
    /// Where it is; it is made where it is missing.
    pub path: &'a Path,
    /// How dumps are packed.
    pub packing: Packing,
    /// Bytes that have to be free: about those of the backup to come.
    pub expected: u64,
    /// Told how many bytes of the dump have come.
    pub progress: Option<&'a (dyn Fn(u64) + Sync)>,
}

impl<'a> Directory<'a> {
    /// A directory where room for another backup as large as `last` is wanted.
    pub fn new(path: &'a Path, is_gzip: bool, last: u64) -> Self {
        Self {
            path,
            packing: Packing {
                is_gzip,
                encrypt_to: Vec::new(),
            },
            expected: last,
            progress: None,
        }
    }
}

/// A backup under way: bytes go to a temporary file in the directory of the backup.
pub struct Draft<'a> {
    file: NamedTempFile,
    directory: PathBuf,
    to: Packer<Settling>,
    progress: Option<&'a (dyn Fn(u64) + Sync)>,
    passed: u64,
}

/// A whole backup under its temporary name.
#[derive(Debug)]
pub struct Written {
    /// The temporary file; it disappears with this value unless it is published.
    file: NamedTempFile,
    directory: PathBuf,
}

impl<'a> BackupStore for Directory<'a> {
    type Draft = Draft<'a>;

    fn begin(&self) -> Result<Draft<'a>, StoreError> {
        make_private(self.path)?;
        require_room(self.path, self.expected)?;
        let file = temporary(self.path)?;
        let handle = Settling::new(file.as_file().try_clone()?, file.path())?;
        Ok(Draft {
            directory: self.path.to_owned(),
            to: Packer::new(handle, &self.packing)?,
            file,
            progress: self.progress,
            passed: 0,
        })
    }
}

/// Bytes that are free on a directory's disk.
pub fn free(directory: &Path) -> io::Result<u64> {
    let room = statvfs(directory)
        .map_err(|error| io::Error::other(format!("{}: {error}", directory.display())))?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

/// Looks whether a directory's disk has room for a file of so many bytes.
pub fn require_room(directory: &Path, expected: u64) -> io::Result<()> {
    let free = free(directory)?;
    if free >= expected {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::StorageFull,
        format!(
            "{} has {free} bytes free, and a backup as large as the last one takes {expected}",
            directory.display()
        ),
    ))
}

/// A new file that no backup's name fits, locked by this process.
fn temporary(directory: &Path) -> io::Result<NamedTempFile> {
    loop {
        let file = tempfile::Builder::new()
            .prefix(PREFIX)
            .suffix(SUFFIX)
            .permissions(std::fs::Permissions::from_mode(0o600))
            .tempfile_in(directory)?;
        flock(file.as_file(), FlockOperation::LockExclusive)?;
        // Another run may have swept it before it was locked.
        if file.as_file().metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// Makes a directory, and those above it, for their owner only.
pub fn make_private(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", directory.display())))
}

impl backup::Draft for Draft<'_> {
    type Sealed = Written;

    /// Brings everything to the disk and reads it back.
    fn seal(self) -> Result<Sealed<Written>, StoreError> {
        let Sealed {
            sealed: written,
            mut facts,
            dump,
        } = self.to.finish()?;
        written.finish()?;
        // Nobody here can open what is encrypted.
        let dump = match dump {
            Ok(dump) if facts.encrypted_to.is_empty() => {
                second_opinion::ask(dump, || open_with(self.file.path(), None))
            }
            dump => dump,
        };
        facts
            .checks
            .insert(0, "read back from the disk, and the same".to_owned());
        Ok(Sealed {
            sealed: Written {
                file: self.file,
                directory: self.directory,
            },
            facts,
            dump,
        })
    }
}

impl Write for Draft<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.passed += written as u64;
        if let Some(progress) = self.progress {
            progress(self.passed);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    /// A file that is written by `fill` and is no dump that was taken here: a copy of a backup that
    /// lies elsewhere. `None` where it is not of this content, by SHA-256 and size.
    pub fn copy(
        directory: &Path,
        content: Option<(&str, u64)>,
        fill: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
    ) -> io::Result<Option<(Self, String, u64)>> {
        let file = temporary(directory)?;
        let mut to = Counted::new(fs::File::from_parts(
            file.as_file().try_clone()?,
            file.path(),
        ));
        fill(&mut to)?;
        to.inner.sync_all()?;
        let (sha256, size) = to.tally.finish();
        if content.is_some_and(|wanted| wanted != (sha256.as_str(), size)) {
            return Ok(None);
        }
        let written = Self {
            file,
            directory: directory.to_owned(),
        };
        Ok(Some((written, sha256, size)))
    }

    /// The file under its temporary name.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Gives the file the first of these names that is free, and then writes its manifest beside it.
    pub fn publish(
        self,
        names: impl IntoIterator<Item = PathBuf>,
        manifest: &Manifest,
    ) -> io::Result<PathBuf> {
        let text = manifest.to_json().map_err(io::Error::other)?;
        let mut note = temporary(&self.directory)?;
        note.write_all(text.as_bytes())?;
        note.as_file().sync_all()?;
        let mut file = self.file;
        for path in names {
            match file.persist_noclobber(&path) {
                Ok(_) => {
                    fs::File::open(&self.directory)?.sync_all()?;
                    note.persist(manifest_path(&path))?;
                    fs::File::open(&self.directory)?.sync_all()?;
                    return Ok(path);
                }
                Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => {
                    file = taken.file;
                }
                Err(failed) => return Err(failed.error),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "the name is taken",
        ))
    }
}

/// Replaces the manifest of a file that has its name already.
pub fn note(path: &Path, manifest: &Manifest) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let text = manifest.to_json().map_err(io::Error::other)?;
    let mut note = temporary(directory)?;
    note.write_all(text.as_bytes())?;
    note.as_file().sync_all()?;
    note.persist(manifest_path(path))?;
    fs::File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_of_the_dead_are_swept_and_files_of_the_living_are_not() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(".dokku-cli-abc.part"), "half").unwrap();
        fs::write(directory.path().join("mine.part"), "other").unwrap();
        let draft = Directory::new(directory.path(), false, 0).begin().unwrap();
        assert_eq!(sweep(directory.path()).unwrap(), 1);
        assert!(draft.file.path().exists());
        assert!(directory.path().join("mine.part").exists());
        drop(draft);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_disk_that_is_too_small_is_known_before_the_dump() {
        let directory = tempfile::tempdir().unwrap();
        let error = Directory::new(directory.path(), false, u64::MAX)
            .begin()
            .err()
            .unwrap();
        assert!(error.to_string().contains("bytes free"), "{error}");
    }
}
