//! A container: one real process group with its own copy of an image, supervised.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::files::{self, locked};
use super::log::Log;
use super::process::{self, Launch, Spawner};

/// What a container is for (its `com.dokku.container-type` label).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A process of the running app.
    Deploy,
    /// A one-off command.
    Run,
}

/// Docker's words for what a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Made, never started.
    Created,
    /// Its process runs.
    Running,
    /// It failed and waits for its next start.
    Restarting,
    /// It ended.
    Exited,
}

impl Status {
    /// The word in Docker's answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
        }
    }
}

/// Everything about a container that outlives the sandbox's process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// 64 hexadecimal digits.
    pub id: String,
    /// `myapp.web.1`, or `myapp.run.14771`.
    pub name: String,
    /// The app.
    pub app: String,
    /// The process type, `run` for a one-off command.
    pub process_type: String,
    /// `web.1`: process type and index.
    pub dyno: String,
    /// What it is for.
    pub kind: Kind,
    /// Id of its image.
    pub image: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// The port it has to listen on, for `web`.
    pub port: Option<u16>,
    /// How often a failed process is started again.
    pub restart_limit: u32,
    /// Seconds after which a one-off container is stopped.
    pub ttl_seconds: Option<u64>,
    /// When it was made.
    pub created: Timestamp,
    /// What it does.
    pub status: Status,
    /// The last start.
    pub started: Option<Timestamp>,
    /// The last end.
    pub finished: Option<Timestamp>,
    /// Leader of its process group, while it runs.
    pub pid: Option<u32>,
    /// When the leader started, in ticks since boot.
    pub start_ticks: Option<u64>,
    /// Exit code of the last end.
    pub exit_code: i32,
    /// Restarts so far.
    pub restarts: u32,
}

impl Record {
    /// The first twelve digits of the id: its short form and host name.
    pub fn short_id(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }
}

/// A container of this process.
pub struct Container {
    directory: PathBuf,
    env: Vec<(String, String)>,
    spawner: Spawner,
    log: Log,
    state: Mutex<State>,
    changed: Condvar,
    in_flight: AtomicUsize,
}

struct State {
    record: Record,
    is_stopping: bool,
}

/// Where an attached client reads a container's output.
pub type Attached = (Box<dyn Write + Send>, Box<dyn Write + Send>);

/// How long the output of an ended container may still be on its way.
const LAST_OUTPUT: Duration = Duration::from_secs(2);

impl Container {
    /// A container in `directory`, whose `app` sub-directory is its working copy.
    pub fn new(
        directory: PathBuf,
        record: Record,
        env: Vec<(String, String)>,
        spawner: Spawner,
    ) -> io::Result<Self> {
        let log = Log::open(&directory.join("log"))?;
        if record.status == Status::Exited {
            log.close();
        }
        let container = Self {
            directory,
            env,
            spawner,
            log,
            state: Mutex::new(State {
                record,
                is_stopping: false,
            }),
            changed: Condvar::new(),
            in_flight: AtomicUsize::new(0),
        };
        container.save(&locked(&container.state).record)?;
        Ok(container)
    }

    /// What is known about it now.
    pub fn record(&self) -> Record {
        locked(&self.state).record.clone()
    }

    /// Its log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Its working copy of the image.
    pub fn working_copy(&self) -> PathBuf {
        self.directory.join("app")
    }

    /// Its environment, for `enter` (never to be shown).
    pub fn env(&self) -> &[(String, String)] {
        &self.env
    }

    /// Gives it another name.
    pub fn rename(&self, name: &str) -> io::Result<()> {
        let mut state = locked(&self.state);
        name.clone_into(&mut state.record.name);
        self.save(&state.record)
    }

    /// Starts the process and watches it from a thread of its own.
    ///
    /// # Errors
    /// The program could not be started; the container then counts as ended with code 1.
    pub fn start(self: &Arc<Self>, attached: Option<Attached>) -> io::Result<()> {
        match self.launch(attached) {
            Ok(running) => {
                let container = Arc::clone(self);
                std::thread::Builder::new()
                    .name("container".to_owned())
                    .spawn(move || container.supervise(running))?;
                Ok(())
            }
            Err(error) => {
                self.end(1)?;
                Err(error)
            }
        }
    }

