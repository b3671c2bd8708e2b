//! PostgreSQL's custom format (`pg_dump -Fc`), read as `pg_restore` reads it: header, table of
//! contents, then one block of data for each entry that has data.

mod copy;
mod needs;

use std::collections::{BTreeMap, BTreeSet};

use self::copy::{Compression, Data};
use super::{Amount, Amounts, BadDump, Depth, Dump, Engine, Needs, Source, Table};

/// The archive formats that are known: 1.12 (PostgreSQL 9.0) to 1.16 (PostgreSQL 17 and 18).
const KNOWN: std::ops::RangeInclusive<(u8, u8)> = (1, 12)..=(1, 16);
/// More than this is no length of a text in a table of contents.
const LONGEST_TEXT: i64 = 256 * 1024 * 1024;
/// The archive's mark for an entry without data.
const NO_DATA: u8 = 3;

pub(super) fn read(source: &mut Source<'_>, depth: Depth) -> Result<Dump, BadDump> {
    let mut archive = Archive {
        source,
        int_size: 4,
        offset_size: 8,
        version: (1, 0),
    };
    archive.version = (archive.byte("the header")?, archive.byte("the header")?);
    archive.byte("the header")?;
    if !KNOWN.contains(&archive.version) {
        let (major, minor) = archive.version;
        return Err(damaged(format!(
            "archive format {major}.{minor} is not known"
        )));
    }
    archive.int_size = usize::from(archive.byte("the header")?);
    archive.offset_size = usize::from(archive.byte("the header")?);
    if !(1..=8).contains(&archive.int_size) || !(1..=8).contains(&archive.offset_size) {
        return Err(damaged("its header has impossible sizes".to_owned()));
    }
    if archive.byte("the header")? != 1 {
        return Err(damaged(
            "it is an archive, but not in the custom format".to_owned(),
        ));
    }
    let compression = if archive.version >= (1, 15) {
        Compression::of_number(archive.byte("the header")?)
    } else {
        Compression::of_level(archive.int("the header")?)
    };
    for _ in 0..7 {
        archive.int("the header")?;
    }
    archive.text("the header")?;
    let version = archive.text("the header")?;
    archive.text("the header")?;
    let count = archive.int("the header")?;
    if !(1..=10_000_000).contains(&count) {
        return Err(damaged(format!("a table of contents of {count} entries")));
    }
    let mut contents = archive.table_of_contents(count)?;
    let blocks = contents.awaited.len();
    let counting = (depth == Depth::Rows).then_some(compression);
    let amounts = archive.blocks(&mut contents, counting)?;
    let version = version
        .and_then(|text| String::from_utf8(text).ok())
        .and_then(|text| text.split_whitespace().next().map(str::to_owned));
    Ok(Dump {
        engine: Engine::Postgres,
        version,
        contents: contents.names,
        size: source.size,
        needs: contents.needs,
        amounts,
        checks: vec![
            format!("{count} entries in the table of contents"),
            format!("all {blocks} blocks of data whole"),
        ],
    })
}

fn damaged(why: String) -> BadDump {
    BadDump::Damaged {
        engine: Engine::Postgres,
        why,
    }
}

struct Archive<'a, 'b> {
    source: &'a mut Source<'b>,
    int_size: usize,
    offset_size: usize,
    version: (u8, u8),
}

impl Archive<'_, '_> {
    fn take<'t>(&mut self, to: &'t mut [u8], place: &'static str) -> Result<&'t [u8], BadDump> {
        let wanted = to.len();
        let read = self.source.fill(to)?;
        if read < wanted {
            let size = self.source.size;
            return Err(BadDump::Truncated {
                engine: Engine::Postgres,
                place,
                size,
            });
        }
        Ok(to)
    }

    fn byte(&mut self, place: &'static str) -> Result<u8, BadDump> {
        let mut byte = [0];
        self.take(&mut byte, place)?;
        Ok(byte[0])
    }

    /// A sign and `int_size` bytes, the lowest first.
    fn int(&mut self, place: &'static str) -> Result<i64, BadDump> {
        let is_negative = match self.byte(place)? {
            0 => false,
            1 => true,
            sign => return Err(damaged(format!("{sign} for a sign in {place}"))),
        };
        let mut bytes = [0; 8];
        let size = self.int_size;
        self.take(bytes.get_mut(..size).unwrap_or_default(), place)?;
        let value = i64::from_le_bytes(bytes);
        if value < 0 {
            return Err(damaged(format!("an impossible number in {place}")));
        }
        Ok(if is_negative { -value } else { value })
    }

    /// A text, or none.
    fn text(&mut self, place: &'static str) -> Result<Option<Vec<u8>>, BadDump> {
        let length = self.int(place)?;
        if length < 0 {
            return Ok(None);
        }
        let length = usize::try_from(length)
            .ok()
            .filter(|_| length <= LONGEST_TEXT)
            .ok_or_else(|| damaged(format!("a text of {length} bytes in {place}")))?;
        // A wrong length must not cost memory before the bytes are there.
        let mut text = Vec::new();
        let mut piece = [0; 4096];
        while text.len() < length {
            let next = (length - text.len()).min(piece.len());
            let read = self.take(piece.get_mut(..next).unwrap_or_default(), place)?;
            text.extend_from_slice(read);
        }
        Ok(Some(text))
    }

