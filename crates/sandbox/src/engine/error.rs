//! What can go wrong with an engine.

use std::io;
use std::path::{Path, PathBuf};

use super::Kind;

/// Why an engine could not do what was asked. The text names the place and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine's programs are not on this machine.
    #[error(
        "{kind} is not installed on this machine: {program} was not found; install it with: apt-get install {package}"
    )]
    NotInstalled {
        /// Which engine.
        kind: Kind,
        /// The program that was looked for.
        program: &'static str,
        /// Debian's package that holds it.
        package: &'static str,
    },
    /// The engine has to give up root rights, and there is no account or program to do it with.
    #[error("{kind} refuses to run as root, and {reason}")]
    NoAccount {
        /// Which engine.
        kind: Kind,
        /// What is missing.
        reason: String,
    },
    /// The unprivileged account cannot enter the directory that the data has to live in.
    #[error(
        "{kind} runs as the user {account}, who cannot enter {}: {} is closed to other users; choose a --root below a directory that everybody may enter, for example /var/lib or /tmp",
        path.display(), closed.display()
    )]
    Unreachable {
        /// Which engine.
        kind: Kind,
        /// The account that the engine runs as.
        account: String,
        /// Where the data was to be.
        path: PathBuf,
        /// The directory on the way that lets nobody through.
        closed: PathBuf,
    },
    /// One of the engine's programs ended with an error.
    #[error("{program} failed ({status}): {output}")]
    Program {
        /// The program's name.
        program: String,
        /// How it ended.
        status: String,
        /// What it said.
        output: String,
    },
    /// The server process ended before it was ready, or did not become ready in time.
    #[error("{kind} did not start: {reason}; the end of its log: {log}")]
    NotStarted {
        /// Which engine.
        kind: Kind,
        /// What happened.
        reason: String,
        /// The last lines of the server's log.
        log: String,
    },
    /// The port that the service's address names is in use by another process.
    #[error(
        "port {port} on 127.0.0.1, which the address of this service names, is in use by another process; end that process and start the service again"
    )]
    PortTaken {
        /// The port in question.
        port: u16,
    },
    /// A process that an earlier run left behind does not end.
    #[error("process {pid}, left by an earlier run, does not end; end it by hand and try again")]
    Immortal {
        /// Its id.
        pid: i32,
    },
    /// The sandbox is ending.
    #[error("the sandbox is stopping: it starts no servers any more")]
    Closed,
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl EngineError {
    /// Wraps a refusal of the operating system with what was tried on which file.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
