//! SHA-256 and size of what passes.

use std::{
    fmt::Write as _,
    io::{self, Read, Write},
};

use sha2::{Digest, Sha256};

/// Digest and number of bytes.
#[derive(Default)]
pub struct Tally {
    digest: Sha256,
    size: u64,
}

impl Tally {
    /// Counts these bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// The digest in hexadecimal, and the number of bytes.
    pub fn finish(self) -> (String, u64) {
        let mut text = String::new();
        for byte in self.digest.finalize() {
            // Writing into a text does not fail.
            let _written = write!(text, "{byte:02x}");
        }
        (text, self.size)
    }
}

/// Passes on and counts.
pub struct Counted<T> {
    /// Where it comes from or goes to.
    pub inner: T,
    /// What has passed.
    pub tally: Tally,
}

impl<T> Counted<T> {
    /// Nothing has passed yet.
    pub fn new(inner: T) -> Self {
        Self {
            inner,
            tally: Tally::default(),
        }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.tally.add(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.tally.add(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
