//! The bytes of an RDB file, summed up as they are read.

use super::damaged;
use crate::dump::{BadDump, Engine, Source, crc64::Crc64};

/// Bytes read at a time.
const PIECE: usize = 64 * 1024;
/// The end mark and the checksum behind it.
const END: usize = 9;
/// The mark itself.
pub(super) const END_MARK: u8 = 0xff;

/// Reads and sums up.
pub(super) struct Summed<'a, 'b> {
    source: &'a mut Source<'b>,
    sum: Crc64,
    piece: Vec<u8>,
    at: usize,
}

impl<'a, 'b> Summed<'a, 'b> {
    /// Goes on behind what was read already.
    pub(super) fn new(source: &'a mut Source<'b>, read: &[u8]) -> Self {
        let mut sum = Crc64::jones();
        sum.update(read);
        Self {
            source,
            sum,
            piece: Vec::new(),
            at: 0,
        }
    }

    /// The checksum of all that was read.
    pub(super) fn sum(&self) -> u64 {
        self.sum.value()
    }

    /// Fills `to`.
    pub(super) fn take(&mut self, to: &mut [u8], place: &'static str) -> Result<(), BadDump> {
        let mut filled = 0;
        while let Some(rest) = to.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let got = self.next(rest.len() as u64, place)?;
            rest.iter_mut().zip(got).for_each(|(to, from)| *to = *from);
            filled += got.len();
        }
        Ok(())
    }

    /// Passes over so many bytes.
    pub(super) fn skip(&mut self, mut bytes: u64, place: &'static str) -> Result<(), BadDump> {
        while bytes > 0 {
            bytes -= self.next(bytes, place)?.len() as u64;
        }
        Ok(())
    }

    /// At least one and at most `most` of the next bytes.
    fn next(&mut self, most: u64, place: &'static str) -> Result<&[u8], BadDump> {
        if self.at == self.piece.len() {
            self.refill()?;
            if self.piece.is_empty() {
                return Err(self.truncated(place));
            }
        }
        let left = self.piece.get(self.at..).unwrap_or_default();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let got = left.get(..most.min(left.len())).unwrap_or_default();
        self.sum.update(got);
        self.at += got.len();
        Ok(got)
    }

    fn refill(&mut self) -> Result<(), BadDump> {
        self.piece.resize(PIECE, 0);
        let read = self.source.fill(&mut self.piece)?;
        self.piece.truncate(read);
        self.at = 0;
        Ok(())
    }

    /// Passes over everything up to the last end mark that leaves room for nothing but a checksum.
    pub(super) fn pass_to_end_mark(&mut self) -> Result<(), BadDump> {
        let mut held = self.piece.split_off(self.at);
        loop {
            self.refill()?;
            held.extend_from_slice(&self.piece);
            let done = held.len().saturating_sub(END);
            let passed = held.get(..done).unwrap_or_default();
            self.sum.update(passed);
            held.drain(..done);
            if self.piece.is_empty() {
                break;
            }
        }
        if held.len() < END || held.first() != Some(&END_MARK) {
            return Err(self.truncated("the data"));
        }
        self.sum.update(&[END_MARK]);
        self.piece = held.split_off(1);
        self.at = 0;
        Ok(())
    }

    /// Makes sure that nothing follows.
    pub(super) fn end(&mut self) -> Result<(), BadDump> {
        if self.at == self.piece.len() {
            self.refill()?;
        }
        if self.at < self.piece.len() {
            return Err(damaged("it goes on behind its end"));
        }
        Ok(())
    }

    fn truncated(&self, place: &'static str) -> BadDump {
        BadDump::Truncated {
            engine: Engine::Redis,
            place,
            size: self.source.size,
        }
    }
}

/// The checksum of these bytes.
#[cfg(test)]
pub(super) fn of(bytes: &[u8]) -> u64 {
    let mut sum = Crc64::jones();
    sum.update(bytes);
    sum.value()
}
