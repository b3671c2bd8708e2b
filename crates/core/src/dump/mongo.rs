//! `MongoDB`'s archive: a prelude that names the collections, then their documents in blocks, each
//! collection closed by a header that holds the checksum of all its documents.
//!
//! The format is described in `common/archive/spec.md` of `MongoDB`'s tools. Dokku's plugin exports
//! with `--gzip`, which compresses the archive as a whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read},
};

use flate2::read::MultiGzDecoder;

use super::{Amount, Amounts, BadDump, Dump, Engine, Needs, Source, Table, crc64::Crc64};

/// Begins an archive.
const MAGIC: [u8; 4] = 0x8199_e26d_u32.to_le_bytes();
/// Begins what gzip wrote.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Ends the prelude and each block.
const TERMINATOR: [u8; 4] = [0xff; 4];
/// Longest document: `MongoDB` allows 16 MiB and a little for what surrounds it.
const LONGEST: usize = 17 * 1024 * 1024;

/// Whether an archive may begin so.
pub(super) fn may_begin(head: &[u8]) -> bool {
    head.starts_with(&MAGIC) || head.starts_with(&GZIP)
}

/// Reads what begins with `head`.
pub(super) fn read(head: &[u8], source: &mut Source<'_>) -> Result<Dump, BadDump> {
    let is_compressed = head.starts_with(&GZIP);
    let all = head.chain(&mut *source);
    let found = if is_compressed {
        Archive::new(&mut MultiGzDecoder::new(all)).walk()
    } else {
        Archive::new(&mut { all }).walk()
    };
    let size = source.size;
    let found = found.map_err(|bad| bad.told(size))?;
    let wrapper = if is_compressed { "gzip checksum, " } else { "" };
    Ok(Dump {
        engine: Engine::Mongo,
        version: found.version,
        contents: found
            .collections
            .keys()
            .map(|(database, name)| format!("COLLECTION {database}.{name}"))
            .collect::<BTreeSet<_>>(),
        size,
        checks: vec![format!(
            "{wrapper}prelude, and end and checksum of {} collections",
            found.collections.len()
        )],
        amounts: Some(Amounts {
            tables: found
                .collections
                .into_iter()
                .map(|((database, name), one)| {
                    (
                        Table::in_schema(database, name),
                        Amount::rows(one.documents),
                    )
                })
                .collect(),
            unknown: None,
        }),
        needs: Needs::default(),
    })
}

/// Why it is no archive that restores.
enum Bad {
    /// Something else in gzip.
    Other,
    Truncated(&'static str),
    Damaged(String),
    Unreadable(io::Error),
}

impl Bad {
    fn told(self, size: u64) -> BadDump {
        let engine = Engine::Mongo;
        match self {
            Self::Other => BadDump::Unknown,
            Self::Truncated(place) => BadDump::Truncated {
                engine,
                place,
                size,
            },
            Self::Damaged(why) => BadDump::Damaged { engine, why },
            Self::Unreadable(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof => BadDump::Truncated {
                    engine,
                    place: "the compressed data",
                    size,
                },
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => BadDump::Damaged {
                    engine,
                    why: format!("it cannot be decompressed ({error})"),
                },
                _ => BadDump::Unreadable(error),
            },
        }
    }
}

/// A collection, as far as it was read.
struct Collection {
    documents: u64,
    sum: Crc64,
    is_closed: bool,
}

impl Default for Collection {
    fn default() -> Self {
        Self {
            documents: 0,
            sum: Crc64::ecma(),
            is_closed: false,
        }
    }
}

/// The collection whose documents a document of the prelude announces; views have none, and those
/// of time series are announced under another name.
fn announced(header: &Fields<'_>) -> Option<(String, String)> {
    let is_plain = matches!(header.text("type"), None | Some("" | "collection"));
    // Older tools write no type.
    let is_view = header
        .text("metadata")
        .is_some_and(|metadata| metadata.contains("\"viewOn\""));
    let key = (
        header.text("db")?.to_owned(),
        header.text("collection")?.to_owned(),
    );
    (is_plain && !is_view).then_some(key)
}

#[derive(Default)]
struct Found {
    version: Option<String>,
    collections: BTreeMap<(String, String), Collection>,
}

struct Archive<'a> {
    from: &'a mut dyn Read,
    /// The document that was read last.
    document: Vec<u8>,
}

impl<'a> Archive<'a> {
    fn new(from: &'a mut dyn Read) -> Self {
        Self {
            from,
            document: Vec::new(),
        }
    }

    fn walk(mut self) -> Result<Found, Bad> {
        let mut magic = [0; MAGIC.len()];
        if self.fill(&mut magic)? < magic.len() || magic != MAGIC {
            return Err(Bad::Other);
        }
        let mut found = Found::default();
        while self.next("the prelude")? {
            let header = Fields::of(&self.document)?;
            if let Some(version) = header.text("server_version") {
                found.version = Some(version.to_owned());
            }
            if let Some(key) = announced(&header) {
                found.collections.insert(key, Collection::default());
            }
        }
        while self.block(&mut found)? {}
        match found.collections.iter().find(|(_, one)| !one.is_closed) {
            Some(_) => Err(Bad::Truncated("the documents of a collection")),
            None => Ok(found),
        }
    }

