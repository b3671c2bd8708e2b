//! The plugin as it is sent: its scripts, which this program carries in itself, and the program.

use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sha2::{Digest, Sha256};

use crate::backup;

macro_rules! scripts {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../plugin/", $name)))),*]
    };
}

/// The plugin's files: path and text.
const FILES: &[(&str, &str)] = scripts![
    "plugin.toml",
    "install",
    "commands",
    "core-post-extract",
    "post-config-update",
    "post-delete",
    "subcommands/backup",
    "subcommands/backup-prune",
    "subcommands/backup-room",
    "subcommands/backup-send",
    "subcommands/backup-tested",
    "subcommands/backup-verify",
    "subcommands/backups",
    "subcommands/audit",
    "subcommands/break-glass",
    "subcommands/default",
    "subcommands/help",
    "subcommands/images",
    "subcommands/journal",
    "subcommands/lock",
    "subcommands/locks",
    "subcommands/notify",
    "subcommands/permit",
    "subcommands/protect",
    "subcommands/record",
    "subcommands/retain",
    "subcommands/rollback-image",
    "subcommands/status",
    "subcommands/unlock",
    "subcommands/version",
];

/// What is to be installed.
#[derive(Debug)]
pub struct Payload {
    program: PathBuf,
    /// A digest of all files.
    pub digest: String,
}

/// The architecture of this program, as `uname -m` names it.
pub fn architecture_of_this() -> &'static str {
    std::env::consts::ARCH
}

impl Payload {
    /// The plugin with `program`, or with this program.
    pub fn new(program: Option<&Path>) -> io::Result<Self> {
        let program = match program {
            Some(path) => path.to_owned(),
            None => std::env::current_exe()?,
        };
        let mut digest = Sha256::new();
        for (name, text) in FILES {
            digest.update(name.as_bytes());
            digest.update(text.as_bytes());
        }
        digest.update(fs_err::read(&program)?);
        Ok(Self {
            program,
            digest: hex(&digest.finalize()),
        })
    }

    /// All of it as a `tar.gz`, the same bytes for the same files.
    pub fn archive(&self) -> io::Result<Vec<u8>> {
        let directory = tempfile::tempdir()?;
        let put = |name: &str, text: &[u8], mode| -> io::Result<()> {
            let path = directory.path().join(name);
            if let Some(parent) = path.parent() {
                fs_err::create_dir_all(parent)?;
            }
            fs_err::write(&path, text)?;
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(mode))
        };
        for (name, text) in FILES {
            let mode = if *name == "plugin.toml" { 0o644 } else { 0o755 };
            put(name, text.as_bytes(), mode)?;
        }
        put("bin/dokku-cli", &fs_err::read(&self.program)?, 0o755)?;
        put("digest", self.digest.as_bytes(), 0o644)?;
        let output = Command::new("tar")
            .args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0"])
            .args(["--numeric-owner", "--format=ustar", "--mode=u=rwX,go=rX"])
            .args(["-cf", "-", "-C"])
            .arg(directory.path())
            .arg(".")
            .stdin(Stdio::null())
            .output()?;
        if output.status.success() {
            return backup::packed(&output.stdout);
        }
        Err(io::Error::other(format!(
            "tar: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )))
    }
}

/// The SHA-256 of some bytes, as `sha256sum` shows it.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_plugin_is_carried_and_its_version_is_ours() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugin");
        let mut names = Vec::new();
        for directory in ["", "subcommands/"] {
            for entry in fs_err::read_dir(top.join(directory)).unwrap() {
                let entry = entry.unwrap();
                if entry.path().is_file() {
                    names.push(format!(
                        "{directory}{}",
                        entry.file_name().to_string_lossy()
                    ));
                }
            }
        }
        names.sort();
        let mut carried: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        carried.sort_unstable();
        assert_eq!(carried, names);
        let version = format!("version = \"{}\"", env!("CARGO_PKG_VERSION"));
        assert!(FILES[0].1.contains(&version));
    }
}
