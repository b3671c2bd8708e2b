//! Writing the log: one writer at a time, each entry on the disk before it counts.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{Entry, Event, GENESIS, Happening, hash};
use crate::server::{place::Key, turn::Turn};

/// The segment that is written to.
pub const CURRENT: &str = "audit.jsonl";

/// Bytes after which a segment is closed: some thousand entries.
const FULL: u64 = 1024 * 1024;

/// Closed segments that are kept.
const KEPT: usize = 64;

/// The log in a directory.
#[derive(Debug)]
pub struct Log {
    directory: PathBuf,
    full: u64,
    kept: usize,
}

/// An entry of the log, as what follows it refers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// Its number.
    pub seq: u64,
    /// The hash of its line.
    pub hash: String,
}

impl Log {
    /// The log in `directory`, which may not exist yet.
    pub fn in_directory(directory: PathBuf) -> Self {
        Self {
            directory,
            full: FULL,
            kept: KEPT,
        }
    }

    /// Appends an entry and returns its hash.
    pub fn append(&self, happening: Happening, key: &Key, now: Timestamp) -> io::Result<String> {
        let _turn = self.turn()?;
        Ok(self.append_now(happening, key, now)?.hash)
    }

    /// Appends an entry that has an id, unless one of that id is in the newest two segments already:
    /// the sender may not have heard our answer and have asked again. The entry, and whether it is
    /// new.
    pub fn append_once(
        &self,
        happening: Happening,
        key: &Key,
        now: Timestamp,
    ) -> io::Result<(Tail, bool)> {
        let _turn = self.turn()?;
        if let Some(id) = &happening.id
            && let Some(present) = self.find(id)?
        {
            return Ok((present, false));
        }
        Ok((self.append_now(happening, key, now)?, true))
    }

    fn turn(&self) -> io::Result<Turn> {
        Turn::wait(&self.directory.join("audit.turn"))
    }

