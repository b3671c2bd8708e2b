//! What the backups are made of: dumps of any size that are the same every time.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::rc::Rc;

use anyhow::Context as _;

use crate::program;

/// Bytes of a dump.
const DUMP: u64 = 1024 * 1024 * 1024;

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    fn index(&mut self, end: usize) -> anyhow::Result<usize> {
        Ok(usize::try_from(self.below(u64::try_from(end)?.max(1)))?)
    }
}

/// This project's own pages, as a database would hold them: in one line, without quotes.
fn documentation() -> anyhow::Result<String> {
    let top = program::repository()?;
    let mut pages = vec![top.join("README.md"), top.join("ARCHITECTURE.md")];
    for entry in fs::read_dir(top.join("docs"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    let mut text = String::new();
    for page in pages {
        text.push_str(&fs::read_to_string(page)?);
        text.push('\n');
    }
    text.retain(|c| c.is_ascii() && c != '\'' && c != '\\');
    Ok(text)
}

/// Sentences that nobody wrote, in which words are as frequent, and follow each other, as in a text
/// that somebody did. Words that are all equally frequent compress like no text does.
struct Prose<'t> {
    text: Vec<&'t str>,
    /// For each word of the text, all places of the same word.
    same: Vec<Rc<[usize]>>,
}

impl<'t> Prose<'t> {
    fn of(text: &'t str) -> Self {
        let text: Vec<&str> = text.split_whitespace().collect();
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, word) in text.iter().enumerate() {
            places.entry(word).or_default().push(place);
        }
        let places: HashMap<&str, Rc<[usize]>> = places
            .into_iter()
            .map(|(word, places)| (word, places.into()))
            .collect();
        let same = text
            .iter()
            .filter_map(|word| places.get(word).cloned())
            .collect();
        Self { text, same }
    }

    /// Writes 4 to 33 words.
    fn write(&self, to: &mut impl Write, numbers: &mut Numbers) -> anyhow::Result<()> {
        let mut place = numbers.index(self.text.len())?;
        for count in 0..numbers.below(30) + 4 {
            let word = self.text.get(place).context("a text without words")?;
            write!(to, "{}{word}", if count > 0 { " " } else { "" })?;
            // On with what follows the same word, somewhere.
            let same = self.same.get(place).context("a word that is nowhere")?;
            let there = same.get(numbers.index(same.len())?).copied();
            place = (there.unwrap_or_default() + 1) % self.text.len();
        }
        Ok(())
    }
}

/// A dump of so many bytes, as `mariadb-dump` writes it: numbers, prose, hashes, JSON.
pub fn write_sql(path: &Path) -> anyhow::Result<()> {
    let mut to = Counting(BufWriter::with_capacity(1 << 20, File::create(path)?), 0);
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let text = documentation()?;
    let prose = Prose::of(&text);
    writeln!(
        to,
        "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)\n--\n-- Host: localhost    Database: bench\n-- Server version\t10.11.6-MariaDB-0+deb12u1\n"
    )?;
    writeln!(
        to,
        "CREATE TABLE `orders` (\n  `id` bigint NOT NULL,\n  `hash` char(40),\n  `at` datetime,\n  `note` text,\n  `data` json\n);"
    )?;
    let mut id = 0;
    while to.1 < DUMP {
        write!(to, "INSERT INTO `orders` VALUES ")?;
        for row in 0..200 {
            id += 1;
            if row > 0 {
                write!(to, ",")?;
            }
            let (a, b, c) = (numbers.next(), numbers.next(), numbers.next());
            write!(
                to,
                "({id},'{a:016x}{b:016x}{:08x}','2026-{:02}-{:02} {:02}:{:02}:{:02}','",
                c >> 32,
                numbers.below(12) + 1,
                numbers.below(28) + 1,
                numbers.below(24),
                numbers.below(60),
                numbers.below(60)
            )?;
            prose.write(&mut to, &mut numbers)?;
            write!(
                to,
                "','{{\\\"total\\\": {}.{:02}, \\\"items\\\": {}, \\\"express\\\": {}}}')",
                numbers.below(900),
                numbers.below(100),
                numbers.below(9) + 1,
                numbers.below(2) == 1
            )?;
        }
        writeln!(to, ";")?;
    }
    writeln!(to, "\n-- Dump completed on 2026-11-25 02:00:00")?;
    to.0.flush()?;
    Ok(())
}

/// Counts the bytes that pass.
struct Counting<W>(W, u64);

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.0.write(bytes)?;
        self.1 += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

fn int(value: i32) -> Vec<u8> {
    let mut bytes = vec![u8::from(value < 0)];
    bytes.extend(value.unsigned_abs().to_le_bytes());
    bytes
}

fn text(value: &str) -> anyhow::Result<Vec<u8>> {
    Ok([int(i32::try_from(value.len())?), value.as_bytes().to_vec()].concat())
}

/// An archive of `pg_dump -Fc`, format 1.14, with one table whose data does not compress any further.
pub fn write_archive(path: &Path) -> anyhow::Result<()> {
    const PIECE: usize = 16 * 1024;
    let mut to = BufWriter::with_capacity(1 << 20, File::create(path)?);
    to.write_all(b"PGDMP\x01\x0e\x00\x04\x08\x01")?;
    to.write_all(&int(-1))?;
    for _ in 0..7 {
        to.write_all(&int(1))?;
    }
    to.write_all(&[text("db")?, text("15.9")?, text("15.9")?, int(1)].concat())?;
    to.write_all(
        &[
            int(8),
            int(0),
            text("0")?,
            text("0")?,
            text("t")?,
            text("TABLE DATA")?,
            int(2),
        ]
        .concat(),
    )?;
    to.write_all(
        &[
            text("")?,
            text("")?,
            text("COPY public.t FROM stdin;")?,
            text("public")?,
            text("")?,
            text("heap")?,
        ]
        .concat(),
    )?;
    to.write_all(&[text("me")?, text("false")?, int(-1)].concat())?;
    to.write_all(&[1, 0, 0, 0, 0, 0, 0, 0, 0])?;
    to.write_all(&[1])?;
    to.write_all(&int(8))?;
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    let mut piece = Vec::with_capacity(PIECE);
    for _ in 0..DUMP / PIECE as u64 {
        piece.clear();
        while piece.len() < PIECE {
            piece.extend(numbers.next().to_le_bytes());
        }
        to.write_all(&int(i32::try_from(piece.len())?))?;
        to.write_all(&piece)?;
    }
    to.write_all(&int(0))?;
    to.flush()?;
    Ok(())
}
