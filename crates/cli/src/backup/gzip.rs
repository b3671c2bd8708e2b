//! Gzip on all processors: members of 512 KiB, in order, each decompressed again and compared
//! before it is written. Every reader of gzip takes several members for one stream.

use std::{
    collections::VecDeque,
    io::{self, Write},
    num::NonZero,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use libdeflater::{CompressionLvl, Compressor, Decompressor};

/// Bytes of one member before compression.
pub const MEMBER: usize = 512 * 1024;
/// libdeflate's level: smaller files than `gzip -6`, several times faster.
const LEVEL: i32 = 5;
/// So much of a member is tried at the fastest level, to see whether it can be compressed at all.
const PROBE: usize = 16 * 1024;
/// At most so many members are compressed at once; each costs about 1 MiB.
const MOST_THREADS: usize = 8;

/// A piece of a dump, shared by those who read it.
pub type Piece = Arc<Vec<u8>>;

/// Compresses pieces of at most [`MEMBER`] bytes on all processors, and gives them back in order.
pub struct Press {
    jobs: Option<SyncSender<Job>>,
    waiting: VecDeque<Receiver<io::Result<Vec<u8>>>>,
    most: usize,
    is_empty: bool,
}

struct Job {
    piece: Piece,
    answer: SyncSender<io::Result<Vec<u8>>>,
}

impl Press {
    /// Starts the threads; they end with this value.
    pub fn new() -> io::Result<Self> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = threads.min(MOST_THREADS);
        let (send, jobs) = sync_channel::<Job>(threads);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..threads {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new()
                .name("gzip".to_owned())
                .spawn(move || work(&jobs))?;
        }
        Ok(Self {
            jobs: Some(send),
            waiting: VecDeque::new(),
            most: threads * 2,
            is_empty: true,
        })
    }

    /// Takes the next piece; writes what is ready, and waits where too much is under way.
    pub fn take(&mut self, piece: Piece, to: &mut impl Write) -> io::Result<()> {
        let (answer, ready) = sync_channel(1);
        self.waiting.push_back(ready);
        self.is_empty = false;
        let jobs = self.jobs.as_ref().ok_or_else(died)?;
        jobs.send(Job { piece, answer }).map_err(|_| died())?;
        while self.waiting.len() > self.most {
            self.write_next(to)?;
        }
        Ok(())
    }

    /// Writes the rest. Without this the stream is cut short.
    pub fn finish(mut self, to: &mut impl Write) -> io::Result<()> {
        if self.is_empty {
            self.take(Piece::default(), to)?;
        }
        self.jobs = None;
        while !self.waiting.is_empty() {
            self.write_next(to)?;
        }
        Ok(())
    }

    fn write_next(&mut self, to: &mut impl Write) -> io::Result<()> {
        let Some(ready) = self.waiting.pop_front() else {
            return Ok(());
        };
        let member = ready.recv().map_err(|_| died())??;
        to.write_all(&member)
    }
}

/// Bytes that are in memory, compressed.
pub fn packed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    let mut press = Press::new()?;
    for piece in bytes.chunks(MEMBER) {
        press.take(Arc::new(piece.to_vec()), &mut packed)?;
    }
    press.finish(&mut packed)?;
    Ok(packed)
}

fn died() -> io::Error {
    io::Error::other("a thread that compresses died")
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    let mut tools = Tools::default();
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { piece, answer }) = next else {
            return;
        };
        // Where nobody wants it any more, the backup was given up.
        drop(answer.send(tools.member(&piece)));
    }
}

/// What a thread needs again and again.
#[derive(Default)]
struct Tools {
    compressors: [Option<Compressor>; 3],
    decompressor: Option<Decompressor>,
    packed: Vec<u8>,
    again: Vec<u8>,
}

impl Tools {
    fn member(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        let probe = piece.get(..PROBE).unwrap_or(piece);
        let is_compressible = self.deflate(probe, Level::Probe)? * 100 <= probe.len() * 97;
        let level = if is_compressible {
            Level::Best
        } else {
            Level::Store
        };
        let size = self.deflate(piece, level)?;
        let packed = self.packed.get(..size).unwrap_or_default();
        self.again.resize(piece.len().max(1), 0);
        let read = self
            .decompressor
            .get_or_insert_with(Decompressor::new)
            .gzip_decompress(packed, &mut self.again)
            .map_err(|error| {
                io::Error::other(format!("compressed data does not decompress: {error}"))
            })?;
        if self.again.get(..read) != Some(piece) {
            return Err(io::Error::other(
                "compressed data is not the same after decompression: is the memory of this machine in order?",
            ));
        }
        Ok(packed.to_vec())
    }

    /// Compresses into `packed`; the number of bytes there.
    fn deflate(&mut self, bytes: &[u8], level: Level) -> io::Result<usize> {
        let slot = self
            .compressors
            .get_mut(level as usize)
            .ok_or_else(|| io::Error::other("there is no such level"))?;
        if slot.is_none() {
            let level = CompressionLvl::new(level.number())
                .map_err(|_| io::Error::other("libdeflate does not know its own level"))?;
            *slot = Some(Compressor::new(level));
        }
        let compressor = slot.as_mut().ok_or_else(died)?;
        let bound = compressor.gzip_compress_bound(bytes.len());
        if self.packed.len() < bound {
            self.packed.resize(bound, 0);
        }
        compressor
            .gzip_compress(bytes, &mut self.packed)
            .map_err(|error| io::Error::other(format!("cannot compress: {error}")))
    }
}

#[derive(Clone, Copy)]
enum Level {
    Store,
    Probe,
    Best,
}

impl Level {
    /// libdeflate's number.
    fn number(self) -> i32 {
        match self {
            Self::Store => 0,
            Self::Probe => 1,
            Self::Best => LEVEL,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::MultiGzDecoder;
    use rand::Rng;

    use super::*;

    fn round_trip(bytes: &[u8]) -> usize {
        let packed = packed(bytes).unwrap();
        let mut again = Vec::new();
        MultiGzDecoder::new(&packed[..])
            .read_to_end(&mut again)
            .unwrap();
        assert!(again == bytes, "{} bytes", bytes.len());
        packed.len()
    }

    #[test]
    fn what_was_written_is_read_again() {
        for size in [0, 1, MEMBER - 1, MEMBER, MEMBER + 1, 9 * MEMBER + 7] {
            let text: Vec<u8> = b"INSERT INTO t VALUES (1);\n"
                .iter()
                .copied()
                .cycle()
                .take(size)
                .collect();
            let packed = round_trip(&text);
            assert!(packed < size / 10 + 100, "{size} became {packed}");
        }
    }

    #[test]
    fn what_cannot_be_compressed_grows_by_next_to_nothing() {
        let mut noise = vec![0; 3 * MEMBER + 5];
        rand::rng().fill_bytes(&mut noise);
        let packed = round_trip(&noise);
        assert!(packed < noise.len() + noise.len() / 1000, "{packed}");
    }
}
