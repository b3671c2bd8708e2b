//! A Dokku host, as the domain sees it: something that answers commands.

use std::{ops::ControlFlow, time::Duration};

use crate::command::{DokkuCommand, Unsendable};

/// Words of godotenv, which keeps Dokku's variables, after which it quotes what it read.
const QUOTES_VARIABLES: [&str; 2] = ["unterminated quoted value", "unexpected character"];

/// What a command answered. A non-zero status is an answer, not an error of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The line that was sent, for messages; it holds no secret.
    pub command: String,
    /// Exit status of the command on the host.
    pub status: i32,
    /// Everything on standard output (bounded by the host's limit for answers).
    pub stdout: Vec<u8>,
    /// Everything on standard error (bounded likewise).
    pub stderr: Vec<u8>,
}

impl Answer {
    /// Whether the command succeeded.
    pub fn is_ok(&self) -> bool {
        self.status == 0
    }

    /// Standard output as text; bytes that are not UTF-8 make it unparsable.
    pub fn text(&self) -> Result<&str, HostError> {
        std::str::from_utf8(&self.stdout).map_err(|_| self.unparsable("text in UTF-8"))
    }

    /// Standard error as a [`complaint`].
    pub fn complaint(&self) -> String {
        complaint(&self.stderr)
    }

    /// This answer as a refusal.
    pub fn refused(&self) -> HostError {
        HostError::Refused {
            command: self.command.clone(),
            status: self.status,
            stderr: self.complaint(),
        }
    }

    /// This answer as one that is not what Dokku says. `expected` completes "expected …".
    pub fn unparsable(&self, expected: &str) -> HostError {
        HostError::Unparsable {
            command: self.command.clone(),
            expected: expected.to_owned(),
        }
    }

    /// This answer if it succeeded, else the refusal.
    pub fn accepted(self) -> Result<Self, HostError> {
        if self.is_ok() {
            Ok(self)
        } else {
            Err(self.refused())
        }
    }
}

/// What Dokku wrote to standard error as text, blanks at the ends removed, anything not UTF-8
/// replaced. Where it cannot read an app's stored variables it quotes them: that part is left out.
pub fn complaint(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let end = QUOTES_VARIABLES
        .iter()
        .filter_map(|words| text.find(words).map(|at| at + words.len()))
        .min();
    match end.and_then(|end| text.get(..end)) {
        Some(beginning) => format!("{} …", beginning.trim()),
        None => text.trim().to_owned(),
    }
}

/// Why there is no usable answer. None of these ever means "absent" or "no".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// No connection: down, wrong name, refused, dropped.
    #[error("cannot reach {host}: {why}")]
    Unreachable {
        /// The host as the person names it.
        host: String,
        /// OpenSSH's words.
        why: String,
    },
    /// The host's key is unknown or has changed.
    #[error("the host key of {host} could not be verified: {why}")]
    HostKey {
        /// The host as the person names it.
        host: String,
        /// OpenSSH's words.
        why: String,
    },
    /// The host does not accept our key.
    #[error("{host} refused the ssh key: {why}")]
    KeyRefused {
        /// The host as the person names it.
        host: String,
        /// OpenSSH's words.
        why: String,
    },
    /// There is a host, but no Dokku behind it.
    #[error("{host} does not answer as Dokku does: {why}")]
    NotDokku {
        /// The host as the person names it.
        host: String,
        /// What it said instead.
        why: String,
    },
    /// The command takes longer than it was given.
    #[error("`{command}` did not end within {} s", .after.as_secs())]
    TimedOut {
        /// The line that was sent.
        command: String,
        /// The time given.
        after: Duration,
    },
    /// Dokku answered no.
    #[error("`{command}` failed with status {status}{}", because(.stderr))]
    Refused {
        /// The line that was sent.
        command: String,
        /// Its exit status.
        status: i32,
        /// Dokku's words.
        stderr: String,
    },
    /// The answer is not what Dokku says.
    #[error("the answer to `{command}` is not {expected}")]
    Unparsable {
        /// The line that was sent.
        command: String,
        /// What an answer looks like.
        expected: String,
    },
    /// The command cannot be sent as it was meant.
    #[error(transparent)]
    Unsendable(#[from] Unsendable),
    /// Somebody here asked to stop (Ctrl-C, a deadline); what runs on the host may go on.
    #[error("stopped while `{command}` was running")]
    Stopped {
        /// The line that was sent.
        command: String,
    },
    /// A program of this machine that is needed (ssh, git) failed to run.
    #[error("{program}: {why}")]
    Local {
        /// The program.
        program: String,
        /// What happened.
        why: String,
    },
}

fn because(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!(": {stderr}")
    }
}

/// Where a line of a running command came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Who follows a running command: gets its output and may stop it.
pub trait Follow: Send {
    /// A line of output, without its end; bytes that are not UTF-8 are replaced. A line over
    /// 64 KiB arrives in pieces.
    fn line(&mut self, from: Stream, line: &str);
    /// Called about every 100 ms while the command runs. `Break` kills the local client and makes
    /// the call return [`HostError::Stopped`].
    fn tick(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// A `git push` to the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The app to push to.
    pub app: crate::app::AppName,
    /// The commit to push, 40 hexadecimal digits.
    pub commit: String,
    /// The branch on the host, without `refs/heads/`.
    pub branch: String,
    /// The commit that the branch must be at for a push that is no fast-forward; `None`: only
    /// fast-forwards.
    pub force_with_lease: Option<String>,
}

/// How a `git push` ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushOutcome {
    /// The branch was moved: Dokku's receive hook accepted the commit.
    Accepted,
    /// The branch was there already; nothing was built or deployed.
    UpToDate,
    /// The host refused it (build failed, gate, deploy lock): the last lines it said.
    Rejected {
        /// git's reason in parentheses, such as `pre-receive hook declined` or `non-fast-forward`.
        reason: String,
    },
}

/// The door to a host. Calls are blocking; one connection carries them all.
pub trait Host: Sync {
    /// The host as the person names it, for messages.
    fn name(&self) -> &str;

    /// Runs a command that ends by itself soon and whose answer is small (under 16 MiB).
    fn ask(&self, command: &DokkuCommand) -> Result<Answer, HostError>;

    /// Asks independent questions at once over the one connection; answers in the same order.
    fn ask_all(&self, commands: &[DokkuCommand]) -> Vec<Result<Answer, HostError>> {
        commands.iter().map(|command| self.ask(command)).collect()
    }

    /// Runs a command of any length; its output goes to `follow` as it comes. Returns its status.
    fn follow(&self, command: &DokkuCommand, follow: &mut dyn Follow) -> Result<i32, HostError>;

    /// Pushes a commit of the local repository over the same connection.
    fn push(&self, push: &Push, follow: &mut dyn Follow) -> Result<PushOutcome, HostError>;
}
