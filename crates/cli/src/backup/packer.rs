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
