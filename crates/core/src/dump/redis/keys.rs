//! The keys of an RDB file, database by database: marks and values are walked over, not decoded.
//!
//! The format is that of `rdb.h` and `rdb.c` in Redis' source, up to Redis 8.

use std::collections::BTreeMap;

use super::{
    checksum::{END_MARK, Summed},
    damaged,
};
use crate::dump::{Amount, Amounts, BadDump, Table};

const PLACE: &str = "the data";
/// The kinds of values that are known: not 6 and 8, 22 and 23, which no release of Redis writes.
const VALUES: [u8; 22] = [
    0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 24, 25,
];
/// Longer values of fields at the beginning are not looked at.
const LONGEST_FIELD: u64 = 64;

/// What was found so far.
#[derive(Default)]
pub(super) struct Keys {
    databases: BTreeMap<u64, Amount>,
    /// The server's version, from the field `redis-ver`.
    pub(super) version: Option<String>,
    unknown: Option<String>,
}

impl Keys {
    /// Walks to the end mark, which is read too; `None`: something came that is not known here.
    pub(super) fn walk(&mut self, from: &mut Summed<'_, '_>) -> Result<Option<()>, BadDump> {
        let mut database = 0;
        let mut expires = false;
        loop {
            let mark = byte(from)?;
            match mark {
                END_MARK => return Ok(Some(())),
                // SELECTDB
                0xfe => database = length(from)?,
                // EXPIRETIME in seconds, EXPIRETIME_MS
                0xfd | 0xfc => {
                    from.skip(if mark == 0xfd { 4 } else { 8 }, PLACE)?;
                    expires = true;
                }
                // RESIZEDB, a hint
                0xfb => {
                    length(from)?;
                    length(from)?;
                }
                0xfa => self.field(from)?,
                // FREQ, IDLE
                0xf9 => from.skip(1, PLACE)?,
                0xf8 => {
                    length(from)?;
                }
                // MODULE_AUX: module, when, values
                0xf7 => {
                    length(from)?;
                    length(from)?;
                    length(from)?;
                    module(from)?;
                }
                // FUNCTION2
                0xf5 => skip_text(from)?,
                // SLOT_INFO of a cluster
                0xf4 => {
                    for _ in 0..3 {
                        length(from)?;
                    }
                }
                kind if !(VALUES.contains(&kind)) => {
                    self.unknown = Some(format!(
                        "it holds something of a kind that is not known here ({kind})"
                    ));
                    return Ok(None);
                }
                kind => {
                    skip_text(from)?;
                    value(kind, from)?;
                    let sum = self.databases.entry(database).or_default();
                    if std::mem::take(&mut expires) {
                        sum.passing += 1;
                    } else {
                        sum.lasting += 1;
                    }
                }
            }
        }
    }

    fn field(&mut self, from: &mut Summed<'_, '_>) -> Result<(), BadDump> {
        let key = short_text(from)?;
        let value = short_text(from)?;
        if key.as_deref() == Some(b"redis-ver") {
            self.version = value.and_then(|text| String::from_utf8(text).ok());
        }
        Ok(())
    }

    pub(super) fn amounts(self) -> Amounts {
        Amounts {
            tables: self
                .databases
                .into_iter()
                .map(|(number, amount)| (Table::database(number), amount))
                .collect(),
            unknown: self.unknown,
        }
    }
}

fn byte(from: &mut Summed<'_, '_>) -> Result<u8, BadDump> {
    let mut byte = [0];
    from.take(&mut byte, PLACE)?;
    Ok(byte[0])
}

/// A length, or how a text is encoded.
enum Length {
    Plain(u64),
    Encoded(u8),
}

fn any_length(from: &mut Summed<'_, '_>) -> Result<Length, BadDump> {
    let first = byte(from)?;
    let low = u64::from(first & 0x3f);
    Ok(match first >> 6 {
        0 => Length::Plain(low),
        1 => Length::Plain((low << 8) | u64::from(byte(from)?)),
        2 if first == 0x80 => {
            let mut bytes = [0; 4];
            from.take(&mut bytes, PLACE)?;
            Length::Plain(u64::from(u32::from_be_bytes(bytes)))
        }
        2 if first == 0x81 => {
            let mut bytes = [0; 8];
            from.take(&mut bytes, PLACE)?;
            Length::Plain(u64::from_be_bytes(bytes))
        }
        2 => return Err(damaged("a length that cannot be")),
        _ => Length::Encoded(first & 0x3f),
    })
}

fn length(from: &mut Summed<'_, '_>) -> Result<u64, BadDump> {
    match any_length(from)? {
        Length::Plain(length) => Ok(length),
        Length::Encoded(_) => Err(damaged("a text where a length has to be")),
    }
}

