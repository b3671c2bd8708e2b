//! The data of one entry, in pieces: decompressed, and its rows counted.

use flate2::{Decompress, FlushDecompress, Status};

/// Bytes decompressed at a time.
const PIECE: usize = 64 * 1024;

/// How the data of an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Zlib,
    /// One that is not read here, by its name.
    Other(&'static str),
}

impl Compression {
    /// The algorithm's number since archive format 1.15.
    pub(super) fn of_number(number: u8) -> Self {
        match number {
            0 => Self::None,
            1 => Self::Zlib,
            2 => Self::Other("lz4"),
            3 => Self::Other("zstd"),
            _ => Self::Other("an unknown algorithm"),
        }
    }

    /// The level that older formats tell: 0 is none.
    pub(super) fn of_level(level: i64) -> Self {
        if level == 0 { Self::None } else { Self::Zlib }
    }
}

/// Reads the data of one entry.
pub(super) struct Data {
    compression: Compression,
    inflate: Option<Decompress>,
    is_over: bool,
    piece: Vec<u8>,
    rows: Rows,
}

impl Data {
    pub(super) fn new(compression: Compression) -> Self {
        Self {
            compression,
            inflate: None,
            is_over: false,
            piece: Vec::new(),
            rows: Rows::default(),
        }
    }

    /// Takes the next bytes as they stand in the archive; an error says what is wrong with them.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        match self.compression {
            Compression::None => self.rows.take(bytes),
            Compression::Other(_) => {}
            Compression::Zlib => {
                let inflate = self.inflate.get_or_insert_with(|| Decompress::new(true));
                self.piece.resize(PIECE, 0);
                // Output may be left where the input is used up: until less than a whole piece comes.
                let mut is_full = false;
                while !bytes.is_empty() || is_full {
                    if self.is_over {
                        return Err("compressed data goes on behind its end".to_owned());
                    }
                    let (read, written) = (inflate.total_in(), inflate.total_out());
                    let status = inflate
                        .decompress(bytes, &mut self.piece, FlushDecompress::None)
                        .map_err(|error| format!("compressed data cannot be read: {error}"))?;
                    let read = usize::try_from(inflate.total_in() - read).unwrap_or(usize::MAX);
                    let written =
                        usize::try_from(inflate.total_out() - written).unwrap_or(usize::MAX);
                    bytes = bytes.get(read..).unwrap_or_default();
                    self.rows
                        .take(self.piece.get(..written).unwrap_or_default());
                    self.is_over = status == Status::StreamEnd;
                    is_full = written == self.piece.len() && !self.is_over;
                    if read == 0 && written == 0 && !self.is_over && !bytes.is_empty() {
                        return Err("compressed data does not go on".to_owned());
                    }
                }
            }
        }
        Ok(())
    }

    /// The number of rows; `None` where the compression is not read here.
    pub(super) fn finish(self) -> Result<Option<u64>, String> {
        if self.inflate.is_some() && !self.is_over {
            return Err("compressed data ends too early".to_owned());
        }
        Ok(match self.compression {
            Compression::Other(_) => None,
            _ => Some(self.rows.count),
        })
    }
}

/// Rows in the text format of `COPY`: each is one line, `\.` on a line of its own ends them.
#[derive(Default)]
struct Rows {
    count: u64,
    /// The first bytes of the line, and how many it has.
    begin: [u8; 2],
    length: usize,
    is_over: bool,
}

impl Rows {
    fn take(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_over {
            let end = memchr::memchr(b'\n', rest);
            let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            for (place, byte) in self.begin.iter_mut().skip(self.length).zip(line) {
                *place = *byte;
            }
            self.length = self.length.saturating_add(line.len());
            let Some(end) = end else { return };
            rest = rest.get(end + 1..).unwrap_or_default();
            if self.length == 2 && self.begin == *b"\\." {
                self.is_over = true;
            } else {
                self.count += 1;
            }
            self.length = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use flate2::{Compression as Level, write::ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    fn count(compression: Compression, bytes: &[u8], step: usize) -> Result<Option<u64>, String> {
        let mut data = Data::new(compression);
        for piece in bytes.chunks(step) {
            data.take(piece)?;
        }
        data.finish()
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Level::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn rows_end_at_the_mark_and_a_value_that_looks_like_it_is_a_row() {
        // The value `\.` is written `\\.`; a table without columns has empty lines.
        for (text, rows) in [
            (&b"\\.\n\n\n"[..], 0),
            (b"1\ta\n2\t\\N\n\\\\.\n\\.\n\n\n", 3),
            (b"\n\n\n\\.\n\n\n", 3),
            (b"\\.x\n\\.\n\n\n", 1),
        ] {
            for step in [1, 3, 100] {
                assert_eq!(count(Compression::None, text, step), Ok(Some(rows)));
                assert_eq!(
                    count(Compression::Zlib, &packed(text), step),
                    Ok(Some(rows))
                );
            }
        }
        assert_eq!(count(Compression::Zlib, b"", 1), Ok(Some(0)));
        assert_eq!(count(Compression::Other("zstd"), b"anything", 1), Ok(None));
    }

    #[test]
    fn data_that_grows_a_thousandfold_is_counted_in_pieces() {
        let text = [vec![b'\n'; 300_000], b"\\.\n\n\n".to_vec()].concat();
        let packed = packed(&text);
        assert_eq!(count(Compression::Zlib, &packed, 1000), Ok(Some(300_000)));
        assert_eq!(
            count(Compression::Zlib, &packed, packed.len()),
            Ok(Some(300_000))
        );
    }

    proptest! {
        #[test]
        fn damage_in_compressed_data_is_an_error_or_what_every_reader_takes(
            rows in 1_u64..2000, at in any::<prop::sample::Index>(), bit in 0_u32..8, cut in any::<bool>(), step in 1_usize..300,
        ) {
            let mut text = Vec::new();
            for row in 0..rows {
                writeln!(text, "{row}\tvalue {}", row * 7919).unwrap();
            }
            text.extend(b"\\.\n\n\n");
            let mut bytes = packed(&text);
            let at = at.index(bytes.len());
            if cut {
                bytes.truncate(at);
                prop_assume!(at > 0);
            } else {
                bytes[at] ^= 1_u8 << bit;
            }
            // What zlib's own checksum does not find, no reader of the dump finds: it is a weak one, and some
            // bits mean nothing. The SHA-256 of the file finds all of it.
            if let Ok(found) = count(Compression::Zlib, &bytes, step) {
                let mut unpacked = Vec::new();
                let is_read = flate2::read::ZlibDecoder::new(bytes.as_slice())
                    .read_to_end(&mut unpacked)
                    .is_ok();
                prop_assert!(!cut && is_read);
                prop_assert_eq!(found, count(Compression::None, &unpacked, step).unwrap());
            }
        }
    }
}
