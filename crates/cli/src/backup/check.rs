//! Whether a file is a backup that restores: its checksum against the manifest, its compression,
//! and the structure that its engine wrote.

use std::{
    io::{self, Read},
    path::Path,
};

use dokku_deploy::{
    backup::Manifest,
    dump::{self, BadDump, Dump},
};
use fs_err::File;

use super::{
    digest::Counted,
    raw::{SEALED, is_sealed, open_with},
    seal::Identities,
    second_opinion,
    store::manifest_of,
};

/// A file that passed.
#[derive(Debug)]
pub struct Checked {
    /// What the dump tells.
    pub dump: Dump,
    /// Its manifest, if it has one.
    pub manifest: Option<Manifest>,
    /// Bytes of the file.
    pub size: u64,
}

/// Why a file does not pass.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// It is not a whole dump.
    #[error("{0}")]
    Dump(#[from] BadDump),
    /// The manifest knows another content.
    #[error("it is not what was written: its SHA-256 is {found}, the manifest says {expected}")]
    Changed {
        /// Of the file.
        found: String,
        /// In the manifest.
        expected: String,
    },
    /// It is encrypted, and nobody gave a key. That the file is the one that was written was checked,
    /// where there is a manifest.
    #[error("{SEALED}")]
    Sealed,
    /// It is encrypted to others: nothing is known against it.
    #[error("the private key that was given does not open it")]
    NotOpened,
    /// The manifest cannot be read.
    #[error("its manifest is damaged: {0}")]
    Manifest(String),
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
}

/// Reads the whole file twice, once as it lies there and once as the dump inside.
pub fn check(path: &Path) -> Result<Checked, Flaw> {
    check_with(path, None)
}

/// [`check`] of a file that may be encrypted.
pub fn check_with(path: &Path, identities: Option<&Identities>) -> Result<Checked, Flaw> {
    examine(path, identities, dump::inspect)
}

/// [`check_with`], and everything that is in the dump is counted.
pub fn count(path: &Path, identities: Option<&Identities>) -> Result<Checked, Flaw> {
    examine(path, identities, dump::count)
}

fn examine(
    path: &Path,
    identities: Option<&Identities>,
    look: impl Fn(&mut dyn Read) -> Result<Dump, BadDump>,
) -> Result<Checked, Flaw> {
    let manifest = manifest_of(path).map_err(|error| Flaw::Manifest(error.to_string()))?;
    let mut file = Counted::new(File::open(path)?);
    io::copy(&mut file, &mut io::sink())?;
    let (sha256, size) = file.tally.finish();
    let is_as_written = |found: String, expected: Option<&String>| match expected {
        Some(expected) if *expected != found => Err(Flaw::Changed {
            found,
            expected: expected.clone(),
        }),
        _ => Ok(()),
    };
    is_as_written(sha256, manifest.as_ref().map(|known| &known.sha256))?;
    if identities.is_none() && is_sealed(path)? {
        return Err(Flaw::Sealed);
    }
    // The file itself was read to its end just now: only the keys can be refused.
    let opened = open_with(path, identities).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => Flaw::NotOpened,
        _ => Flaw::Unreadable(error),
    })?;
    let mut raw = Counted::new(opened);
    let dump = look(&mut raw)?;
    let (raw_sha256, _) = raw.tally.finish();
    is_as_written(raw_sha256, manifest.as_ref().map(|known| &known.raw_sha256))?;
    let dump = second_opinion::ask(dump, || open_with(path, identities))?;
    Ok(Checked {
        dump,
        manifest,
        size,
    })
}
