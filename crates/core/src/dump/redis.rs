//! Redis' RDB, read key by key: its header, its end mark and its checksum over everything before.

mod checksum;
mod keys;

use std::collections::BTreeSet;

use self::{checksum::Summed, keys::Keys};
use super::{BadDump, Dump, Engine, Needs, Source};

pub(super) fn read(source: &mut Source<'_>) -> Result<Dump, BadDump> {
    let mut from = Summed::new(source, b"REDIS");
    let mut format = [0; 4];
    from.take(&mut format, "the header")?;
    if !format.iter().all(u8::is_ascii_digit) {
        return Err(damaged("its header has no version"));
    }
    let mut keys = Keys::default();
    if keys.walk(&mut from)?.is_none() {
        // What is behind a thing that is not known here has no structure to go by.
        from.pass_to_end_mark()?;
    }
    let computed = from.sum();
    let mut stored = [0; 8];
    from.take(&mut stored, "the checksum")?;
    from.end()?;
    let checked = match u64::from_le_bytes(stored) {
        0 => "end mark (the server writes no checksums)",
        stored if stored == computed => "end mark and checksum",
        _ => return Err(damaged("its checksum does not match its content")),
    };
    let version = keys.version.take();
    Ok(Dump {
        engine: Engine::Redis,
        version,
        contents: BTreeSet::new(),
        size: source.size,
        checks: vec![checked.to_owned()],
        amounts: Some(keys.amounts()),
        needs: Needs::default(),
    })
}

fn damaged(why: &str) -> BadDump {
    BadDump::Damaged {
        engine: Engine::Redis,
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::inspect, *};
    use crate::dump::{Amount, Table};

    fn sealed(mut all: Vec<u8>, has_checksum: bool) -> Vec<u8> {
        let sum = if has_checksum { checksum::of(&all) } else { 0 };
        all.extend(sum.to_le_bytes());
        all
    }

    /// Three keys in two databases, one of which expires.
    fn dump(has_checksum: bool) -> Vec<u8> {
        let mut all = b"REDIS0011\xfa\x09redis-ver\x057.0.1\xfa\x04bits\xc0\x40".to_vec();
        all.extend(b"\xfe\x00\xfb\x02\x01\x00\x01a\x01b");
        all.extend(b"\xfc\x01\x02\x03\x04\x05\x06\x07\x08\x04\x01h\x01\x01f\xc3\x03\x05\0xy");
        all.extend(b"\xfe\x07\x12\x01l\x01\x02\x03xyz\xff");
        sealed(all, has_checksum)
    }

    #[test]
    fn a_whole_dump_tells_its_keys_with_and_without_checksum() {
        for has_checksum in [true, false] {
            let read = inspect(&mut &dump(has_checksum)[..]).unwrap();
            assert_eq!(
                (read.engine, read.version.as_deref()),
                (Engine::Redis, Some("7.0.1"))
            );
            let first = Amount {
                lasting: 1,
                passing: 1,
                may_grow: false,
            };
            let amounts = read.amounts.unwrap();
            assert_eq!(
                amounts.tables,
                [
                    (Table::database(0), first),
                    (Table::database(7), Amount::rows(1))
                ]
                .into()
            );
            assert_eq!(amounts.unknown, None);
        }
    }

    #[test]
    fn what_is_not_known_is_whole_and_not_counted() {
        let all = b"REDIS0099\xfe\x00\x00\x01a\x01b\x7bsomething new \xff inside\xff".to_vec();
        let all = sealed(all, true);
        let read = inspect(&mut &all[..]).unwrap();
        assert!(read.amounts.unwrap().unknown.is_some());
        for end in 0..all.len() {
            assert!(inspect(&mut &all[..end]).is_err(), "cut at {end}");
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
        assert!(inspect(&mut &[&all[..], &[0]].concat()[..]).is_err());
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic_or_hang(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            noise in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut all = dump(true);
            for (at, byte) in changes {
                let at = at.index(all.len());
                all[at] = byte;
            }
            drop(inspect(&mut &all[..]));
            drop(inspect(&mut &[b"REDIS0011", &noise[..]].concat()[..]));
        }
    }
}
