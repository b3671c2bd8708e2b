//! Checking the chain of the log.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use super::{Entry, Event, GENESIS, hash, log::segments};

/// A log whose chain holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its files, oldest first.
    pub files: Vec<PathBuf>,
    /// How many entries.
    pub entries: u64,
    /// The hash of the last one; to be kept elsewhere.
    pub last: String,
    /// Bytes of an unfinished line at the end: a write that was killed. The next write removes them.
    pub unfinished: usize,
}

/// The chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadChain {
    /// A file cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// A line is no entry.
    #[error("{place} is no entry of the log: it was changed")]
    NoEntry {
        /// File and line.
        place: String,
    },
    /// An entry does not continue the one before it.
    #[error(
        "{place}: entry {seq} does not continue what is before it: {}",
        what_happened(*.expected, *.seq)
    )]
    Broken {
        /// File and line.
        place: String,
        /// The number it carries.
        seq: u64,
        /// The number it should carry.
        expected: u64,
    },
    /// The log does not hold the entry that it is known to have held.
    #[error(
        "no entry has the hash {hash}, which this log is known to have reached: its tail was cut, or that entry was changed ({entries} entries are left)"
    )]
    Cut {
        /// The known hash.
        hash: String,
        /// How many entries there are.
        entries: u64,
    },
}

fn what_happened(expected: u64, seq: u64) -> String {
    match seq {
        seq if seq == expected + 1 => {
            format!("entry {expected} is missing, or the one before was changed")
        }
        seq if seq > expected => format!(
            "entry {expected} and up to {} are missing, or the one before was changed",
            seq - 1
        ),
        seq if seq < expected => "it was inserted, or stands in the wrong place".to_owned(),
        _ => "the entry before it was changed, or this one inserted".to_owned(),
    }
}

/// Where the chain is to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// At its first entry.
    Beginning,
    /// After the entry with this hash: older segments were moved away.
    After(String),
}

/// Checks the log that `path` (a file, or the directory of one) belongs to.
///
/// `known` is the hash of an entry that the log is known to have had: a log without it was cut.
pub fn verify(path: &Path, since: &Since, known: Option<&str>) -> Result<Chain, BadChain> {
    let files = files(path).map_err(|error| BadChain::Unreadable(error.to_string()))?;
    let mut chain = Chain {
        files,
        entries: 0,
        last: match since {
            Since::Beginning => GENESIS.to_owned(),
            Since::After(hash) => hash.clone(),
        },
        unfinished: 0,
    };
    let mut next = match since {
        Since::Beginning => Some(1),
        Since::After(_) => None,
    };
    // Where the chain begins if its first segments were retired: the chain itself has to say so.
    let mut beginning: Option<(String, u64)> = None;
    let mut retired = BTreeSet::new();
    let mut is_known = known.is_none_or(|hash| hash == chain.last);
    let count = chain.files.len();
    for (index, file) in chain.files.iter().enumerate() {
        let bytes = fs_err::read(file).map_err(|error| BadChain::Unreadable(error.to_string()))?;
        let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        let rest = lines.pop().unwrap_or_default();
        if !rest.is_empty() && index + 1 < count {
            // Segments are closed with a whole line.
            lines.push(rest);
        } else {
            chain.unfinished = rest.len();
        }
        for (number, line) in lines.into_iter().enumerate() {
            let place = || format!("{} line {}", file.display(), number + 1);
            let entry: Entry =
                serde_json::from_slice(line).map_err(|_| BadChain::NoEntry { place: place() })?;
            if *since == Since::Beginning && chain.entries == 0 && entry.seq > 1 {
                beginning = Some((entry.prev.clone(), entry.seq));
                chain.last.clone_from(&entry.prev);
                next = None;
            }
            let expected = next.unwrap_or(entry.seq);
            if entry.prev != chain.last || entry.seq != expected {
                return Err(BadChain::Broken {
                    place: place(),
                    seq: entry.seq,
                    expected,
                });
            }
            if entry.happening.event == Event::Retired {
                retired.extend(entry.happening.last);
            }
            chain.last = hash(line);
            chain.entries += 1;
            is_known |= known == Some(chain.last.as_str());
            next = Some(entry.seq + 1);
        }
    }
    if let Some((hash, seq)) = beginning
        && !retired.contains(&hash)
    {
        return Err(BadChain::Broken {
            place: first_place(&chain.files),
            seq,
            expected: 1,
        });
    }
    match known {
        Some(hash) if !is_known => Err(BadChain::Cut {
            hash: hash.to_owned(),
            entries: chain.entries,
        }),
        _ => Ok(chain),
    }
}

fn first_place(files: &[PathBuf]) -> String {
    let file = files.first().map(|file| file.display().to_string());
    format!("{} line 1", file.unwrap_or_default())
}

fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (directory, current) = if path.is_dir() {
        (path, path.join(super::log::CURRENT))
    } else {
        (path.parent().unwrap_or(path), path.to_owned())
    };
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    let mut files = segments(directory)?;
    // Between two segments there is no current one for a moment, which a kill can make long.
    if files.is_empty() || current.exists() {
        files.retain(|file| *file != current);
        files.push(current);
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
