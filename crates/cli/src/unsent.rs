//! Entries that a host's log does not have yet.
//!
//! One is written before an operation begins, so that a kill leaves it, and kept where the host could
//! not be told. The next operation from here on that host sends what is left. Whoever writes a file
//! holds its lock, which the kernel gives back when that process dies.

use std::{
    fs::{File, TryLockError},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use dokku_deploy::audit::{AuditEntry, Status, key};
use serde::{Deserialize, Serialize};

use crate::origin::bare;

/// How many are kept at most.
const MOST: usize = 500;

/// What a file holds.
#[derive(Serialize, Deserialize)]
struct Stored {
    entry: AuditEntry,
    /// Whether the dashboard and people know of it.
    is_told: bool,
}

/// An entry of an operation under way, or of one whose host could not be told.
#[derive(Debug)]
pub struct Unsent {
    path: PathBuf,
    /// Locked.
    _file: File,
}

impl Unsent {
    /// Notes that an operation begins. A kill leaves what is known now.
    pub fn begin(entry: &AuditEntry, state: &Path) -> io::Result<Self> {
        let mut entry = entry.clone();
        entry.status = Status::Unknown;
        entry = entry.note("its process ended without a word; what became of it is not known");
        Self::write(entry, false, state)
    }

    fn write(entry: AuditEntry, is_told: bool, state: &Path) -> io::Result<Self> {
        let directory = state.join("unsent");
        fs_err::create_dir_all(&directory)?;
        let path = directory.join(format!("{}.json", entry.id));
        if !path.exists() && fs_err::read_dir(&directory)?.count() >= MOST {
            return Err(io::Error::other(format!(
                "{} holds {MOST} entries that no host has taken",
                directory.display()
            )));
        }
        let mut file = tempfile::NamedTempFile::new_in(&directory)?;
        file.as_file().lock()?;
        file.write_all(&serde_json::to_vec(&Stored { entry, is_told })?)?;
        let file = file.persist(&path).map_err(|error| error.error)?;
        Ok(Self { path, _file: file })
    }

    /// Keeps the entry as it is now, for the next operation on its host to send. Others were told.
    pub fn keep(entry: &AuditEntry, state: &Path) -> io::Result<()> {
        Self::write(entry.clone(), true, state).map(drop)
    }

    /// The log has it, or there is nothing to tell.
    pub fn forget(self) -> io::Result<()> {
        fs_err::remove_file(&self.path)
    }
}

/// An entry that a process left, which is gone now.
pub struct Left {
    /// The entry.
    pub entry: AuditEntry,
    /// Whether the dashboard and people know of it.
    pub is_told: bool,
    unsent: Unsent,
}

impl Left {
    /// The log has it.
    pub fn forget(self) -> io::Result<()> {
        self.unsent.forget()
    }
}

/// What was left for a host, oldest first. What cannot be read is none of ours and stays.
pub fn left(host: &str, state: &Path) -> io::Result<Vec<Left>> {
    let entries = match fs_err::read_dir(state.join("unsent")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut all = Vec::new();
    for entry in entries {
        all.extend(one(&entry?.path())?);
    }
    all.retain(|left| bare(&left.entry.text(key::HOST)) == bare(host));
    all.sort_by(|one, other| one.entry.id.cmp(&other.entry.id));
    Ok(all)
}

/// One file; `None` where its process lives, somebody else has just taken it, or it is none.
fn one(path: &Path) -> io::Result<Option<Left>> {
    if path.extension().is_none_or(|end| end != "json") {
        return Ok(None);
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    if file.metadata()?.nlink() == 0 {
        return Ok(None);
    }
    let Ok(Stored { entry, is_told }) = serde_json::from_reader(&file) else {
        return Ok(None);
    };
    let unsent = Unsent {
        path: path.to_owned(),
        _file: file,
    };
    Ok(Some(Left {
        entry,
        is_told,
        unsent,
    }))
}

#[cfg(test)]
mod tests {
    use dokku_deploy::audit::{Action, Origin};

    use super::*;

    fn entry(nonce: u32, host: &str) -> AuditEntry {
        let origin = Origin {
            nonce,
            host: host.into(),
            ..Origin::default()
        };
        AuditEntry::of_host(Action::Backup, Status::Started, &origin)
    }

    #[test]
    fn what_a_living_process_does_is_left_alone_and_what_a_dead_one_did_is_found_once() {
        let state = tempfile::tempdir().unwrap();
        let state = state.path();
        assert!(left("a", state).unwrap().is_empty());
        let living = Unsent::begin(&entry(1, "a"), state).unwrap();
        let dead = Unsent::begin(&entry(2, "dokku@a"), state).unwrap();
        drop(dead);
        Unsent::keep(&entry(3, "a"), state).unwrap();
        Unsent::keep(&entry(4, "b"), state).unwrap();
        let found = left("a", state).unwrap();
        let seen: Vec<_> = found
            .iter()
            .map(|one| (one.entry.status.clone(), one.is_told))
            .collect();
        assert_eq!(seen, [(Status::Unknown, false), (Status::Started, true)]);
        assert!(left("a", state).unwrap().is_empty(), "they are taken");
        for one in found {
            one.forget().unwrap();
        }
        living.forget().unwrap();
        assert!(left("a", state).unwrap().is_empty());
        assert_eq!(left("b", state).unwrap().len(), 1);
    }

    #[test]
    fn what_is_no_entry_stays_and_too_many_are_refused() {
        let state = tempfile::tempdir().unwrap();
        let state = state.path();
        Unsent::keep(&entry(1, "a"), state).unwrap();
        fs_err::write(state.join("unsent/x.json"), "{").unwrap();
        assert_eq!(left("a", state).unwrap().len(), 1);
        for number in 2..MOST {
            fs_err::write(state.join(format!("unsent/{number}")), "").unwrap();
        }
        let error = Unsent::keep(&entry(2, "a"), state).unwrap_err();
        assert!(error.to_string().contains("500 entries"), "{error}");
        Unsent::keep(&entry(1, "a"), state).unwrap();
    }
}
