//! A private directory for the control socket, the logs of ssh and a pinned host key.

use std::{
    fs::{File, TryLockError},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use tempfile::TempDir;

const PREFIX: &str = "dokku-cli.";
/// Held locked as long as the program lives, so that a later run knows a dead one's directory.
const ALIVE: &str = "alive";
const SOCKET: &str = "s";
/// A socket's path has 108 bytes, of which ssh takes 18 for the temporary name that it binds.
const LONGEST: usize = 80;

/// The directory, mode 0700; it goes with this value.
#[derive(Debug)]
pub struct RuntimeDirectory {
    directory: TempDir,
    _alive: File,
    logs: AtomicUsize,
}

impl RuntimeDirectory {
    /// Makes a fresh one under the first of `parents` whose path is short and plain enough.
    pub fn make(parents: &[PathBuf]) -> io::Result<Self> {
        let mut last = io::Error::new(
            io::ErrorKind::InvalidFilename,
            "no directory with a path short enough for a control socket",
        );
        for parent in parents.iter().filter(|parent| is_suitable(parent)) {
            match Self::make_in(parent) {
                Ok(made) => {
                    sweep(parent, made.path());
                    return Ok(made);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn make_in(parent: &Path) -> io::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(PermissionsExt::from_mode(0o700))
            .tempdir_in(parent)?;
        // Under its name only once it is locked: another run that sweeps right now would take the
        // directory for a dead one's.
        let waking = directory.path().join("waking");
        let alive = File::create_new(&waking)?;
        alive.lock()?;
        std::fs::rename(&waking, directory.path().join(ALIVE))?;
        Ok(Self {
            directory,
            _alive: alive,
            logs: AtomicUsize::new(0),
        })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where the control socket belongs. Each connection of a run has its own.
    pub fn socket(&self, generation: usize) -> PathBuf {
        self.path().join(format!("{SOCKET}{generation}"))
    }

    /// A fresh name for the log of one ssh.
    pub fn log(&self) -> PathBuf {
        let number = self.logs.fetch_add(1, Ordering::Relaxed);
        self.path().join(format!("log{number}"))
    }
}

/// Whether ssh takes sockets under this path: short, and of characters that its options do not
/// read as something else.
fn is_suitable(parent: &Path) -> bool {
    parent.to_str().is_some_and(|text| {
        parent.is_absolute()
            && text.len() <= LONGEST - PREFIX.len() - 10
            && !text.contains(|c: char| c.is_control() || "\"\\%$".contains(c))
    })
}

/// Removes what killed runs of this user left. Best effort: another run may be at it too.
fn sweep(parent: &Path, own: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return;
    };
    let Ok(user) = std::fs::metadata(own).map(|meta| meta.uid()) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && path != own
            && entry
                .metadata()
                .is_ok_and(|meta| meta.is_dir() && meta.uid() == user);
        if is_ours && is_abandoned(&path) {
            // Another run may have removed it in between.
            drop(std::fs::remove_dir_all(&path));
        }
    }
}

/// Whether the run that made the directory is dead and its connection has expired.
fn is_abandoned(directory: &Path) -> bool {
    let Ok(alive) = File::open(directory.join(ALIVE)) else {
        return false;
    };
    if matches!(
        alive.try_lock(),
        Err(TryLockError::WouldBlock | TryLockError::Error(_))
    ) {
        return false;
    }
    let has_socket = std::fs::read_dir(directory).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with(SOCKET))
    });
    !has_socket
}

/// Where such directories belong: the user's runtime directory, else the temporary one.
pub fn parents() -> Vec<PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .into_iter()
        .chain([std::env::temp_dir(), PathBuf::from("/tmp")])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_private_and_goes_with_its_owner() {
        let parent = TempDir::new_in("/tmp").unwrap();
        let made = RuntimeDirectory::make(&[parent.path().to_owned()]).unwrap();
        let path = made.path().to_owned();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        assert!(made.socket(0).as_os_str().len() < 90);
        assert_ne!(made.log(), made.log());
        drop(made);
        assert!(!path.exists());
    }

    #[test]
    fn a_long_or_odd_parent_is_passed_over() {
        let parent = TempDir::new_in("/tmp").unwrap();
        let long = parent.path().join("x".repeat(90));
        let odd = parent.path().join("100%");
        for path in [&long, &odd] {
            std::fs::create_dir(path).unwrap();
            assert!(RuntimeDirectory::make(std::slice::from_ref(path)).is_err());
        }
        let made = RuntimeDirectory::make(&[long, odd, parent.path().to_owned()]).unwrap();
        assert_eq!(made.path().parent(), Some(parent.path()));
    }

    #[test]
    fn what_a_killed_run_left_is_swept_and_a_living_run_is_spared() {
        let parent = TempDir::new_in("/tmp").unwrap();
        let parents = [parent.path().to_owned()];
        let living = RuntimeDirectory::make(&parents).unwrap();
        let dead = parent.path().join("dokku-cli.dead");
        std::fs::create_dir(&dead).unwrap();
        std::fs::write(dead.join(ALIVE), "").unwrap();
        let expiring = parent.path().join("dokku-cli.expiring");
        std::fs::create_dir(&expiring).unwrap();
        std::fs::write(expiring.join(ALIVE), "").unwrap();
        std::fs::write(expiring.join("s0"), "").unwrap();
        let _next = RuntimeDirectory::make(&parents).unwrap();
        assert!(!dead.exists());
        assert!(expiring.exists());
        assert!(living.path().exists());
    }
}