    /// Reads one block; false at the end of the archive.
    fn block(&mut self, found: &mut Found) -> Result<bool, Bad> {
        let mut first = [0; 4];
        match self.fill(&mut first)? {
            0 => return Ok(false),
            4 => self.body(first, "a block's header")?,
            _ => return Err(Bad::Truncated("a block's header")),
        }
        let header = Fields::of(&self.document)?;
        let (Some(database), Some(name)) = (header.text("db"), header.text("collection")) else {
            return Err(damaged("a block names no collection"));
        };
        let (is_end, stored) = (header.flag("EOF"), header.number("CRC"));
        let key = (database.to_owned(), name.to_owned());
        let one = found.collections.entry(key).or_default();
        if one.is_closed {
            return Err(damaged("a collection goes on behind its end"));
        }
        while self.next("the documents of a collection")? {
            one.documents += 1;
            one.sum.update(&self.document);
        }
        if is_end {
            one.is_closed = true;
            if stored != Some(one.sum.value()) {
                return Err(damaged(
                    "the checksum of a collection does not match its documents",
                ));
            }
        }
        Ok(true)
    }

    /// Reads the next document; false at a terminator.
    fn next(&mut self, place: &'static str) -> Result<bool, Bad> {
        let mut length = [0; 4];
        if self.fill(&mut length)? < length.len() {
            return Err(Bad::Truncated(place));
        }
        if length == TERMINATOR {
            return Ok(false);
        }
        self.body(length, place)?;
        Ok(true)
    }

    /// Reads the rest of a document whose first four bytes, its length, were read.
    fn body(&mut self, length: [u8; 4], place: &'static str) -> Result<(), Bad> {
        let bytes = usize::try_from(i32::from_le_bytes(length)).unwrap_or(0);
        if !(5..=LONGEST).contains(&bytes) {
            return Err(damaged("a document has a length that none can have"));
        }
        self.document.clear();
        self.document.extend(length);
        // As far as there is something, so that a wrong length takes no memory.
        let rest = (bytes - length.len()) as u64;
        let read = (&mut *self.from)
            .take(rest)
            .read_to_end(&mut self.document)
            .map_err(Bad::Unreadable)?;
        if (read as u64) < rest {
            return Err(Bad::Truncated(place));
        }
        match self.document.last() {
            Some(0) => Ok(()),
            _ => Err(damaged("a document does not end as one does")),
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Bad> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.from.read(rest) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Bad::Unreadable(error)),
            }
        }
        Ok(filled)
    }
}

fn damaged(why: &str) -> Bad {
    Bad::Damaged(why.to_owned())
}

/// The fields of a header that have a type which headers use.
struct Fields<'a>(BTreeMap<&'a str, Value<'a>>);

enum Value<'a> {
    Text(&'a str),
    Flag(bool),
    Number(u64),
}

impl<'a> Fields<'a> {
    /// Reads a document of plain texts, flags and numbers; what follows a field of another type
    /// is not looked at.
    fn of(document: &'a [u8]) -> Result<Self, Bad> {
        let broken = || damaged("a header cannot be read");
        let mut rest = document.get(4..).ok_or_else(broken)?;
        let mut fields = BTreeMap::new();
        loop {
            let (kind, after) = rest.split_first().ok_or_else(broken)?;
            if *kind == 0 {
                return Ok(Self(fields));
            }
            let end = after
                .iter()
                .position(|byte| *byte == 0)
                .ok_or_else(broken)?;
            let (name, after) = after.split_at_checked(end).ok_or_else(broken)?;
            let name = std::str::from_utf8(name).map_err(|_| broken())?;
            let after = after.get(1..).ok_or_else(broken)?;
            let (value, after) = match kind {
                2 => {
                    let (length, after) = after.split_first_chunk().ok_or_else(broken)?;
                    let length = usize::try_from(i32::from_le_bytes(*length)).unwrap_or(0);
                    let (text, after) = after.split_at_checked(length).ok_or_else(broken)?;
                    let (_, text) = text.split_last().ok_or_else(broken)?;
                    let text = std::str::from_utf8(text).map_err(|_| broken())?;
                    (Value::Text(text), after)
                }
                8 => {
                    let (flag, after) = after.split_first().ok_or_else(broken)?;
                    (Value::Flag(*flag != 0), after)
                }
                16 => {
                    let (number, after) = after.split_first_chunk().ok_or_else(broken)?;
                    (Value::Number(u32::from_le_bytes(*number).into()), after)
                }
                18 => {
                    let (number, after) = after.split_first_chunk().ok_or_else(broken)?;
                    (Value::Number(u64::from_le_bytes(*number)), after)
                }
                _ => return Ok(Self(fields)),
            };
            fields.insert(name, value);
            rest = after;
        }
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        match self.0.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn flag(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Value::Flag(true)))
    }

    fn number(&self, name: &str) -> Option<u64> {
        match self.0.get(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
