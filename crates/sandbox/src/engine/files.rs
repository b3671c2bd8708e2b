//! Writing files whole, and copying a data directory.

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use super::EngineError;
use super::account::Account;

/// Writes a file so that a reader finds either the old content or all of the new one.
pub fn write_atomically(path: &Path, content: &[u8], mode: u32) -> Result<(), EngineError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::Builder::new()
            .permissions(std::fs::Permissions::from_mode(mode))
            .tempfile_in(directory)?;
        file.write_all(content)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(EngineError::io("write", path))
}

/// Makes a directory that only its owner can look into.
pub fn make_private(path: &Path, owner: Option<&Account>) -> Result<(), EngineError> {
    let make = || -> std::io::Result<()> {
        fs_err::create_dir(path)?;
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
        give(path, owner)
    };
    make().map_err(EngineError::io("create", path))
}

/// Lets every user pass a directory (not list it).
pub fn open_to_all(path: &Path) -> Result<(), EngineError> {
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o711))
        .map_err(EngineError::io("set the mode of", path))
}

/// Copies a directory with everything in it, modes kept, to a new directory of `owner`.
pub fn copy_tree(from: &Path, to: &Path, owner: Option<&Account>) -> Result<(), EngineError> {
    copy(from, to, owner).map_err(EngineError::io("copy the prepared data to", to))
}

fn copy(from: &Path, to: &Path, owner: Option<&Account>) -> std::io::Result<()> {
    let metadata = fs_err::metadata(from)?;
    if metadata.is_dir() {
        fs_err::create_dir(to)?;
        for entry in fs_err::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()), owner)?;
        }
        fs_err::set_permissions(to, metadata.permissions())?;
    } else {
        fs_err::copy(from, to)?;
    }
    give(to, owner)
}

fn give(path: &Path, owner: Option<&Account>) -> std::io::Result<()> {
    match owner {
        Some(account) => chown(path, Some(account.uid), Some(account.gid)),
        None => Ok(()),
    }
}
