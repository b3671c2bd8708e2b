//! Whether a file is a backup that restores: its checksum against the manifest, its compression,
//! and the structure that its engine wrote.

use std::{
    io::{self, BufReader, Read},
    path::Path,
};

use dokku_deploy::{
    backup::Manifest,
    dump::{self, BadDump, Dump},
};
use flate2::read::MultiGzDecoder;
use fs_err::File;

use super::{digest::Counted, store::manifest_of};

/// A file that passed.
#[derive(Debug)]
pub struct Checked {
    /// What the dump tells.
    pub dump: Dump,
    /// Its manifest, if it has one.
    pub manifest: Option<Manifest>,
    /// SHA-256 of the file.
    pub sha256: String,
    /// SHA-256 of the dump inside.
    pub raw_sha256: String,
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
    /// The manifest cannot be read.
    #[error("its manifest is damaged: {0}")]
    Manifest(String),
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
}

/// Reads the raw dump of a file, compressed or not.
pub fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    Ok(decoded(
        BufReader::with_capacity(128 * 1024, File::open(path)?),
        is_gzip(path)?,
    ))
}

fn decoded<R: io::BufRead + Send + 'static>(file: R, is_gzip: bool) -> Box<dyn Read + Send> {
    if is_gzip {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    }
}

fn is_gzip(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    File::open(path)?.take(2).read_to_end(&mut head)?;
    Ok(head == [0x1f, 0x8b])
}

/// Reads the whole file twice, once as it lies there and once as the dump inside.
pub fn check(path: &Path) -> Result<Checked, Flaw> {
    let manifest = manifest_of(path).map_err(|error| Flaw::Manifest(error.to_string()))?;
    let mut file = Counted::new(File::open(path)?);
    io::copy(&mut file, &mut io::sink())?;
    let (sha256, size) = file.tally.finish();
    if let Some(manifest) = &manifest
        && manifest.sha256 != sha256
    {
        return Err(Flaw::Changed {
            found: sha256,
            expected: manifest.sha256.clone(),
        });
    }
    let mut raw = Counted::new(open(path)?);
    let dump = dump::inspect(&mut raw)?;
    let (raw_sha256, _) = raw.tally.finish();
    if let Some(manifest) = &manifest
        && manifest.raw_sha256 != raw_sha256
    {
        return Err(Flaw::Changed {
            found: raw_sha256,
            expected: manifest.raw_sha256.clone(),
        });
    }
    Ok(Checked {
        dump,
        manifest,
        sha256,
        raw_sha256,
        size,
    })
}
