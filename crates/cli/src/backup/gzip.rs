//! Gzip on all processors: members of 512 KiB, in order, each decompressed again and compared
//! before it is written. Every reader of gzip takes several members for one stream.

use std::{
    io::{self, Write},
    num::NonZero,
    thread,
};

use libdeflater::{CompressionLvl, Compressor, Decompressor};

/// Bytes of one member before compression.
const MEMBER: usize = 512 * 1024;
/// libdeflate's level: smaller files than `gzip -6`, several times faster.
const LEVEL: i32 = 5;
/// So much of a member is tried at the fastest level, to see whether it can be compressed at all.
const PROBE: usize = 16 * 1024;
/// At most so many members are compressed at once; each costs about 1 MiB.
const MOST_THREADS: usize = 8;

/// Compresses what is written to it.
pub struct GzipWriter<W> {
    to: W,
    waiting: Vec<u8>,
    threads: usize,
    is_empty: bool,
}

impl<W: Write> GzipWriter<W> {
    /// A writer that uses all processors.
    pub fn new(to: W) -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            to,
            waiting: Vec::new(),
            threads: threads.min(MOST_THREADS),
            is_empty: true,
        }
    }

    /// Writes the rest. Without this the stream is cut short.
    pub fn finish(mut self) -> io::Result<W> {
        if !self.waiting.is_empty() || self.is_empty {
            self.compress()?;
        }
        Ok(self.to)
    }

    fn compress(&mut self) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let chunks: Vec<&[u8]> = if waiting.is_empty() {
            vec![&[]]
        } else {
            waiting.chunks(MEMBER).collect()
        };
        let members: Vec<io::Result<Vec<u8>>> = thread::scope(|scope| {
            let workers: Vec<_> = chunks
                .iter()
                .map(|chunk| scope.spawn(|| member(chunk)))
                .collect();
            let died = || Err(io::Error::other("a thread that compresses died"));
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(|_| died()))
                .collect()
        });
        for member in members {
            self.to.write_all(&member?)?;
        }
        self.is_empty = false;
        self.waiting = waiting;
        self.waiting.clear();
        Ok(())
    }
}

impl<W: Write> Write for GzipWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let space = (MEMBER * self.threads).saturating_sub(self.waiting.len());
        let taken = bytes.get(..space.min(bytes.len())).unwrap_or_default();
        self.waiting.extend_from_slice(taken);
        if taken.len() == space {
            self.compress()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn member(chunk: &[u8]) -> io::Result<Vec<u8>> {
    let level = if is_compressible(chunk)? { LEVEL } else { 0 };
    let packed = deflate(chunk, level)?;
    let mut again = vec![0; chunk.len()];
    let read = Decompressor::new()
        .gzip_decompress(&packed, &mut again)
        .map_err(|error| {
            io::Error::other(format!("compressed data does not decompress: {error}"))
        })?;
    if again.get(..read) != Some(chunk) {
        return Err(io::Error::other(
            "compressed data is not the same after decompression: is the memory of this machine in order?",
        ));
    }
    Ok(packed)
}

fn is_compressible(chunk: &[u8]) -> io::Result<bool> {
    let probe = chunk.get(..PROBE).unwrap_or(chunk);
    Ok(deflate(probe, 1)?.len() * 100 <= probe.len() * 97)
}

fn deflate(bytes: &[u8], level: i32) -> io::Result<Vec<u8>> {
    let level = CompressionLvl::new(level)
        .map_err(|_| io::Error::other("libdeflate does not know its own level"))?;
    let mut compressor = Compressor::new(level);
    let mut packed = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let size = compressor
        .gzip_compress(bytes, &mut packed)
        .map_err(|error| io::Error::other(format!("cannot compress: {error}")))?;
    packed.truncate(size);
    Ok(packed)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::MultiGzDecoder;
    use rand::Rng;

    use super::*;

    fn round_trip(bytes: &[u8]) -> usize {
        let mut writer = GzipWriter::new(Vec::new());
        for piece in bytes.chunks(70_001) {
            writer.write_all(piece).unwrap();
        }
        let packed = writer.finish().unwrap();
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
