//! Dumps of databases: whose they are and whether they are whole, judged by their bytes alone.
//!
//! A dump is read once, from its first byte to its last, with little memory. It is always the raw
//! one: whoever holds a compressed file decompresses it on the way. [`inspect`] looks at the
//! structure, [`count`] also at every row.

mod amount;
mod crc64;
mod mongo;
mod postgres;
mod redis;
mod sql;
mod version;

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, Read},
};

use serde::{Deserialize, Serialize};

pub use self::{
    amount::{Amount, Amounts, Table},
    version::is_newer,
};
use crate::service::ServiceKind;

/// What a whole dump tells about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// The engine that wrote it.
    pub engine: Engine,
    /// The version of the server that it was taken from, where the dump says it.
    pub version: Option<String>,
    /// What is in it, by name (`TABLE public orders`); empty where the format has no names.
    pub contents: BTreeSet<String>,
    /// Bytes read, all of the dump.
    pub size: u64,
    /// What was looked at, for the manifest.
    pub checks: Vec<String>,
    /// How much it holds, where that was to be counted.
    pub amounts: Option<Amounts>,
    /// What a server has to have so that the dump can be restored.
    pub needs: Needs,
}

/// What a server has to have so that a dump can be restored there, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Roles that rights are granted to. Owners are not among them: imports leave those out.
    pub roles: BTreeSet<String>,
    /// Extensions of PostgreSQL.
    pub extensions: BTreeSet<String>,
}

/// The engines whose dumps are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// PostgreSQL's custom format.
    Postgres,
    /// SQL as `mysqldump` writes it.
    Mysql,
    /// SQL as `mariadb-dump` writes it.
    Mariadb,
    /// Redis' RDB.
    Redis,
    /// `MongoDB`'s archive, as `mongodump --archive` writes it, compressed (`--gzip`) or not.
    Mongo,
}

impl Engine {
    /// The engine behind a service, `None` where its dumps are not understood here.
    pub fn of(kind: ServiceKind) -> Option<Self> {
        match kind {
            ServiceKind::Postgres => Some(Self::Postgres),
            ServiceKind::Mysql => Some(Self::Mysql),
            ServiceKind::Mariadb => Some(Self::Mariadb),
            ServiceKind::Redis => Some(Self::Redis),
            ServiceKind::Mongo => Some(Self::Mongo),
            // Their plugins export nothing ("Not yet implemented").
            ServiceKind::Rabbitmq | ServiceKind::Elasticsearch => None,
        }
    }

    /// What is counted of it, in the plural: what holds, and what is held.
    pub fn units(self) -> (&'static str, &'static str) {
        match self {
            Self::Redis => ("databases", "keys"),
            Self::Mongo => ("collections", "documents"),
            Self::Postgres | Self::Mysql | Self::Mariadb => ("tables", "rows"),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MySQL",
            Self::Mariadb => "MariaDB",
            Self::Redis => "Redis",
            Self::Mongo => "MongoDB",
        })
    }
}

/// Why bytes are no dump that restores.
#[derive(Debug, thiserror::Error)]
pub enum BadDump {
    /// Nothing at all.
    #[error("it is empty")]
    Empty,
    /// No format that is known.
    #[error("it is no dump of PostgreSQL (custom format), MySQL, MariaDB, Redis or MongoDB")]
    Unknown,
    /// It ends before its end.
    #[error("the {engine} dump ends too early, in {place}, after {size} bytes")]
    Truncated {
        /// Whose dump it is.
        engine: Engine,
        /// Where it was being read.
        place: &'static str,
        /// Bytes read.
        size: u64,
    },
    /// Something in it cannot be.
    #[error("the {engine} dump is damaged: {why}")]
    Damaged {
        /// Whose dump it is.
        engine: Engine,
        /// What cannot be.
        why: String,
    },
    /// It could not be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// How much of a dump is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// What tells whether it is whole.
    Structure,
    /// Every row too.
    Rows,
}

/// Reads a whole raw dump. The engine is recognised by the content.
pub fn inspect(from: &mut dyn Read) -> Result<Dump, BadDump> {
    read(from, Depth::Structure)
}

/// Reads a whole raw dump as [`inspect`] does, and counts what it holds: rows by table, keys by
/// database. Compressed data is decompressed for that, so that damage in it is found too.
pub fn count(from: &mut dyn Read) -> Result<Dump, BadDump> {
    read(from, Depth::Rows)
}

fn read(from: &mut dyn Read, depth: Depth) -> Result<Dump, BadDump> {
    let mut source = Source { from, size: 0 };
    let mut head = [0; 5];
    let read = source.fill(&mut head)?;
    let head = head.get(..read).unwrap_or_default();
    match head {
        [] => Err(BadDump::Empty),
        b"PGDMP" => postgres::read(&mut source, depth),
        b"REDIS" => redis::read(&mut source),
        head if mongo::may_begin(head) => mongo::read(head, &mut source),
        head if sql::may_begin(head) => sql::read(head, &mut source, depth),
        _ => Err(BadDump::Unknown),
    }
}

/// Counts what is read.
struct Source<'a> {
    from: &'a mut dyn Read,
    size: u64,
}

impl Source<'_> {
    /// Fills as much of `buffer` as there is.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.from.read(rest) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.size += filled as u64;
        Ok(filled)
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.size += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_dump_is_called_so() {
        assert!(matches!(inspect(&mut &b""[..]), Err(BadDump::Empty)));
        for other in [&b"hello"[..], b"PGDM", b"REDI", b"\0\0\0\0\0\0"] {
            assert!(
                matches!(inspect(&mut &other[..]), Err(BadDump::Unknown)),
                "{other:?}"
            );
        }
    }
}