    fn launch(&self, attached: Option<Attached>) -> io::Result<Running> {
        let record = self.record();
        let mut child = self.spawner.spawn(Launch {
            command: record.command.clone(),
            directory: self.working_copy(),
            env: self.env.clone(),
            stdin: Stdio::null(),
            stdout: Stdio::piped(),
            stderr: Stdio::piped(),
        })?;
        {
            let mut state = locked(&self.state);
            state.record.status = Status::Running;
            state.record.started = Some(Timestamp::now());
            state.record.pid = Some(child.id());
            state.record.start_ticks = process::start_ticks(child.id());
            self.save(&state.record)?;
            self.changed.notify_all();
        }
        let outputs = child.stdout.take().zip(child.stderr.take());
        Ok(Running {
            child,
            outputs,
            attached,
        })
    }

    /// Captures output until the process has ended, and starts it again as its policy says.
    fn supervise(self: Arc<Self>, mut running: Running) {
        loop {
            let (done, all_output) = mpsc::channel::<()>();
            if let Some((stdout, stderr)) = running.outputs.take() {
                let (out, err) = running.attached.take().unzip();
                self.pump(stdout, "stdout", out, done.clone());
                self.pump(stderr, "stderr", err, done.clone());
            }
            drop(done);
            let code = self.reap(&mut running.child);
            // Both pumps drop their end when the pipes are at their end.
            let _ = all_output.recv_timeout(LAST_OUTPUT);
            match self.next_start(code) {
                Some(next) => running = next,
                None => return,
            }
        }
    }

    fn pump(
        self: &Arc<Self>,
        from: impl Read + Send + 'static,
        stream: &'static str,
        mut to: Option<Box<dyn Write + Send>>,
        done: mpsc::Sender<()>,
    ) {
        let container = Arc::clone(self);
        std::thread::spawn(move || {
            let captured = container.log.capture(from, stream, |chunk| {
                // A client that has gone does not stop the container.
                if let Some(client) = &mut to
                    && client
                        .write_all(chunk)
                        .and_then(|()| client.flush())
                        .is_err()
                {
                    to = None;
                }
            });
            if let Err(error) = captured {
                container.note(&format!("the log could not be written: {error}"));
            }
            drop(done);
        });
    }

    fn reap(&self, child: &mut Child) -> i32 {
        let unreaped = process::wait_unreaped(child);
        let hostname = {
            let mut state = locked(&self.state);
            // While the leader is unreaped its group id cannot belong to anybody else.
            process::kill_group(child.id(), Signal::KILL);
            state.record.pid = None;
            state.record.start_ticks = None;
            state.record.short_id().to_owned()
        };
        if let Err(error) = unreaped.and_then(|()| process::kill_strays(&hostname)) {
            self.note(&format!(
                "leftover processes could not be looked for: {error}"
            ));
        }
        child.wait().map_or(1, process::exit_code)
    }

