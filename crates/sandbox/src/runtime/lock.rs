//! The deploy lock: `.deploy.lock` of an app, taken with `flock(2)`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;

/// A held deploy lock. Dropping it frees the lock but leaves the file, as a Dokku whose deploy was
/// cut short does; [`DeployLock::release`] removes the file too.
#[derive(Debug)]
pub struct DeployLock {
    file: fs::File,
    path: PathBuf,
}

impl DeployLock {
    /// Takes the lock at `path`, `None` while somebody else holds it. The mere file (which
    /// `apps:lock` makes) stops nobody.
    pub fn try_acquire(path: &Path, build: &str) -> io::Result<Option<Self>> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        match file.file().try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
            Err(std::fs::TryLockError::Error(error)) => return Err(error),
        }
        file.set_len(0)?;
        writeln!(file, "{build}")?;
        Ok(Some(Self {
            file,
            path: path.to_owned(),
        }))
    }

    /// Frees the lock and removes its file.
    pub fn release(self) -> io::Result<()> {
        self.file.file().unlock()?;
        match fs::remove_file(&self.path) {
            // `apps:unlock` may have removed it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_held_lock_keeps_others_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("apps/a/.deploy.lock");
        let held = DeployLock::try_acquire(&path, "one").unwrap().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\n");
        assert!(DeployLock::try_acquire(&path, "two").unwrap().is_none());
        held.release().unwrap();
        assert!(!path.exists());
        drop(DeployLock::try_acquire(&path, "three").unwrap().unwrap());
        assert!(path.exists());
        assert!(DeployLock::try_acquire(&path, "four").unwrap().is_some());
    }
}
