//! The way of a dump: read by who judges it, compressed, encrypted, counted, written. Bounded memory,
//! and every step that can on a thread of its own.

use std::{
    io::{self, Read, Write},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use age::stream::StreamWriter;
use dokku_deploy::{
    dump::{self, BadDump, Dump},
    flows::backup::{Facts, Sealed},
};

use super::{
    digest::{Counted, Tally},
    gzip::{MEMBER, Piece, Press},
    seal,
};

/// Pieces that wait for the reader.
const WAITING: usize = 4;

/// How a dump is packed.
#[derive(Debug, Clone, Default)]
pub struct Packing {
    /// Whether it is compressed.
    pub is_gzip: bool,
    /// Whom it is encrypted to; nobody: it is not.
    pub encrypt_to: Vec<String>,
}

/// Packs what is written to it.
pub struct Packer<W: Write> {
    piece: Vec<u8>,
    judge: Judge,
    press: Option<Press>,
    to: Layer<W>,
    encrypted_to: Vec<String>,
}

enum Layer<W: Write> {
    Open(Counted<W>),
    Sealed(Box<StreamWriter<Counted<W>>>),
}

impl<W: Write> Write for Layer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Open(to) => to.write(bytes),
            Self::Sealed(to) => to.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> Packer<W> {
    /// Begins.
    pub fn new(to: W, packing: &Packing) -> io::Result<Self> {
        let to = Counted::new(to);
        Ok(Self {
            piece: Vec::with_capacity(MEMBER),
            judge: Judge::new()?,
            press: packing.is_gzip.then(Press::new).transpose()?,
            to: if packing.encrypt_to.is_empty() {
                Layer::Open(to)
            } else {
                Layer::Sealed(Box::new(seal::encrypt(to, &packing.encrypt_to)?))
            },
            encrypted_to: packing.encrypt_to.clone(),
        })
    }

    /// Writes the rest; where it went to, what was seen, and what the dump is.
    pub fn finish(mut self) -> io::Result<Sealed<W>> {
        if !self.piece.is_empty() {
            self.pass_on()?;
        }
        let mut checks = Vec::new();
        if let Some(press) = self.press {
            press.finish(&mut self.to)?;
            checks.push("every piece decompressed again and compared".to_owned());
        }
        let counted = match self.to {
            Layer::Open(to) => to,
            Layer::Sealed(to) => to.finish()?,
        };
        let (dump, raw) = self.judge.finish()?;
        let ((sha256, size), (raw_sha256, raw_size)) = (counted.tally.finish(), raw.finish());
        let facts = Facts {
            sha256,
            size,
            raw_sha256,
            raw_size,
            checks,
            encrypted_to: self.encrypted_to,
        };
        Ok(Sealed {
            sealed: counted.inner,
            facts,
            dump,
        })
    }

    fn pass_on(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(MEMBER));
        let piece: Piece = Arc::new(piece);
        self.judge.take(&piece)?;
        match &mut self.press {
            Some(press) => press.take(piece, &mut self.to),
            None => self.to.write_all(&piece),
        }
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let space = MEMBER.saturating_sub(self.piece.len());
        let taken = bytes.get(..space.min(bytes.len())).unwrap_or_default();
        self.piece.extend_from_slice(taken);
        if self.piece.len() >= MEMBER {
            self.pass_on()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Judged = (Result<Dump, BadDump>, Tally);

/// Reads the dump on a thread of its own, as it passes.
struct Judge {
    pieces: SyncSender<Piece>,
    thread: JoinHandle<Judged>,
}

impl Judge {
    fn new() -> io::Result<Self> {
        let (pieces, received) = sync_channel(WAITING);
        let thread = thread::Builder::new()
            .name("judge".to_owned())
            .spawn(move || judge(received))?;
        Ok(Self { pieces, thread })
    }

    fn take(&mut self, piece: &Piece) -> io::Result<()> {
        self.pieces.send(Arc::clone(piece)).map_err(|_| died())
    }

    fn finish(self) -> io::Result<Judged> {
        drop(self.pieces);
        self.thread.join().map_err(|_| died())
    }
}

fn died() -> io::Error {
    io::Error::other("the thread that reads the dump died")
}

fn judge(pieces: Receiver<Piece>) -> Judged {
    let mut arriving = Arriving {
        pieces,
        piece: Piece::default(),
        at: 0,
        tally: Tally::default(),
    };
    let verdict = dump::inspect(&mut arriving);
    // Whatever the verdict, all of it is counted and nobody waits for room.
    let rest = io::copy(&mut arriving, &mut io::sink());
    let verdict = verdict.and_then(|dump| rest.map(|_| dump).map_err(BadDump::from));
    (verdict, arriving.tally)
}

/// The pieces as one stream.
struct Arriving {
    pieces: Receiver<Piece>,
    piece: Piece,
    at: usize,
    tally: Tally,
}

impl Read for Arriving {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.piece.len() {
            // The sender is gone: that is the end.
            let Ok(next) = self.pieces.recv() else {
                return Ok(0);
            };
            self.tally.add(&next);
            (self.piece, self.at) = (next, 0);
        }
        let rest = self.piece.get(self.at..).unwrap_or_default();
        let size = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..size), rest.get(..size)) {
            to.copy_from_slice(from);
        }
        self.at += size;
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret;
    use proptest::prelude::*;

    use super::*;
    use crate::backup::seal::Identities;

    /// Pieces of a dump: text that packs, noise that does not, in any order and size.
    fn dump() -> impl Strategy<Value = Vec<u8>> {
        let text = (0..400_000_usize).prop_map(|size| {
            let line = b"INSERT INTO t VALUES (1,'one');\n";
            line.iter().copied().cycle().take(size).collect::<Vec<u8>>()
        });
        let noise = (0..400_000_usize, any::<u64>()).prop_map(|(size, seed)| {
            let mut state = seed | 1;
            let mut next = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[3]
            };
            (0..size).map(|_| next()).collect()
        });
        prop::collection::vec(prop_oneof![text, noise], 0..5).prop_map(|all| all.concat())
    }

    fn digest(bytes: &[u8]) -> (String, u64) {
        let mut tally = Tally::default();
        tally.add(bytes);
        tally.finish()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn whatever_is_packed_comes_out_again_and_is_counted_right(
            raw in dump(),
            step in 1..300_000_usize,
            is_gzip in any::<bool>(),
            is_encrypted in any::<bool>(),
        ) {
            let key = age::x25519::Identity::generate();
            let encrypt_to = if is_encrypted { vec![key.to_public().to_string()] } else { Vec::new() };
            let packing = Packing { is_gzip, encrypt_to: encrypt_to.clone() };
            let mut packer = Packer::new(Vec::new(), &packing).unwrap();
            for piece in raw.chunks(step) {
                packer.write_all(piece).unwrap();
            }
            let Sealed { sealed, facts, .. } = packer.finish().unwrap();
            prop_assert_eq!(digest(&sealed), (facts.sha256, facts.size));
            prop_assert_eq!(digest(&raw), (facts.raw_sha256, facts.raw_size));
            prop_assert_eq!(facts.encrypted_to, encrypt_to);
            let mut open = sealed;
            if is_encrypted {
                let directory = tempfile::tempdir().unwrap();
                let path = directory.path().join("key");
                fs_err::write(&path, key.to_string().expose_secret()).unwrap();
                let mut reader = Identities::read(&path).unwrap().decrypt(io::Cursor::new(open)).unwrap();
                open = Vec::new();
                reader.read_to_end(&mut open).unwrap();
            }
            if is_gzip {
                let mut all = Vec::new();
                flate2::read::MultiGzDecoder::new(&open[..]).read_to_end(&mut all).unwrap();
                open = all;
            }
            prop_assert!(open == raw, "{} bytes came back as {}", raw.len(), open.len());
        }
    }
}
