//! Real database engines as private instances: one server process per service.
//!
//! Servers listen on 127.0.0.1 only. Run by root, PostgreSQL, which refuses root, runs as the
//! user `postgres` (or `nobody`); MariaDB and Redis run as the sandbox does. No server outlives
//! the sandbox: it ends them when it stops, the kernel ends them when it is killed, and what
//! should be left all the same is found by its recorded identity at the next start.

mod account;
#[allow(
    clippy::module_inception,
    reason = "the directory is about engines, the file about one"
)]
mod engine;
mod error;
mod files;
mod instance;
mod launcher;
mod mariadb;
mod password;
mod port;
mod postgres;
mod process;
mod programs;
mod redis;

use std::collections::HashMap;
use std::fmt;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::rustix::process::Signal;
use serde::{Deserialize, Serialize};

pub use engine::{Access, Engine};
pub use error::EngineError;
pub use files::{open_to_all, write_atomically};
pub use launcher::Launcher;
pub use password::{Password, random_hex};
pub use port::choose as choose_port;
pub use postgres::is_builtin as is_builtin_database;
pub use process::{Handle, Identity};

use instance::Instance;

/// The engines that the sandbox can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// PostgreSQL.
    Postgres,
    /// MariaDB, for MySQL too.
    Mariadb,
    /// Redis.
    Redis,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Mariadb => "MariaDB",
            Self::Redis => "Redis",
        })
    }
}

impl Kind {
    /// What the server writes to its log once it accepts connections.
    fn ready_line(self) -> &'static str {
        match self {
            Self::Postgres => "database system is ready to accept connections",
            Self::Mariadb => "ready for connections.",
            Self::Redis => "Ready to accept connections",
        }
    }

    /// The signals that end the server, each with the time it is given, before KILL.
    fn stop_signals(self) -> Vec<(Signal, Duration)> {
        let patience = Duration::from_secs(10);
        match self {
            // Fast shutdown, then immediate shutdown, which also ends its children.
            Self::Postgres => vec![(Signal::INT, patience), (Signal::QUIT, patience)],
            Self::Mariadb | Self::Redis => vec![(Signal::TERM, patience)],
        }
    }
}

/// The engines of one sandbox and their running servers.
pub struct Engines {
    templates: PathBuf,
    found: Mutex<HashMap<Kind, Arc<Engine>>>,
    // Before the launcher, whose end ends what still runs.
    running: Mutex<HashMap<PathBuf, (Kind, Arc<Instance>)>>,
    is_closed: AtomicBool,
    launcher: Launcher,
}

impl Engines {
    /// Opens the engines' directory below the sandbox's root. Nothing is looked for or started yet.
    pub fn open(root: &Path) -> Result<Self, EngineError> {
        let templates = root.join("engines");
        fs_err::create_dir_all(&templates).map_err(EngineError::io("create", &templates))?;
        open_to_all(&templates)?;
        // What a killed sandbox was making.
        for entry in fs_err::read_dir(&templates)
            .map_err(EngineError::io("read", &templates))?
            .flatten()
        {
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with(".unfinished-")
            {
                fs_err::remove_dir_all(entry.path())
                    .map_err(EngineError::io("remove", &entry.path()))?;
            }
        }
        Ok(Self {
            launcher: Launcher::new().map_err(EngineError::io("start the launcher of", root))?,
            templates,
            found: Mutex::default(),
            running: Mutex::default(),
            is_closed: AtomicBool::new(false),
        })
    }

    /// The engine, or why it cannot be used here.
    pub fn engine(&self, kind: Kind) -> Result<Arc<Engine>, EngineError> {
        let mut found = lock(&self.found);
        if let Some(engine) = found.get(&kind) {
            return Ok(Arc::clone(engine));
        }
        let engine = Arc::new(Engine::find(kind, &self.templates)?);
        found.insert(kind, Arc::clone(&engine));
        Ok(engine)
    }

    /// Starts the server of the service at `directory` and waits until it accepts connections;
    /// nothing when it runs already.
    pub fn start(&self, kind: Kind, directory: &Path, access: &Access) -> Result<(), EngineError> {
        if self.is_running(directory) {
            return Ok(());
        }
        let engine = self.engine(kind)?;
        end_leftover(kind, directory)?;
        if !port::is_free(access.port) {
            return Err(EngineError::PortTaken { port: access.port });
        }
        let command = engine.server(directory, access)?;
        let instance = Arc::new(Instance::start(&self.launcher, kind, command, directory)?);
        let mut running = lock(&self.running);
        // Looked at under the lock that `stop_all` drains under: no server slips through.
        if self.is_closed.load(Ordering::SeqCst) {
            drop(running);
            instance.stop(kind, directory)?;
            return Err(EngineError::Closed);
        }
        running.insert(directory.to_path_buf(), (kind, instance));
        Ok(())
    }

    /// Whether the server of the service at `directory` runs.
    pub fn is_running(&self, directory: &Path) -> bool {
        lock(&self.running)
            .get(directory)
            .is_some_and(|(_, instance)| instance.is_running())
    }

    /// Ends the server of the service at `directory`; nothing when it does not run.
    pub fn stop(&self, directory: &Path) -> Result<(), EngineError> {
        let running = lock(&self.running).remove(directory);
        running.map_or(Ok(()), |(kind, instance)| instance.stop(kind, directory))
    }

    /// Ends all servers for good, side by side; the errors of those that could not be ended.
    pub fn stop_all(&self) -> Vec<EngineError> {
        self.is_closed.store(true, Ordering::SeqCst);
        let running: Vec<_> = lock(&self.running).drain().collect();
        std::thread::scope(|scope| {
            let stopping: Vec<_> = running
                .iter()
                .map(|(directory, (kind, instance))| {
                    scope.spawn(|| instance.stop(*kind, directory))
                })
                .collect();
            stopping
                .into_iter()
                .filter_map(|thread| thread.join().ok()?.err())
                .collect()
        })
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        // What does not end here is ended by the kernel with the launcher's thread.
        let _failed = self.stop_all();
    }
}

/// Ends the server that an earlier run left at `directory`, if there is one.
pub fn end_leftover(kind: Kind, directory: &Path) -> Result<(), EngineError> {
    // An immediate shutdown for PostgreSQL, so that its children end too.
    let signal = if kind == Kind::Postgres {
        Signal::QUIT
    } else {
        Signal::TERM
    };
    process::end_leftover(&directory.join("pid"), signal, Duration::from_secs(10))
}

/// The last lines of a log, on one line; what cannot be read is said.
fn log_tail(path: &Path, lines: usize) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = fs_err::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(8192)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    match read() {
        Ok(text) => {
            let mut last: Vec<&str> = text
                .lines()
                .rev()
                .filter(|line| !line.trim().is_empty())
                .take(lines)
                .collect();
            last.reverse();
            last.join(" | ")
        }
        Err(error) => error.to_string(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
