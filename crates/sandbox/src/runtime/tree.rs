//! Directory trees: a content-derived id, and a private copy.

use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use fs_err as fs;
use sha2::{Digest, Sha256};

/// The SHA-256 over every path, kind, permission and content below `root`, 64 hexadecimal digits.
///
/// `salt` goes in first, so that equal trees of two owners have two ids. Times and owners of files
/// do not count: the same commit built twice without side effects has the same id.
pub fn digest(root: &Path, salt: &str) -> io::Result<String> {
    let mut hash = Sha256::new();
    hash.update(salt.as_bytes());
    hash.update([0]);
    for relative in entries(root)? {
        let path = root.join(&relative);
        let metadata = fs::symlink_metadata(&path)?;
        hash.update(relative.as_os_str().as_bytes());
        hash.update([0]);
        if metadata.is_symlink() {
            hash.update(b"link\0");
            hash.update(fs::read_link(&path)?.as_os_str().as_bytes());
        } else if metadata.is_dir() {
            hash.update(b"dir\0");
        } else {
            hash.update(format!(
                "file {:o} {}\0",
                metadata.mode() & 0o777,
                metadata.len()
            ));
            hash_file(&mut hash, &path)?;
        }
        hash.update([0]);
    }
    Ok(hex(&hash.finalize()))
}

/// Copies the tree `from` to the new directory `to`, keeping permissions and symbolic links.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for relative in entries(from)? {
        let source = from.join(&relative);
        let target = to.join(&relative);
        let metadata = fs::symlink_metadata(&source)?;
        if metadata.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
        } else if metadata.is_dir() {
            fs::create_dir_all(&target)?;
            let mode = metadata.permissions().mode() | 0o700;
            fs::set_permissions(&target, std::fs::Permissions::from_mode(mode))?;
        } else if metadata.is_file() {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// All entries below `root`, relative, parents before children, in a fixed order.
fn entries(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(root.join(&directory))? {
            let entry = entry?;
            let relative = directory.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                pending.push(relative.clone());
            }
            found.push(relative);
        }
    }
    found.sort();
    Ok(found)
}

fn hash_file(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    let mut file = fs::File::open(path)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        hash.update(&buffer[..read]);
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("bin/deep")).unwrap();
        fs::write(dir.path().join("bin/run"), "#!/bin/sh\n").unwrap();
        fs::write(dir.path().join("bin/deep/a"), "a").unwrap();
        fs::set_permissions(
            dir.path().join("bin/run"),
            std::fs::Permissions::from_mode(0o755),
        )
        .unwrap();
        std::os::unix::fs::symlink("bin/run", dir.path().join("start")).unwrap();
        dir
    }

    #[test]
    fn a_copy_has_the_same_digest_and_permissions() {
        let dir = sample();
        let other = tempfile::tempdir().unwrap();
        let target = other.path().join("copy");
        copy(dir.path(), &target).unwrap();
        assert_eq!(
            digest(dir.path(), "x").unwrap(),
            digest(&target, "x").unwrap()
        );
        assert_eq!(
            fs::read_link(target.join("start")).unwrap(),
            Path::new("bin/run")
        );
        assert_eq!(
            fs::metadata(target.join("bin/run")).unwrap().mode() & 0o777,
            0o755
        );
    }

    #[test]
    fn content_permission_name_and_salt_change_the_digest() {
        let dir = sample();
        let before = digest(dir.path(), "x").unwrap();
        assert_eq!(before.len(), 64);
        assert_ne!(before, digest(dir.path(), "y").unwrap());
        fs::write(dir.path().join("bin/deep/a"), "b").unwrap();
        let changed = digest(dir.path(), "x").unwrap();
        assert_ne!(before, changed);
        fs::rename(dir.path().join("bin/deep/a"), dir.path().join("bin/deep/b")).unwrap();
        assert_ne!(changed, digest(dir.path(), "x").unwrap());
        fs::rename(dir.path().join("bin/deep/b"), dir.path().join("bin/deep/a")).unwrap();
        fs::set_permissions(
            dir.path().join("bin/deep/a"),
            std::fs::Permissions::from_mode(0o755),
        )
        .unwrap();
        assert_ne!(changed, digest(dir.path(), "x").unwrap());
    }
}