    /// All entries, and the ids of those whose data has to follow.
    fn table_of_contents(&mut self, count: i64) -> Result<Contents, BadDump> {
        const PLACE: &str = "the table of contents";
        let mut contents = Contents::default();
        for _ in 0..count {
            let id = self.int(PLACE)?;
            self.int(PLACE)?;
            self.text(PLACE)?;
            self.text(PLACE)?;
            let tag = self.text(PLACE)?.unwrap_or_default();
            let description = shown(self.text(PLACE)?);
            self.int(PLACE)?;
            let definition = shown(self.text(PLACE)?);
            self.text(PLACE)?;
            let copy = self.text(PLACE)?.unwrap_or_default();
            let namespace = self.text(PLACE)?.unwrap_or_default();
            self.text(PLACE)?;
            if self.version >= (1, 14) {
                self.text(PLACE)?;
            }
            if self.version >= (1, 16) {
                self.int(PLACE)?;
            }
            self.text(PLACE)?;
            self.text(PLACE)?;
            while self.text(PLACE)?.is_some() {}
            let state = self.byte(PLACE)?;
            let mut offset = [0; 8];
            let size = self.offset_size;
            self.take(offset.get_mut(..size).unwrap_or_default(), PLACE)?;
            let holds = holds(&description, &namespace, &tag, &copy);
            match state {
                1 | 2 => {
                    contents.awaited.insert(id, holds);
                }
                NO_DATA => {}
                other => return Err(damaged(format!("{other} for the state of an entry"))),
            }
            let (namespace, tag) = (shown(Some(namespace)), shown(Some(tag)));
            needs::add(&mut contents.needs, &description, &tag, &definition);
            contents
                .names
                .insert(format!("{description} {namespace} {tag}"));
        }
        Ok(contents)
    }

    /// All blocks up to the end of the file; each entry with data has exactly one. With a
    /// compression what they hold is counted.
    fn blocks(
        &mut self,
        contents: &mut Contents,
        counting: Option<Compression>,
    ) -> Result<Option<Amounts>, BadDump> {
        const PLACE: &str = "the data";
        let mut tables = BTreeMap::new();
        let mut unknown = None;
        loop {
            let mut kind = [0];
            if self.source.fill(&mut kind)? == 0 {
                break;
            }
            let id = self.int(PLACE)?;
            let Some(holds) = contents.awaited.remove(&id) else {
                return Err(damaged(format!(
                    "a block of data that belongs to no entry ({id})"
                )));
            };
            match kind[0] {
                1 => {
                    let rows = self.chunks(counting)?;
                    match (holds, rows) {
                        (_, None) | (Holds::Else, _) => {}
                        (Holds::Rows(table), Some(Ok(rows))) => {
                            let name = format!("TABLE {table}").replacen('.', " ", 1);
                            let mut amount = Amount::rows(rows);
                            // The table of an extension has data in the archive, but no definition.
                            amount.may_grow = !contents.names.contains(&name);
                            tables.insert(table, amount);
                        }
                        (Holds::Rows(_), Some(Err(why))) => unknown = Some(why),
                        (Holds::Uncountable(why), Some(_)) => unknown = Some(why.to_owned()),
                    }
                }
                // Large objects: each its number and its data, ended by the number 0.
                3 => {
                    let mut objects = 0;
                    while self.int(PLACE)? != 0 {
                        self.chunks(counting)?;
                        objects += 1;
                    }
                    if objects > 0 {
                        let sum: &mut Amount = tables.entry(Table::large_objects()).or_default();
                        sum.lasting += objects;
                    }
                }
                other => return Err(damaged(format!("a block of unknown kind {other}"))),
            }
        }
        if contents.awaited.is_empty() {
            return Ok(counting.map(|_| Amounts { tables, unknown }));
        }
        let size = self.source.size;
        Err(BadDump::Truncated {
            engine: Engine::Postgres,
            place: PLACE,
            size,
        })
    }