/// The bytes that a text takes in the file.
fn text_length(from: &mut Summed<'_, '_>) -> Result<u64, BadDump> {
    match any_length(from)? {
        Length::Plain(length) => Ok(length),
        // Numbers of 1, 2 and 4 bytes.
        Length::Encoded(number @ 0..=2) => Ok(1 << number),
        // LZF: its length, and what it becomes.
        Length::Encoded(3) => {
            let packed = length(from)?;
            length(from)?;
            Ok(packed)
        }
        Length::Encoded(_) => Err(damaged("a text of a kind that cannot be")),
    }
}

fn skip_text(from: &mut Summed<'_, '_>) -> Result<(), BadDump> {
    let length = text_length(from)?;
    from.skip(length, PLACE)
}

/// A text as it stands in the file, if it is short.
fn short_text(from: &mut Summed<'_, '_>) -> Result<Option<Vec<u8>>, BadDump> {
    let length = text_length(from)?;
    if length > LONGEST_FIELD {
        from.skip(length, PLACE)?;
        return Ok(None);
    }
    let mut text = vec![0; usize::try_from(length).unwrap_or_default()];
    from.take(&mut text, PLACE)?;
    Ok(Some(text))
}

fn repeat(
    from: &mut Summed<'_, '_>,
    mut each: impl FnMut(&mut Summed<'_, '_>) -> Result<(), BadDump>,
) -> Result<(), BadDump> {
    // Each takes at least a byte, so that a wrong number ends with the file.
    for _ in 0..length(from)? {
        each(from)?;
    }
    Ok(())
}

/// Walks over a value of one of the kinds that are known.
fn value(kind: u8, from: &mut Summed<'_, '_>) -> Result<(), BadDump> {
    match kind {
        // Lists and sets of strings; quicklists of ziplists.
        1 | 2 | 14 => repeat(from, skip_text)?,
        // Sorted sets, their scores as texts.
        3 => repeat(from, |from| {
            skip_text(from)?;
            match byte(from)? {
                253..=255 => Ok(()),
                length => from.skip(u64::from(length), PLACE),
            }
        })?,
        4 => repeat(from, |from| {
            skip_text(from)?;
            skip_text(from)
        })?,
        // Sorted sets, their scores as numbers.
        5 => repeat(from, |from| {
            skip_text(from)?;
            from.skip(8, PLACE)
        })?,
        7 => {
            length(from)?;
            module(from)?;
        }
        // Quicklists since Redis 7: how each node is packed, and the node.
        18 => repeat(from, |from| {
            length(from)?;
            skip_text(from)
        })?,
        15 | 19 | 21 => stream(kind, from)?,
        // Hashes whose fields expire.
        24 => {
            from.skip(8, PLACE)?;
            repeat(from, |from| {
                length(from)?;
                skip_text(from)?;
                skip_text(from)
            })?;
        }
        25 => {
            from.skip(8, PLACE)?;
            skip_text(from)?;
        }
        // A string; what is packed into one text: ziplists, listpacks and the like.
        _ => skip_text(from)?,
    }
    Ok(())
}

fn stream(kind: u8, from: &mut Summed<'_, '_>) -> Result<(), BadDump> {
    repeat(from, |from| {
        skip_text(from)?;
        skip_text(from)
    })?;
    // Its number of entries, its last id; since the second form the first id, the highest
    // deleted one and the number of entries ever added.
    for _ in 0..if kind >= 19 { 8 } else { 3 } {
        length(from)?;
    }
    repeat(from, |from| {
        skip_text(from)?;
        for _ in 0..if kind >= 19 { 3 } else { 2 } {
            length(from)?;
        }
        // Entries that were delivered: id, time, how often.
        repeat(from, |from| {
            from.skip(24, PLACE)?;
            length(from).map(drop)
        })?;
        repeat(from, |from| {
            skip_text(from)?;
            from.skip(if kind >= 21 { 16 } else { 8 }, PLACE)?;
            repeat(from, |from| from.skip(16, PLACE))
        })
    })
}

/// What a module wrote, in pieces that tell their kind.
fn module(from: &mut Summed<'_, '_>) -> Result<(), BadDump> {
    loop {
        match length(from)? {
            0 => return Ok(()),
            1 | 2 => {
                length(from)?;
            }
            3 => from.skip(4, PLACE)?,
            4 => from.skip(8, PLACE)?,
            5 => skip_text(from)?,
            _ => return Err(damaged("a piece of a module that cannot be")),
        }
    }
}
