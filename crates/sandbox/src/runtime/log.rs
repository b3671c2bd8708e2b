//! The log of a container: lines with time and stream, readable while they are written.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use fs_err as fs;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::files::locked;

/// One line that a container wrote (Docker's `json-file` format).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The text with its line feed; a very long line comes in parts of 16 KiB.
    pub log: String,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// When it was read from the container.
    pub time: Timestamp,
}

/// Longest part of a line that is kept in memory.
const LONGEST_PART: usize = 16 * 1024;

/// A container's log file.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    state: Mutex<State>,
    grown: Condvar,
}

#[derive(Debug)]
struct State {
    file: fs::File,
    size: u64,
    is_closed: bool,
}

impl Log {
    /// Opens the log at `path` for appending; a new one is empty.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?;
        let size = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            state: Mutex::new(State {
                file,
                size,
                is_closed: false,
            }),
            grown: Condvar::new(),
        })
    }

    /// Appends one line.
    pub fn append(&self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let mut state = locked(&self.state);
        state.file.write_all(&text)?;
        state.size += text.len() as u64;
        self.grown.notify_all();
        Ok(())
    }

    /// Reads a container's output to its end, keeps each line and hands every chunk to `copy`.
    pub fn capture(
        &self,
        mut from: impl Read,
        stream: &str,
        mut copy: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let mut pending = Vec::new();
        let mut buffer = vec![0; LONGEST_PART];
        loop {
            let read = match from.read(&mut buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if read == 0 {
                break;
            }
            copy(&buffer[..read]);
            pending.extend_from_slice(&buffer[..read]);
            let mut start = 0;
            while let Some(length) = pending[start..].iter().position(|byte| *byte == b'\n') {
                self.append_text(&pending[start..=start + length], stream)?;
                start += length + 1;
            }
            pending.drain(..start);
            if pending.len() >= LONGEST_PART {
                self.append_text(&pending, stream)?;
                pending.clear();
            }
        }
        if !pending.is_empty() {
            self.append_text(&pending, stream)?;
        }
        Ok(())
    }

    fn append_text(&self, text: &[u8], stream: &str) -> io::Result<()> {
        self.append(&Line {
            log: String::from_utf8_lossy(text).into_owned(),
            stream: stream.to_owned(),
            time: Timestamp::now(),
        })
    }

    /// Says that nothing more will come: followers end.
    pub fn close(&self) {
        locked(&self.state).is_closed = true;
        self.grown.notify_all();
    }

    /// Says that more will come again (the container was started once more).
    pub fn reopen(&self) {
        locked(&self.state).is_closed = false;
    }

    /// Waits until nothing has been added for a moment: what a process wrote a little earlier may
    /// still be in its pipe, and nothing tells that no more is to come.
    pub fn settle(&self) {
        const MOMENT: Duration = Duration::from_millis(10);
        for _ in 0..10 {
            let state = locked(&self.state);
            let size = state.size;
            let waited = self.grown.wait_timeout_while(state, MOMENT, |state| {
                state.size == size && !state.is_closed
            });
            if waited.is_ok_and(|(_, result)| result.timed_out()) {
                return;
            }
        }
    }

    /// The last `count` lines.
    pub fn tail(&self, count: usize) -> io::Result<Vec<Line>> {
        let mut last = VecDeque::new();
        let size = locked(&self.state).size;
        for line in BufReader::new(fs::File::open(&self.path)?.take(size)).lines() {
            if last.len() == count {
                last.pop_front();
            }
            if count > 0 {
                last.push_back(parse(&line?)?);
            }
        }
        Ok(last.into())
    }

    /// Hands over the last `count` lines, then each new one, until the log is closed or `each`
    /// answers false. While nothing comes `is_wanted` is asked once a second.
    pub fn follow(
        &self,
        count: usize,
        mut each: impl FnMut(&Line) -> bool,
        is_wanted: impl Fn() -> bool,
    ) -> io::Result<()> {
        let mut reader = BufReader::new(fs::File::open(&self.path)?);
        let start = locked(&self.state).size;
        let mut place = 0;
        let mut last: VecDeque<Line> = VecDeque::new();
        let mut text = String::new();
        while place < start {
            text.clear();
            place += reader.read_line(&mut text)? as u64;
            last.push_back(parse(&text)?);
            if last.len() > count {
                last.pop_front();
            }
        }
        for line in last {
            if !each(&line) {
                return Ok(());
            }
        }
        loop {
            let mut state = locked(&self.state);
            while state.size <= place {
                if state.is_closed {
                    return Ok(());
                }
                state = self
                    .grown
                    .wait_timeout(state, Duration::from_secs(1))
                    .map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
                if state.size <= place && !is_wanted() {
                    return Ok(());
                }
            }
            let size = state.size;
            drop(state);
            while place < size {
                text.clear();
                place += reader.read_line(&mut text)? as u64;
                if !each(&parse(&text)?) {
                    return Ok(());
                }
            }
        }
    }
}

fn parse(text: &str) -> io::Result<Line> {
    serde_json::from_str(text).map_err(|error| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("log line {text:?}: {error}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, mpsc};

    fn text(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.log.as_str()).collect()
    }

    #[test]
    fn output_becomes_lines_and_the_copy_is_exact() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(&dir.path().join("log")).unwrap();
        let mut copy = Vec::new();
        log.capture(&b"one\ntwo\n\xff end"[..], "stdout", |chunk| {
            copy.extend_from_slice(chunk);
        })
        .unwrap();
        assert_eq!(copy, b"one\ntwo\n\xff end");
        let lines = log.tail(10).unwrap();
        assert_eq!(text(&lines), ["one\n", "two\n", "\u{fffd} end"]);
        assert!(lines.iter().all(|line| line.stream == "stdout"));
        assert_eq!(text(&log.tail(1).unwrap()), ["\u{fffd} end"]);
        assert!(log.tail(0).unwrap().is_empty());
    }

    #[test]
    fn a_line_without_end_is_kept_in_parts() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(&dir.path().join("log")).unwrap();
        let long = vec![b'x'; LONGEST_PART * 3 + 5];
        log.capture(&long[..], "stderr", |_| {}).unwrap();
        let lines = log.tail(100).unwrap();
        assert!(lines.iter().all(|line| line.log.len() <= 2 * LONGEST_PART));
        assert_eq!(
            lines.iter().map(|line| line.log.len()).sum::<usize>(),
            long.len()
        );
    }

    #[test]
    fn a_follower_sees_old_and_new_lines_and_ends_with_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = Arc::new(Log::open(&dir.path().join("log")).unwrap());
        log.append_text(b"old\n", "stdout").unwrap();
        log.append_text(b"older is skipped\n", "stdout").unwrap();
        let (seen, lines) = mpsc::channel();
        let follower = std::thread::spawn({
            let log = Arc::clone(&log);
            move || log.follow(1, |line| seen.send(line.log.clone()).is_ok(), || true)
        });
        assert_eq!(lines.recv().unwrap(), "older is skipped\n");
        log.append_text(b"new\n", "stdout").unwrap();
        assert_eq!(lines.recv().unwrap(), "new\n");
        log.close();
        follower.join().unwrap().unwrap();
        assert!(lines.recv().is_err());
    }
}
