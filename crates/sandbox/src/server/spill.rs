//! What a client sends, kept until the command reads it: in memory up to a limit, then in a temporary file.
//!
//! The SSH library holds back a whole connection once a channel's queue of 100 messages is full; a command that
//! writes while its client writes would then wait for ever. So the queue is always emptied into here.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes kept in memory before the file is used.
const IN_MEMORY: usize = 4 * 1024 * 1024;

/// The writing side.
#[derive(Clone, Default)]
pub struct Spill(Arc<(Mutex<Kept>, Condvar)>);

#[derive(Default)]
struct Kept {
    memory: VecDeque<u8>,
    overflow: Option<Overflow>,
    is_ended: bool,
    failure: Option<String>,
}

/// Bytes that came after those in memory.
struct Overflow {
    file: File,
    read: u64,
    written: u64,
}

impl Spill {
    /// Adds bytes; never waits for a reader.
    pub fn push(&self, bytes: &[u8]) {
        let mut kept = self.lock();
        if let Err(error) = kept.push(bytes) {
            // The reader gets the error: silence would look like the end of the client's data.
            kept.failure = Some(error.to_string());
        }
        drop(kept);
        self.0.1.notify_all();
    }

    /// Nothing more will come.
    pub fn end(&self) {
        self.lock().is_ended = true;
        self.0.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.overflow.is_none() {
            if self.memory.len() + bytes.len() <= IN_MEMORY {
                self.memory.extend(bytes);
                return Ok(());
            }
            self.overflow = Some(Overflow {
                file: tempfile::tempfile()?,
                read: 0,
                written: 0,
            });
        }
        if let Some(overflow) = &mut self.overflow {
            overflow.file.write_all_at(bytes, overflow.written)?;
            overflow.written += bytes.len() as u64;
        }
        Ok(())
    }

    fn pop(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.memory.is_empty() {
            return self.memory.read(buffer);
        }
        let Some(overflow) = &mut self.overflow else {
            return Ok(0);
        };
        let count = overflow.file.read_at(buffer, overflow.read)?;
        overflow.read += count as u64;
        if overflow.read == overflow.written {
            self.overflow = None;
        }
        Ok(count)
    }
}

/// The reading side; waits for bytes, and ends where the client ended.
pub struct SpillReader(Spill);

impl SpillReader {
    /// The reader of a spill; there should be one only.
    pub fn new(spill: &Spill) -> Self {
        Self(spill.clone())
    }
}

impl Read for SpillReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut kept = self.0.lock();
        loop {
            if let Some(failure) = &kept.failure {
                return Err(io::Error::other(failure.clone()));
            }
            let count = kept.pop(buffer)?;
            if count > 0 || kept.is_ended {
                return Ok(count);
            }
            kept = self
                .0
                .0
                .1
                .wait(kept)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_beyond_memory_come_back_in_order() {
        let spill = Spill::default();
        let all: Vec<u8> = (0..=250).cycle().take(3 * IN_MEMORY).collect();
        let mut reader = SpillReader::new(&spill);
        let mut read = vec![0; 1000];
        let (first, rest) = all.split_at(2 * IN_MEMORY);
        first.chunks(30_000).for_each(|chunk| spill.push(chunk));
        reader.read_exact(&mut read).unwrap();
        rest.chunks(30_000).for_each(|chunk| spill.push(chunk));
        spill.end();
        reader.read_to_end(&mut read).unwrap();
        assert!(read == all);
    }

    #[test]
    fn a_reader_waits_for_the_writer() {
        let spill = Spill::default();
        let mut reader = SpillReader::new(&spill);
        let waiter = std::thread::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        spill.push(b"one ");
        spill.push(b"two");
        spill.end();
        assert_eq!(waiter.join().unwrap().unwrap(), "one two");
    }
}
