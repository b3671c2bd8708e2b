//! A full disk on demand: the rest of the file system that the root lies on is taken up by a file.
//!
//! So every program that the sandbox runs (git, builds, database engines) meets the real
//! "No space left on device". Only for small file systems, such as a tmpfs mounted for a test.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
};

/// The file that takes the space, below the root.
const FILLER: &str = "filler";

/// More free space than this is not taken: it is somebody's real disk.
const MOST: u64 = 1024 * 1024 * 1024;

/// Takes all free space; says how many bytes that were.
pub fn fill(root: &Path) -> io::Result<u64> {
    let status = rustix::fs::statvfs(root)?;
    let free = status.f_bavail.saturating_mul(status.f_frsize);
    if free > MOST {
        return Err(io::Error::other(format!(
            "{} has {free} bytes free, more than the {MOST} that are ever taken: put the root on a small file system",
            root.display()
        )));
    }
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(root.join(FILLER))?;
    let mut taken = 0;
    // Ever smaller pieces, so that nothing is left over.
    for size in [1 << 20, 1 << 12, 1 << 9, 1] {
        let zeros = vec![0; size];
        loop {
            match file.write(&zeros) {
                Ok(written) => taken += written as u64,
                Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(taken)
}

/// Gives the space back.
pub fn free(root: &Path) -> io::Result<()> {
    match std::fs::remove_file(root.join(FILLER)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_disk_is_not_filled() {
        let root = tempfile::tempdir().unwrap();
        let status = rustix::fs::statvfs(root.path()).unwrap();
        if status.f_bavail * status.f_frsize > MOST {
            assert!(
                fill(root.path())
                    .unwrap_err()
                    .to_string()
                    .contains("small file system")
            );
        }
        assert!(!root.path().join(FILLER).exists());
        free(root.path()).unwrap();
    }
}
