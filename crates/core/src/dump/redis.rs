//! Redis' RDB: its magic and version, its end mark and its checksum over everything before.

use std::collections::BTreeSet;

use super::{BadDump, Dump, Engine, Source};

/// The end mark and the checksum behind it.
const END: usize = 9;
const EOF: u8 = 0xff;

pub(super) fn inspect(source: &mut Source<'_>) -> Result<Dump, BadDump> {
    let table = table();
    let mut crc = update(&table, 0, b"REDIS");
    let mut beginning = Vec::new();
    // What could still be the end is not part of the checksum yet.
    let mut held: Vec<u8> = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = source.fill(&mut piece)?;
        let new = piece.get(..read).unwrap_or_default();
        if beginning.len() < 256 {
            beginning.extend_from_slice(new.get(..read.min(256)).unwrap_or_default());
        }
        held.extend_from_slice(new);
        let done = held.len().saturating_sub(END);
        crc = update(&table, crc, held.get(..done).unwrap_or_default());
        held.drain(..done);
        if read < piece.len() {
            break;
        }
    }
    let truncated = |place| BadDump::Truncated {
        engine: Engine::Redis,
        place,
        size: source.size,
    };
    let damaged = |why: &str| BadDump::Damaged {
        engine: Engine::Redis,
        why: why.to_owned(),
    };
    let format = beginning.get(..4).ok_or_else(|| truncated("the header"))?;
    if !format.iter().all(u8::is_ascii_digit) {
        return Err(damaged("its header has no version"));
    }
    let (Some(&mark), Some(stored)) = (held.first(), held.last_chunk::<8>()) else {
        return Err(truncated("the data"));
    };
    if held.len() < END || mark != EOF {
        return Err(truncated("the data"));
    }
    let stored = u64::from_le_bytes(*stored);
    let checked = if stored == 0 {
        "end mark (the server writes no checksums)"
    } else if update(&table, crc, &[mark]) == stored {
        "end mark and checksum"
    } else {
        return Err(damaged("its checksum does not match its content"));
    };
    Ok(Dump {
        engine: Engine::Redis,
        version: version(&beginning),
        contents: BTreeSet::new(),
        size: source.size,
        checks: vec![checked.to_owned()],
    })
}

/// The value of the field `redis-ver`, which stands at the beginning.
fn version(beginning: &[u8]) -> Option<String> {
    let key = b"redis-ver";
    let at = beginning
        .windows(key.len())
        .position(|window| window == key)?;
    let (&length, rest) = beginning.get(at + key.len()..)?.split_first()?;
    let value = rest.get(..usize::from(length).min(64))?;
    String::from_utf8(value.to_vec()).ok()
}

/// CRC-64 with the polynomial that Redis uses (Jones), bits reflected.
fn table() -> Vec<u64> {
    const REFLECTED: u64 = 0x95ac_9329_ac4b_c9b5;
    (0..256_u64)
        .map(|byte| {
            (0..8).fold(byte, |crc, _| {
                if crc & 1 == 1 {
                    (crc >> 1) ^ REFLECTED
                } else {
                    crc >> 1
                }
            })
        })
        .collect()
}

fn update(table: &[u64], crc: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(crc, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        let found = table
            .get(usize::from(low ^ byte))
            .copied()
            .unwrap_or_default();
        found ^ (crc >> 8)
    })
}

#[cfg(test)]
mod tests {
    use super::super::inspect;
    use super::*;

    fn dump(checksum: bool) -> Vec<u8> {
        let mut all = b"REDIS0011\xfa\x09redis-ver\x057.0.1\xfe\x00\x00\x01a\x01b\xff".to_vec();
        let crc = if checksum {
            update(&table(), 0, &all)
        } else {
            0
        };
        all.extend(crc.to_le_bytes());
        all
    }

    #[test]
    fn the_checksum_is_the_one_of_redis() {
        assert_eq!(update(&table(), 0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn a_whole_dump_is_known_with_and_without_checksum() {
        for checksum in [true, false] {
            let read = inspect(&mut &dump(checksum)[..]).unwrap();
            assert_eq!(
                (read.engine, read.version.as_deref()),
                (Engine::Redis, Some("7.0.1"))
            );
        }
    }

    #[test]
    fn every_truncation_and_every_changed_byte_is_found() {
        let all = dump(true);
        for at in 0..all.len() {
            assert!(inspect(&mut &all[..at]).is_err(), "cut at {at}");
            let mut changed = all.clone();
            changed[at] ^= 0x20;
            assert!(inspect(&mut &changed[..]).is_err(), "changed at {at}");
        }
    }
}
