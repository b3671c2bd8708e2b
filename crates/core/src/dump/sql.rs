//! SQL as `mysqldump` and `mariadb-dump` write it: comments that name the server at the beginning,
//! statements, and a line at the end that says that the dump is complete.

use std::collections::BTreeSet;

use super::{BadDump, Dump, Engine, Source};

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

pub(super) fn inspect(head: &[u8], source: &mut Source<'_>) -> Result<Dump, BadDump> {
    let mut reading = Reading::default();
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
}

impl Reading {
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let end = bytes.iter().position(|&byte| byte == b'\n');
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
        })
    }
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
    use super::super::inspect;
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
    fn every_truncation_is_found() {
        let all = DUMP.as_bytes();
        for end in 0..all.len() {
            assert!(inspect(&mut &all[..end]).is_err(), "cut at {end}");
        }
    }
}
