use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::{super::inspect, *};

/// A field of a document: its name, the number of its type, and its value's bytes.
type Field<'a> = (&'a str, u8, Vec<u8>);

fn text(value: &str) -> Vec<u8> {
    let mut bytes = i32::try_from(value.len() + 1)
        .unwrap()
        .to_le_bytes()
        .to_vec();
    bytes.extend(value.as_bytes());
    bytes.push(0);
    bytes
}

fn document(fields: &[Field<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, kind, value) in fields {
        body.push(*kind);
        body.extend(name.as_bytes());
        body.push(0);
        body.extend(value);
    }
    body.push(0);
    let mut all = i32::try_from(body.len() + 4)
        .unwrap()
        .to_le_bytes()
        .to_vec();
    all.extend(body);
    all
}

fn header(collection: &str, end: Option<u64>) -> Vec<u8> {
    document(&[
        ("db", 2, text("shop")),
        ("collection", 2, text(collection)),
        ("EOF", 8, vec![u8::from(end.is_some())]),
        ("CRC", 18, end.unwrap_or(0).to_le_bytes().to_vec()),
    ])
}

/// Two orders in two blocks with an empty collection between them.
fn archive() -> Vec<u8> {
    let orders: Vec<Vec<u8>> = (0_u32..2)
        .map(|number| document(&[("_id", 16, number.to_le_bytes().to_vec())]))
        .collect();
    let mut sum = Crc64::ecma();
    for order in &orders {
        sum.update(order);
    }
    let mut all = MAGIC.to_vec();
    all.extend(document(&[
        ("concurrent_collections", 16, 4_i32.to_le_bytes().to_vec()),
        ("version", 2, text("0.1")),
        ("server_version", 2, text("7.0.14")),
        ("tool_version", 2, text("100.10.0")),
    ]));
    for (name, metadata, kind) in [
        ("orders", "{}", "collection"),
        ("empty", "{}", ""),
        ("recent", "{}", "view"),
        ("old-view", r#"{"options":{"viewOn":"orders"}}"#, ""),
    ] {
        all.extend(document(&[
            ("db", 2, text("shop")),
            ("collection", 2, text(name)),
            ("metadata", 2, text(metadata)),
            ("type", 2, text(kind)),
        ]));
    }
    all.extend(TERMINATOR);
    let mut block = |parts: &[&[u8]]| {
        for part in parts {
            all.extend(*part);
        }
        all.extend(TERMINATOR);
    };
    block(&[&header("orders", None), &orders[0]]);
    block(&[&header("empty", Some(0))]);
    block(&[&header("orders", None), &orders[1]]);
    block(&[&header("orders", Some(sum.value()))]);
    all
}

fn compressed(raw: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(raw).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn an_archive_is_read_to_its_end_compressed_or_not() {
    for raw in [archive(), compressed(&archive())] {
        let dump = inspect(&mut raw.as_slice()).unwrap();
        assert_eq!((dump.engine, dump.size), (Engine::Mongo, raw.len() as u64));
        assert_eq!(dump.version.as_deref(), Some("7.0.14"));
        let amounts: Vec<_> = dump
            .amounts
            .unwrap()
            .tables
            .into_iter()
            .map(|(table, amount)| (table.to_string(), amount.lasting))
            .collect();
        assert_eq!(
            amounts,
            [("shop.empty".to_owned(), 0), ("shop.orders".to_owned(), 2)]
        );
    }
}

#[test]
fn every_lost_end_is_found() {
    let raw = archive();
    for kept in 5..raw.len() {
        let cut = inspect(&mut &raw[..kept]);
        assert!(
            matches!(cut, Err(BadDump::Truncated { .. })),
            "{kept}: {cut:?}"
        );
    }
    let packed = compressed(&raw);
    for kept in 5..packed.len() {
        assert!(inspect(&mut &packed[..kept]).is_err(), "{kept}");
    }
}

#[test]
fn every_changed_byte_of_a_compressed_archive_is_found() {
    let packed = compressed(&archive());
    for at in 0..packed.len() {
        let mut bad = packed.clone();
        bad[at] ^= 0x10;
        // The time in gzip's own header and the bits that fill its last byte mean nothing.
        let mut unpacked = Vec::new();
        let is_same = MultiGzDecoder::new(bad.as_slice())
            .read_to_end(&mut unpacked)
            .is_ok_and(|_| unpacked == archive());
        assert_eq!(inspect(&mut bad.as_slice()).is_err(), !is_same, "byte {at}");
    }
}

#[test]
fn a_changed_document_does_not_match_the_checksum() {
    let mut raw = archive();
    let at = raw.windows(4).position(|four| four == b"_id\0").unwrap() + 4;
    raw[at] ^= 1;
    let error = inspect(&mut raw.as_slice()).unwrap_err().to_string();
    assert!(error.contains("checksum of a collection"), "{error}");
}

#[test]
fn other_things_in_gzip_are_no_dump() {
    assert!(matches!(
        inspect(&mut compressed(b"PGDMP, but packed").as_slice()),
        Err(BadDump::Unknown)
    ));
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(tail in prop::collection::vec(any::<u8>(), 0..300), at in 0_usize..600) {
        let mut raw = archive();
        raw.truncate(at);
        raw.extend(&tail);
        let mut from: Vec<u8> = MAGIC.to_vec();
        from.extend(&tail);
        let _ = inspect(&mut from.as_slice());
        let _ = inspect(&mut raw.as_slice());
    }
}
