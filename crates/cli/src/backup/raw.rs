//! The raw dump inside a file: decrypted and decompressed, where it is encrypted or compressed.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use fs_err::File;

use super::seal::{self, Identities};

/// What is said of an encrypted file where nobody gave a key.
pub const SEALED: &str = "it is encrypted: what is inside can be read only with --identity FILE";

/// Reads the raw dump of a file, encrypted to one of `identities` or not, compressed or not.
pub fn open_with(path: &Path, identities: Option<&Identities>) -> io::Result<Box<dyn Read + Send>> {
    let mut file = BufReader::with_capacity(128 * 1024, File::open(path)?);
    if !file.fill_buf()?.starts_with(seal::MAGIC) {
        return unpacked(Box::new(file));
    }
    let identities =
        identities.ok_or_else(|| io::Error::new(io::ErrorKind::PermissionDenied, SEALED))?;
    unpacked(identities.decrypt(file)?)
}

fn unpacked(from: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
    let mut from = BufReader::with_capacity(128 * 1024, from);
    if from.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        Ok(Box::new(MultiGzDecoder::new(from)))
    } else {
        Ok(Box::new(from))
    }
}

/// Whether a file is encrypted.
pub fn is_sealed(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    File::open(path)?
        .take(seal::MAGIC.len() as u64)
        .read_to_end(&mut head)?;
    Ok(head == seal::MAGIC)
}
