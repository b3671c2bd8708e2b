//! One running server process of an engine.

use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;

use super::launcher::Launcher;
use super::process::{Handle, Identity};
use super::{EngineError, Kind, log_tail};

/// How long a server may take until it accepts connections.
const START_LIMIT: Duration = Duration::from_mins(1);

/// A server that accepts connections, or did until it ended.
pub struct Instance {
    handle: Handle,
    progress: Arc<Progress>,
}

#[derive(Default)]
struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default, PartialEq, Eq)]
enum State {
    #[default]
    Starting,
    Ready,
    Ended(String),
}

impl Progress {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.state() = state;
        self.changed.notify_all();
    }

    fn wait_while(
        &self,
        limit: Duration,
        unwanted: impl Fn(&State) -> bool,
    ) -> MutexGuard<'_, State> {
        self.changed
            .wait_timeout_while(self.state(), limit, |state| unwanted(state))
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

impl Instance {
    /// Starts a server and waits until it says in its log that it accepts connections. The log
    /// is appended to `directory/log`, the process recorded in `directory/pid`.
    pub fn start(
        launcher: &Launcher,
        kind: Kind,
        mut command: Command,
        directory: &Path,
    ) -> Result<Self, EngineError> {
        let log_path = directory.join("log");
        let log = fs_err::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log_path)
            .map_err(EngineError::io("open", &log_path))?
            .into_parts()
            .0;
        let connect = || -> std::io::Result<(PipeReader, Child)> {
            let (output, input) = std::io::pipe()?;
            command
                .stdin(Stdio::null())
                .stdout(input.try_clone()?)
                .stderr(input);
            Ok((output, launcher.spawn(command)?))
        };
        let (output, child) =
            connect().map_err(EngineError::io("start the server for", directory))?;
        let not_started = |reason: String| EngineError::NotStarted {
            kind,
            reason,
            log: log_tail(&log_path, 5),
        };
        let identity = i32::try_from(child.id()).ok().and_then(Identity::of);
        let handle = identity.and_then(Handle::open);
        let progress = Arc::new(Progress::default());
        follow(kind, child, output, log, Arc::clone(&progress))
            .map_err(EngineError::io("follow the server for", directory))?;
        let (Some(identity), Some(handle)) = (identity, handle) else {
            let reason = match &*progress
                .wait_while(START_LIMIT, |state| !matches!(state, State::Ended(_)))
            {
                State::Ended(status) => format!("it ended at once ({status})"),
                _ => "it cannot be watched".to_string(),
            };
            return Err(not_started(reason));
        };
        let instance = Self { handle, progress };
        let outcome = identity.save(&directory.join("pid")).and_then(|()| {
            match &*instance
                .progress
                .wait_while(START_LIMIT, |state| *state == State::Starting)
            {
                State::Ready => Ok(()),
                State::Ended(status) => Err(not_started(format!("it ended ({status})"))),
                State::Starting => Err(not_started(format!(
                    "it was not ready after {} s",
                    START_LIMIT.as_secs()
                ))),
            }
        });
        match outcome {
            Ok(()) => Ok(instance),
            Err(error) => {
                instance.stop(kind, directory)?;
                Err(error)
            }
        }
    }

    /// Whether the server's process still runs.
    pub fn is_running(&self) -> bool {
        !self.handle.wait(Duration::ZERO)
    }

    /// Ends the server: in an orderly way, then less so.
    pub fn stop(&self, kind: Kind, directory: &Path) -> Result<(), EngineError> {
        for (signal, patience) in kind.stop_signals() {
            self.handle.signal(signal);
            if self.handle.wait(patience) {
                break;
            }
        }
        if self.is_running() {
            self.handle.signal(Signal::KILL);
            if !self.handle.wait(Duration::from_secs(5)) {
                let pid = Identity::load(&directory.join("pid")).map_or(0, |identity| identity.pid);
                return Err(EngineError::Immortal { pid });
            }
        }
        // So that the log is whole when this returns.
        drop(self.progress.wait_while(Duration::from_secs(5), |state| {
            !matches!(state, State::Ended(_))
        }));
        let pid_file = directory.join("pid");
        match fs_err::remove_file(&pid_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(EngineError::io("remove", &pid_file)(error))
            }
            _ => Ok(()),
        }
    }
}

/// Copies what the server says to its log, notices when it is ready, and reaps it.
fn follow(
    kind: Kind,
    mut child: Child,
    output: PipeReader,
    mut log: File,
    progress: Arc<Progress>,
) -> std::io::Result<()> {
    let run = move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while matches!(output.read_until(b'\n', &mut line), Ok(count) if count > 0) {
            // A full disk must not block the server: the line is lost then.
            let _lost = log.write_all(&line);
            if String::from_utf8_lossy(&line).contains(kind.ready_line())
                && *progress.state() == State::Starting
            {
                progress.set(State::Ready);
            }
            line.clear();
        }
        let status = child
            .wait()
            .map_or_else(|error| error.to_string(), |status| status.to_string());
        progress.set(State::Ended(status));
    };
    std::thread::Builder::new()
        .name(format!("{kind} log"))
        .spawn(run)
        .map(drop)
}
