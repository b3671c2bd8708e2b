//! PostgreSQL's custom format (`pg_dump -Fc`), read as `pg_restore` reads it: header, table of
//! contents, then one block of data for each entry that has data.

use std::collections::BTreeSet;

use super::{BadDump, Dump, Engine, Source};

/// The archive formats that are known: 1.12 (PostgreSQL 9.0) to 1.16 (PostgreSQL 17 and 18).
const KNOWN: std::ops::RangeInclusive<(u8, u8)> = (1, 12)..=(1, 16);
/// More than this is no length of a text in a table of contents.
const LONGEST_TEXT: i64 = 256 * 1024 * 1024;
/// The archive's mark for an entry without data.
const NO_DATA: u8 = 3;

pub(super) fn inspect(source: &mut Source<'_>) -> Result<Dump, BadDump> {
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
    if archive.version >= (1, 15) {
        archive.byte("the header")?;
    } else {
        archive.int("the header")?;
    }
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
    let (contents, mut awaited) = archive.table_of_contents(count)?;
    let blocks = awaited.len();
    archive.blocks(&mut awaited)?;
    let version = version
        .and_then(|text| String::from_utf8(text).ok())
        .and_then(|text| text.split_whitespace().next().map(str::to_owned));
    Ok(Dump {
        engine: Engine::Postgres,
        version,
        contents,
        size: source.size,
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

    /// The names of all entries, and the ids of those whose data has to follow.
    fn table_of_contents(
        &mut self,
        count: i64,
    ) -> Result<(BTreeSet<String>, BTreeSet<i64>), BadDump> {
        const PLACE: &str = "the table of contents";
        let mut contents = BTreeSet::new();
        let mut awaited = BTreeSet::new();
        for _ in 0..count {
            let id = self.int(PLACE)?;
            self.int(PLACE)?;
            self.text(PLACE)?;
            self.text(PLACE)?;
            let tag = shown(self.text(PLACE)?);
            let description = shown(self.text(PLACE)?);
            self.int(PLACE)?;
            for _ in 0..3 {
                self.text(PLACE)?;
            }
            let namespace = shown(self.text(PLACE)?);
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
            match state {
                1 | 2 => {
                    awaited.insert(id);
                }
                NO_DATA => {}
                other => return Err(damaged(format!("{other} for the state of an entry"))),
            }
            contents.insert(format!("{description} {namespace} {tag}"));
        }
        Ok((contents, awaited))
    }

    /// All blocks up to the end of the file; each entry with data has exactly one.
    fn blocks(&mut self, awaited: &mut BTreeSet<i64>) -> Result<(), BadDump> {
        const PLACE: &str = "the data";
        loop {
            let mut kind = [0];
            if self.source.fill(&mut kind)? == 0 {
                break;
            }
            let id = self.int(PLACE)?;
            if !awaited.remove(&id) {
                return Err(damaged(format!(
                    "a block of data that belongs to no entry ({id})"
                )));
            }
            match kind[0] {
                1 => self.chunks()?,
                // Large objects: each its number and its data, ended by the number 0.
                3 => {
                    while self.int(PLACE)? != 0 {
                        self.chunks()?;
                    }
                }
                other => return Err(damaged(format!("a block of unknown kind {other}"))),
            }
        }
        if awaited.is_empty() {
            return Ok(());
        }
        let size = self.source.size;
        Err(BadDump::Truncated {
            engine: Engine::Postgres,
            place: PLACE,
            size,
        })
    }

    /// Pieces of one block, ended by one without a length.
    fn chunks(&mut self) -> Result<(), BadDump> {
        const PLACE: &str = "a block of data";
        let mut piece = vec![0; 64 * 1024];
        loop {
            let length = self.int(PLACE)?;
            let Ok(mut left) = usize::try_from(length) else {
                return Err(damaged(format!("a piece of data of {length} bytes")));
            };
            if left == 0 {
                return Ok(());
            }
            while left > 0 {
                let next = left.min(piece.len());
                self.take(piece.get_mut(..next).unwrap_or_default(), PLACE)?;
                left -= next;
            }
        }
    }
}

fn shown(text: Option<Vec<u8>>) -> String {
    String::from_utf8_lossy(&text.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::inspect;
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

    /// An archive of format 1.14 with one table and its data.
    fn archive() -> Vec<u8> {
        let mut all = b"PGDMP\x01\x0e\x00\x04\x08\x01".to_vec();
        for _ in 0..8 {
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
                    text(""),
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
        all.extend([int(8), int(3), b"abc".to_vec(), int(0)].concat());
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
    fn every_truncation_is_found() {
        let all = archive();
        for end in 0..all.len() {
            assert!(inspect(&mut &all[..end]).is_err(), "cut at {end}");
        }
        assert!(
            inspect(&mut &[all, vec![0]].concat()[..]).is_err(),
            "a byte too many"
        );
    }
}