    /// Decides after an end whether there is another start; waits for its turn.
    fn next_start(&self, code: i32) -> Option<Running> {
        let mut state = locked(&self.state);
        let is_final =
            state.is_stopping || code == 0 || state.record.restarts >= state.record.restart_limit;
        if is_final {
            drop(state);
            if let Err(error) = self.end(code) {
                self.note(&format!("its end could not be recorded: {error}"));
            }
            return None;
        }
        // Docker's delays: 100 ms, doubled at each restart.
        let delay = Duration::from_millis(100 << state.record.restarts.min(9));
        state.record.status = Status::Restarting;
        state.record.exit_code = code;
        state.record.finished = Some(Timestamp::now());
        state.record.restarts += 1;
        self.changed.notify_all();
        let deadline = Instant::now() + delay;
        while !state.is_stopping {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                break;
            };
            state = self
                .changed
                .wait_timeout(state, left)
                .map_or_else(|p| p.into_inner().0, |(state, _)| state);
        }
        let is_stopping = state.is_stopping;
        drop(state);
        let next = if is_stopping {
            None
        } else {
            self.launch(None).ok()
        };
        if next.is_none()
            && let Err(error) = self.end(code)
        {
            self.note(&format!("its end could not be recorded: {error}"));
        }
        next
    }

    fn end(&self, code: i32) -> io::Result<()> {
        let mut state = locked(&self.state);
        state.record.status = Status::Exited;
        state.record.exit_code = code;
        state.record.finished = Some(Timestamp::now());
        state.record.pid = None;
        state.record.start_ticks = None;
        let saved = self.save(&state.record);
        self.log.close();
        self.changed.notify_all();
        saved
    }

    /// Asks the process to end, and kills what is left of its group after `grace`. Returns when
    /// it has ended.
    ///
    /// The command of a one-off container is process 1 of it on a real host, without an init: a
    /// signal that it does not catch is ignored there, and only the kill ends it.
    pub fn stop(&self, grace: Duration) {
        let record = self.record();
        let is_ignored = record.kind == Kind::Run
            && record
                .pid
                .is_some_and(|pid| !process::catches(pid, Signal::TERM));
        self.signal(if is_ignored {
            Signal::KILL
        } else {
            Signal::TERM
        });
        if self.wait_until(Instant::now() + grace, |record| {
            record.status == Status::Exited
        }) {
            return;
        }
        self.signal(Signal::KILL);
        self.wait();
    }

    fn signal(&self, signal: Signal) {
        let mut state = locked(&self.state);
        state.is_stopping = true;
        if let Some(group) = state.record.pid {
            process::kill_group(group, signal);
        } else if state.record.status == Status::Created {
            state.record.status = Status::Exited;
        }
        self.changed.notify_all();
    }

    /// Blocks until the container has ended for good; its exit code.
    pub fn wait(&self) -> i32 {
        let mut state = locked(&self.state);
        while state.record.status != Status::Exited {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        state.record.exit_code
    }

    /// Blocks until `is_met` or the deadline; whether it was met.
    pub fn wait_until(&self, deadline: Instant, is_met: impl Fn(&Record) -> bool) -> bool {
        let mut state = locked(&self.state);
        loop {
            if is_met(&state.record) {
                return true;
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return false;
            };
            state = self
                .changed
                .wait_timeout(state, left)
                .map_or_else(|p| p.into_inner().0, |(state, _)| state);
        }
    }

    /// Counts a request as being answered by this container until the guard is dropped.
    pub fn begin_request(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        InFlight(Arc::clone(self))
    }

    /// Blocks until no request is being answered, at most until the deadline.
    pub fn wait_idle(&self, deadline: Instant) -> bool {
        self.wait_until(deadline, |_| self.in_flight.load(Ordering::SeqCst) == 0)
    }

    /// A line about the container itself, in its own log.
    fn note(&self, text: &str) {
        let line = super::log::Line {
            log: format!("sandbox: {text}\n"),
            stream: "stderr".to_owned(),
            time: Timestamp::now(),
        };
        // The log is the only place for this; if it cannot be written there is no other.
        let _ = self.log.append(&line);
    }

    fn save(&self, record: &Record) -> io::Result<()> {
        files::write_json(&self.directory.join("container.json"), record)
    }
}

struct Running {
    child: Child,
    outputs: Option<(std::process::ChildStdout, std::process::ChildStderr)>,
    attached: Option<Attached>,
}

/// A request that a container is answering.
pub struct InFlight(Arc<Container>);

impl Drop for InFlight {
    fn drop(&mut self) {
        // Under the lock, so that a waiter cannot miss it between its look and its sleep.
        let _state = locked(&self.0.state);
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_all();
    }
}

/// Ends what an earlier sandbox left running in this container and marks it as ended.
pub fn end_leftover(directory: &Path, record: &mut Record) -> io::Result<()> {
    if let (Some(pid), Some(ticks)) = (record.pid, record.start_ticks)
        && process::start_ticks(pid) == Some(ticks)
    {
        process::kill_group(pid, Signal::KILL);
    }
    process::kill_strays(record.short_id())?;
    if record.status != Status::Exited {
        record.status = Status::Exited;
        record.exit_code = 137;
        record.finished = Some(Timestamp::now());
    }
    record.pid = None;
    record.start_ticks = None;
    files::write_json(&directory.join("container.json"), record)
}
