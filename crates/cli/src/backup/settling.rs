//! Bytes on their way to the disk: brought there while more are coming, and read back from there.

use std::{
    io::{self, Read, Write},
    num::NonZero,
    path::Path,
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
};

use fs_err as fs;
use libdeflater::Crc;
use rustix::fs::{Advice, fadvise};

/// After so many bytes the disk is asked to have them. A multiple of every page's size, because a
/// page that is written to again cannot be read from the disk yet.
const STRIDE: u64 = 32 * 1024 * 1024;

/// A file that is written from its beginning to its end.
pub struct Settling {
    file: fs::File,
    crc: Crc,
    written: u64,
    marks: Sender<u64>,
    thread: Option<JoinHandle<io::Result<u32>>>,
}

impl Settling {
    /// Begins with an empty file.
    pub fn new(file: std::fs::File, path: &Path) -> io::Result<Self> {
        let there = fs::File::from_parts(file.try_clone()?, path);
        let back = fs::File::open(path)?;
        let (marks, reached) = channel();
        let thread = thread::Builder::new()
            .name("disk".to_owned())
            .spawn(move || settle(&there, back, &reached))?;
        Ok(Self {
            file: fs::File::from_parts(file, path),
            crc: Crc::new(),
            written: 0,
            marks,
            thread: Some(thread),
        })
    }

    /// Brings the rest to the disk. An error unless what the disk gives back is what was written.
    pub fn finish(self) -> io::Result<()> {
        let Self {
            file,
            crc,
            written,
            marks,
            thread,
        } = self;
        file.sync_all()?;
        // Where the thread has ended already, it says why.
        let _sent = marks.send(written);
        drop(marks);
        if found_by(thread)? == crc.sum() {
            return Ok(());
        }
        Err(io::Error::other(
            "the file does not hold what was written to it",
        ))
    }
}

impl Write for Settling {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.crc.update(bytes.get(..written).unwrap_or_default());
        let before = self.written / STRIDE;
        self.written += written as u64;
        let strides = self.written / STRIDE;
        if strides > before && self.marks.send(strides * STRIDE).is_err() {
            found_by(self.thread.take())?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// What the thread came to.
fn found_by(thread: Option<JoinHandle<io::Result<u32>>>) -> io::Result<u32> {
    let died = || io::Error::other("the thread that reads the file back ended too early");
    thread.ok_or_else(died)?.join().map_err(|_| died())?
}

/// The CRC-32 of the file as the disk has it.
fn settle(there: &fs::File, mut back: fs::File, reached: &Receiver<u64>) -> io::Result<u32> {
    let mut crc = Crc::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut from = 0;
    while let Ok(mark) = reached.recv() {
        let to = reached.try_iter().last().unwrap_or(mark);
        there.sync_data()?;
        // The kernel forgets them; otherwise it would only repeat what it was told.
        fadvise(&back, from, NonZero::new(to - from), Advice::DontNeed)?;
        while from < to {
            let wanted =
                usize::try_from(to - from).map_or(buffer.len(), |left| left.min(buffer.len()));
            let piece = buffer.get_mut(..wanted).unwrap_or_default();
            back.read_exact(piece)?;
            crc.update(piece);
            from += piece.len() as u64;
        }
    }
    if back.read(&mut buffer)? > 0 {
        return Err(io::Error::other(
            "the file is longer than what was written to it",
        ));
    }
    Ok(crc.sum())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    fn begun() -> (tempfile::NamedTempFile, Settling) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let handle = file.as_file().try_clone().unwrap();
        let settling = Settling::new(handle, file.path()).unwrap();
        (file, settling)
    }

    #[test]
    fn what_is_written_comes_back_from_the_disk() {
        for size in [0, 1, 4097, STRIDE, 2 * STRIDE + 77] {
            let (file, mut settling) = begun();
            let piece: Vec<u8> = (0..100_003_u32).map(|n| n.to_le_bytes()[0]).collect();
            let all = io::copy(&mut io::repeat(7).take(size), &mut settling).unwrap();
            settling.write_all(&piece).unwrap();
            settling.finish().unwrap();
            assert_eq!(
                file.as_file().metadata().unwrap().len(),
                all + piece.len() as u64
            );
        }
    }

    #[test]
    fn a_file_that_somebody_changes_does_not_pass() {
        let (file, mut settling) = begun();
        settling.write_all(&[7; 10_000]).unwrap();
        file.as_file().write_all_at(b"x", 5_000).unwrap();
        assert!(settling.finish().is_err());

        let (file, mut settling) = begun();
        settling.write_all(&[7; 10_000]).unwrap();
        file.as_file().write_all_at(b"longer", 10_000).unwrap();
        let error = settling.finish().unwrap_err().to_string();
        assert!(error.contains("longer"), "{error}");

        let (file, mut settling) = begun();
        settling.write_all(&[7; 10_000]).unwrap();
        file.as_file().set_len(9_999).unwrap();
        assert!(settling.finish().is_err());
    }
}
