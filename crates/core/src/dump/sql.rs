//! SQL as `mysqldump` and `mariadb-dump` write it: comments that name the server at the beginning,
//! statements, and a line at the end that says that the dump is complete.

mod statements;

use std::collections::BTreeSet;

use self::statements::Statements;
use super::{Amount, Amounts, BadDump, Depth, Dump, Engine, Needs, Source, Table};

/// Lines are only looked at up to here: those that matter are short.
const LONGEST: usize = 1024;
/// The server is named in the first lines.
const HEAD: usize = 20;

/// Whether an SQL dump can begin so.
pub(super) fn may_begin(head: &[u8]) -> bool {
    ["-- My", "-- Ma", "/*!99", "/*M!9"]
        .iter()
        .any(|begin| head == begin.as_bytes())
}

pub(super) fn read(head: &[u8], source: &mut Source<'_>, depth: Depth) -> Result<Dump, BadDump> {
    let mut reading = Reading {
        statements: (depth == Depth::Rows).then(Statements::default),
        ..Reading::default()
    };
    reading.take(head);
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = source.fill(&mut piece)?;
        reading.take(piece.get(..read).unwrap_or_default());
        if read < piece.len() {
            break;
        }
    }
    reading.finish(source.size)
}

#[derive(Default)]
struct Reading {
    line: Vec<u8>,
    lines: usize,
    /// The last line that is not empty, and whether its end has been seen.
    last: Vec<u8>,
    has_end: bool,
    engine: Option<Engine>,
    version: Option<String>,
    contents: BTreeSet<String>,
    statements: Option<Statements>,
}

impl Reading {
    fn take(&mut self, mut bytes: &[u8]) {
        if let Some(statements) = &mut self.statements {
            statements.take(bytes);
        }
        while !bytes.is_empty() {
            let end = memchr::memchr(b'\n', bytes);
            let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
            let space = LONGEST.saturating_sub(self.line.len()).min(part.len());
            self.line
                .extend_from_slice(part.get(..space).unwrap_or_default());
            let Some(end) = end else {
                return;
            };
            bytes = bytes.get(end + 1..).unwrap_or_default();
            self.end_line(true);
        }
    }

    fn end_line(&mut self, has_end: bool) {
        let bytes = std::mem::take(&mut self.line);
        if bytes.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&bytes);
        if self.lines < HEAD {
            self.lines += 1;
            if text.starts_with("-- MariaDB dump") || text.contains("-MariaDB") {
                self.engine = Some(Engine::Mariadb);
            } else if text.starts_with("-- MySQL dump") && self.engine.is_none() {
                self.engine = Some(Engine::Mysql);
            }
            if let Some(version) = text.strip_prefix("-- Server version") {
                self.version = version.split_whitespace().next().map(str::to_owned);
            }
        }
        if let Some(rest) = text.strip_prefix("CREATE TABLE ") {
            self.contents.insert(format!("TABLE {}", name(rest)));
        } else if let Some((_, rest)) = text.split_once(" VIEW ")
            && text.starts_with("/*!")
        {
            self.contents.insert(format!("VIEW {}", name(rest)));
        }
        self.last = bytes;
        self.has_end = has_end;
    }

    fn finish(mut self, size: u64) -> Result<Dump, BadDump> {
        if !self.line.is_empty() {
            self.end_line(false);
        }
        let engine = self.engine.ok_or(BadDump::Unknown)?;
        if !(self.last.starts_with(b"-- Dump completed") && self.has_end) {
            return Err(BadDump::Truncated {
                engine,
                place: "the statements",
                size,
            });
        }
        Ok(Dump {
            engine,
            version: self.version,
            contents: self.contents,
            size,
            checks: vec!["the line that says that the dump is complete".to_owned()],
            amounts: self.statements.map(amounts),
            needs: Needs::default(),
        })
    }
}

fn amounts(statements: Statements) -> Amounts {
    let unknown = if statements.is_between_statements() {
        statements.uncounted
    } else {
        Some("it ends inside of a statement as far as this program understands it".to_owned())
    };
    let tables = statements
        .rows
        .into_iter()
        .map(|(table, rows)| (Table::plain(table), Amount::rows(rows)))
        .collect();
    Amounts { tables, unknown }
}

/// The name at the beginning of `rest`, without its quotes.
fn name(rest: &str) -> String {
    let rest = rest.strip_prefix("IF NOT EXISTS ").unwrap_or(rest);
    match rest.strip_prefix('`') {
        Some(quoted) => quoted.split('`').next().unwrap_or_default().to_owned(),
        None => rest.split([' ', '(']).next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{count, inspect};
    use super::*;

    const DUMP: &str = "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian\n--\n-- Host: localhost\n-- Server version\t10.11.6-MariaDB-0\n\nCREATE TABLE `töne` (\n  `id` int\n);\nINSERT INTO `töne` VALUES (1);\n/*!50001 VIEW `all` AS select 1 */;\n-- Dump completed on 2026-11-23 10:00:00\n";

    #[test]
    fn a_complete_dump_names_its_server_and_tables() {
        let dump = inspect(&mut DUMP.as_bytes()).unwrap();
        assert_eq!(dump.engine, Engine::Mariadb);
        assert_eq!(dump.version.as_deref(), Some("10.11.6-MariaDB-0"));
        assert_eq!(
            dump.contents,
            ["TABLE töne", "VIEW all"].map(str::to_owned).into()
        );
        let mysql = DUMP
            .replace("/*M!999999\\- enable the sandbox mode */ \n", "")
            .replace("MariaDB", "MySQL");
        assert_eq!(
            inspect(&mut mysql.as_bytes()).unwrap().engine,
            Engine::Mysql
        );
    }

    #[test]
    fn rows_are_counted_where_that_is_asked_for() {
        assert_eq!(inspect(&mut DUMP.as_bytes()).unwrap().amounts, None);
        let amounts = count(&mut DUMP.as_bytes()).unwrap().amounts.unwrap();
        assert_eq!(
            amounts.tables,
            [(Table::plain("töne"), Amount::rows(1))].into()
        );
        assert_eq!(amounts.unknown, None);
    }

    #[test]
    fn every_truncation_is_found() {
        let all = DUMP.as_bytes();
        for end in 0..all.len() {
            assert!(inspect(&mut &all[..end]).is_err(), "cut at {end}");
        }
    }
}