    fn find(&self, id: &str) -> io::Result<Option<Tail>> {
        let mut paths: Vec<PathBuf> = segments(&self.directory)?.pop().into_iter().collect();
        paths.push(self.directory.join(CURRENT));
        for path in paths.iter().rev() {
            let bytes = match fs_err::read(path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let wanted = id.as_bytes();
            let lines = bytes.split(|byte| *byte == b'\n').rev();
            let named = lines.filter(|line| line.windows(wanted.len()).any(|part| part == wanted));
            for line in named {
                // What the gate refused is told again by the program that was deploying, and better.
                if let Ok(entry) = serde_json::from_slice::<Entry>(line)
                    && entry.happening.id.as_deref() == Some(id)
                    && entry.happening.event != Event::Denied
                {
                    let (seq, hash) = (entry.seq, hash(line));
                    return Ok(Some(Tail { seq, hash }));
                }
            }
        }
        Ok(None)
    }

    fn append_now(&self, happening: Happening, key: &Key, now: Timestamp) -> io::Result<Tail> {
        let path = self.directory.join(CURRENT);
        let mut file = open(&path)?;
        let cut = cut_unfinished(&mut file)?;
        let mut tail = match last_line(&mut file)? {
            Some(line) => tail(&path, &line)?,
            None => self.tail_of_segments()?,
        };
        if file.metadata()?.len() >= self.full {
            drop(file);
            file = self.rotate(&path, tail.seq)?;
            tail = checkpoint(&mut file, &tail, key, now)?;
            tail = self.retire(&mut file, tail, key, now)?;
        } else if file.metadata()?.len() == 0 && tail.seq > 0 {
            // The last writer was killed between closing a segment and beginning the next.
            tail = checkpoint(&mut file, &tail, key, now)?;
        }
        write(&mut file, happening, &tail, key, now, cut)
    }

    /// Removes the oldest segments beyond those that are kept. First the chain says so, with the hash
    /// at which it begins from then on; a kill in between leaves a segment that goes the next time.
    fn retire(
        &self,
        file: &mut File,
        mut tail: Tail,
        key: &Key,
        now: Timestamp,
    ) -> io::Result<Tail> {
        let segments = segments(&self.directory)?;
        let surplus = segments.len().saturating_sub(self.kept);
        for path in segments.iter().take(surplus) {
            let line = last_line(&mut File::open(path)?)?.ok_or_else(|| damaged(path))?;
            let last = self::tail(path, &line)?;
            let mut happening = Happening::new(Event::Retired, "");
            happening.app = None;
            happening.source = Some(segment_name(last.seq));
            happening.last = Some(last.hash);
            tail = write(file, happening, &tail, key, now, 0)?;
            fs_err::remove_file(path)?;
        }
        Ok(tail)
    }

    /// Closes the present segment under the number of its last entry, and begins a new one.
    fn rotate(&self, path: &Path, last: u64) -> io::Result<File> {
        fs_err::rename(path, self.directory.join(segment_name(last)))?;
        let file = open(path)?;
        File::open(&self.directory)?.sync_all()?;
        Ok(file)
    }

    fn tail_of_segments(&self) -> io::Result<Tail> {
        match segments(&self.directory)?.pop() {
            Some(path) => {
                let line = last_line(&mut File::open(&path)?)?.ok_or_else(|| damaged(&path))?;
                tail(&path, &line)
            }
            None => Ok(Tail {
                seq: 0,
                hash: GENESIS.to_owned(),
            }),
        }
    }

    /// With segments of another size, for tests.
    #[cfg(test)]
    pub fn full_at(self, full: u64) -> Self {
        Self { full, ..self }
    }

    /// With so many closed segments kept, for tests.
    #[cfg(test)]
    pub fn keeping(self, kept: usize) -> Self {
        Self { kept, ..self }
    }
}

/// Begins a segment with an entry that names the one before.
fn checkpoint(file: &mut File, tail: &Tail, key: &Key, now: Timestamp) -> io::Result<Tail> {
    let mut happening = Happening::new(Event::Checkpoint, "");
    happening.app = None;
    happening.source = Some(segment_name(tail.seq));
    write(file, happening, tail, key, now, 0)
}

fn write(
    file: &mut File,
    happening: Happening,
    tail: &Tail,
    key: &Key,
    now: Timestamp,
    cut: u64,
) -> io::Result<Tail> {
    let entry = Entry {
        seq: tail.seq + 1,
        time: now,
        happening,
        key: key.clone(),
        cut,
        prev: tail.hash.clone(),
    };
    let mut line = serde_json::to_vec(&entry)?;
    let tail = Tail {
        seq: entry.seq,
        hash: hash(&line),
    };
    line.push(b'\n');
    file.seek(SeekFrom::End(0))?;
    file.write_all(&line)?;
    file.sync_data()?;
    Ok(tail)
}

/// Closed segments of a log, oldest first.
pub fn segments(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("audit-") && name.ends_with(".jsonl") {
            paths.push(entry.path());
        }
    }
    // Their numbers have leading zeros.
    paths.sort();
    Ok(paths)
}

fn segment_name(last: u64) -> String {
    format!("audit-{last:012}.jsonl")
}

fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o640)
        .open(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Removes what a killed writer left of a line; the number of bytes.
fn cut_unfinished(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let whole = end_of_last_line(file, length)?;
    if whole < length {
        file.set_len(whole)?;
    }
    Ok(length - whole)
}

/// The position after the last line break among the first `length` bytes.
fn end_of_last_line(file: &mut File, length: u64) -> io::Result<u64> {
    const PIECE: u64 = 16 * 1024;
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(PIECE);
        let mut piece = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(file)
            .take(end - start)
            .read_to_end(&mut piece)?;
        if let Some(found) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + u64::try_from(found).unwrap_or_default() + 1);
        }
        end = start;
    }
    Ok(0)
}

/// The last line of a file that ends with a line break.
fn last_line(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(None);
    }
    let start = end_of_last_line(file, length - 1)?;
    let mut line = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    Read::by_ref(file)
        .take(length - 1 - start)
        .read_to_end(&mut line)?;
    Ok(Some(line))
}

fn tail(path: &Path, line: &[u8]) -> io::Result<Tail> {
    let entry: Entry = serde_json::from_slice(line).map_err(|_| damaged(path))?;
    Ok(Tail {
        seq: entry.seq,
        hash: hash(line),
    })
}

fn damaged(path: &Path) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!(
            "the last line of {} is no entry of the audit log: look at it with `dokku-cli audit verify`, and move it away to begin a new log",
            path.display()
        ),
    )
}
