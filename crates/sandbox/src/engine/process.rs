//! Processes that outlive a killed sandbox: knowing them again, and ending them.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use super::EngineError;
use super::files::write_atomically;

/// A process, recognisable after its number has been given to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process number.
    pub pid: i32,
    /// When it started, in clock ticks since the machine did (`/proc/PID/stat`, field 22).
    pub started: u64,
}

impl Identity {
    /// The identity of a running process; none when there is no such process.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the name in parentheses and may hold anything.
        let mut rest = stat.rsplit_once(") ")?.1.split(' ');
        let state = rest.next()?;
        let started = rest.nth(18)?.parse().ok()?;
        (state != "Z").then_some(Self { pid, started })
    }

    /// Whether this very process still runs.
    pub fn is_running(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Writes the identity beside the data of what the process serves.
    pub fn save(self, file: &Path) -> Result<(), EngineError> {
        let text = format!("{} {}\n", self.pid, self.started);
        write_atomically(file, text.as_bytes(), 0o600)
    }

    /// Reads what [`Identity::save`] wrote; none when there is no file or it holds no identity
    /// (then no process can be meant).
    pub fn load(file: &Path) -> Option<Self> {
        let text = fs_err::read_to_string(file).ok()?;
        let (pid, started) = text.trim_end().split_once(' ')?;
        Some(Self {
            pid: pid.parse().ok()?,
            started: started.parse().ok()?,
        })
    }
}

/// A handle on a process that cannot be confused with another one that gets the same number.
pub struct Handle(rustix::fd::OwnedFd);

impl Handle {
    /// Takes hold of a process; none when it has gone.
    pub fn open(identity: Identity) -> Option<Self> {
        let descriptor = pidfd_open(Pid::from_raw(identity.pid)?, PidfdFlags::empty()).ok()?;
        // Checked after the handle is held: from here on it means this process or nobody.
        identity.is_running().then_some(Self(descriptor))
    }

    /// Sends a signal; to a process that has gone that is nothing.
    pub fn signal(&self, signal: Signal) {
        // The only refusals are "gone" and "not ours", and the caller waits for the end anyway.
        let _gone = pidfd_send_signal(&self.0, signal);
    }

    /// Ends the process at once; nothing when it has gone.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Waits until the process has ended; false when it still runs after `limit`.
    pub fn wait(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            let mut descriptors = [PollFd::new(&self.0, PollFlags::IN)];
            match poll(&mut descriptors, Some(&timeout)) {
                Ok(0) => return false,
                Ok(_) => return true,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }
}

/// Ends the process that `file` names, if it still runs, first with `signal`, after `patience`
/// with KILL, and removes the file.
pub fn end_leftover(file: &Path, signal: Signal, patience: Duration) -> Result<(), EngineError> {
    if let Some(identity) = Identity::load(file)
        && let Some(handle) = Handle::open(identity)
    {
        handle.signal(signal);
        if !handle.wait(patience) {
            handle.signal(Signal::KILL);
            if !handle.wait(Duration::from_secs(5)) {
                return Err(EngineError::Immortal { pid: identity.pid });
            }
        }
    }
    match fs_err::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(EngineError::io("remove", file)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_leftover_is_ended_and_its_file_removed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let mut child = Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // Waiting closes the child's standard input, at which it would end by itself: held open until it is ended.
        let stdin = child.stdin.take();
        let identity = Identity::of(i32::try_from(child.id()).unwrap()).unwrap();
        identity.save(&file).unwrap();
        let waiter = std::thread::spawn(move || child.wait().unwrap());
        end_leftover(&file, Signal::TERM, Duration::from_secs(5)).unwrap();
        assert!(!waiter.join().unwrap().success());
        drop(stdin);
        assert!(!identity.is_running());
        assert!(!file.exists());
    }

    #[test]
    fn a_process_that_only_has_the_same_number_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let ours = i32::try_from(std::process::id()).unwrap();
        let real = Identity::of(ours).unwrap();
        Identity {
            pid: ours,
            started: real.started + 1,
        }
        .save(&file)
        .unwrap();
        end_leftover(&file, Signal::KILL, Duration::from_secs(1)).unwrap();
        assert!(real.is_running());
        assert!(!file.exists());
    }
}