    /// Pieces of one block, ended by one without a length. Where it is to be counted: the rows, or
    /// why they cannot be.
    fn chunks(
        &mut self,
        counting: Option<Compression>,
    ) -> Result<Option<Result<u64, String>>, BadDump> {
        const PLACE: &str = "a block of data";
        let mut data = counting.map(|compression| (compression, Data::new(compression)));
        let mut piece = vec![0; 64 * 1024];
        loop {
            let length = self.int(PLACE)?;
            let Ok(mut left) = usize::try_from(length) else {
                return Err(damaged(format!("a piece of data of {length} bytes")));
            };
            if left == 0 {
                break;
            }
            while left > 0 {
                let next = left.min(piece.len());
                let read = self.take(piece.get_mut(..next).unwrap_or_default(), PLACE)?;
                if let Some((_, data)) = &mut data {
                    data.take(read).map_err(damaged)?;
                }
                left -= next;
            }
        }
        let Some((compression, data)) = data else {
            return Ok(None);
        };
        let rows = data.finish().map_err(damaged)?;
        Ok(Some(rows.ok_or_else(|| match compression {
            Compression::Other(name) => {
                format!("its data is compressed with {name}, which is not read here")
            }
            Compression::None | Compression::Zlib => String::new(),
        })))
    }
}

/// What a table of contents tells.
#[derive(Default)]
struct Contents {
    names: BTreeSet<String>,
    awaited: BTreeMap<i64, Holds>,
    needs: Needs,
}

/// What the data of an entry is.
enum Holds {
    Rows(Table),
    Uncountable(&'static str),
    Else,
}

fn holds(description: &str, namespace: &[u8], tag: &[u8], copy: &[u8]) -> Holds {
    if description != "TABLE DATA" {
        return Holds::Else;
    }
    if !copy.starts_with(b"COPY ") {
        return Holds::Uncountable("its rows are INSERT statements, which are not counted");
    }
    match (std::str::from_utf8(namespace), std::str::from_utf8(tag)) {
        (Ok(schema), Ok(name)) => Holds::Rows(Table::in_schema(schema, name)),
        _ => Holds::Uncountable("it has names of tables that are not UTF-8"),
    }
}

fn shown(text: Option<Vec<u8>>) -> String {
    String::from_utf8_lossy(&text.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{count, inspect};
    use super::*;

    fn int(value: i32) -> Vec<u8> {
        let mut bytes = vec![u8::from(value < 0)];
        bytes.extend(value.unsigned_abs().to_le_bytes());
        bytes
    }

    fn text(value: &str) -> Vec<u8> {
        [
            int(i32::try_from(value.len()).unwrap()),
            value.as_bytes().to_vec(),
        ]
        .concat()
    }

    /// An archive of format 1.14 with one table of two rows, not compressed.
    fn archive() -> Vec<u8> {
        let mut all = b"PGDMP\x01\x0e\x00\x04\x08\x01".to_vec();
        all.extend(int(0));
        for _ in 0..7 {
            all.extend(int(1));
        }
        all.extend([text("db"), text("15.9 (Debian)"), text("15.9"), int(2)].concat());
        for (id, kind, state) in [(7, "TABLE", 3), (8, "TABLE DATA", 1)] {
            all.extend(
                [
                    int(id),
                    int(0),
                    text("0"),
                    text("0"),
                    text("töne"),
                    text(kind),
                    int(2),
                ]
                .concat(),
            );
            all.extend(
                [
                    text(""),
                    text(""),
                    text("COPY public.töne FROM stdin;"),
                    text("public"),
                    text(""),
                    text("heap"),
                ]
                .concat(),
            );
            all.extend([text("me"), text("false"), int(-1)].concat());
            all.push(state);
            all.extend([0; 8]);
        }
        all.push(1);
        all.extend([int(8), int(10), b"1\ta\n2\tb\n\\.".to_vec()].concat());
        all.extend([int(3), b"\n\n\n".to_vec(), int(0)].concat());
        all
    }

    #[test]
    fn a_whole_archive_tells_its_version_and_contents() {
        let dump = inspect(&mut &archive()[..]).unwrap();
        assert_eq!(dump.engine, Engine::Postgres);
        assert_eq!(dump.version.as_deref(), Some("15.9"));
        assert!(dump.contents.contains("TABLE DATA public töne"), "{dump:?}");
        assert_eq!(dump.size, archive().len() as u64);
    }

    #[test]
    fn rows_are_counted_where_that_is_asked_for() {
        assert_eq!(inspect(&mut &archive()[..]).unwrap().amounts, None);
        let amounts = count(&mut &archive()[..]).unwrap().amounts.unwrap();
        let wanted = (Table::in_schema("public", "töne"), Amount::rows(2));
        assert_eq!(amounts.tables, [wanted].into());
        assert_eq!(amounts.unknown, None);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic_or_hang(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            noise in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut all = archive();
            for (at, byte) in changes {
                let at = at.index(all.len());
                all[at] = byte;
            }
            drop(count(&mut &all[..]));
            let begin = all.len().min(60);
            drop(count(&mut &[&all[..begin], &noise[..]].concat()[..]));
        }
    }

    #[test]
    fn every_truncation_is_found() {
        let all = archive();
        for end in 0..all.len() {
            assert!(inspect(&mut &all[..end]).is_err(), "cut at {end}");
            assert!(count(&mut &all[..end]).is_err(), "cut at {end}");
        }
        assert!(
            inspect(&mut &[all, vec![0]].concat()[..]).is_err(),
            "a byte too many"
        );
    }
}
