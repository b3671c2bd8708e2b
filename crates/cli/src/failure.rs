//! Errors as people see them: message, hints and exit code, all in one place.

use std::io;

use dokku_deploy::{
    app::BadAppName,
    command::Unsendable,
    dokku::deploy_system::PluginError,
    flows::{backup::TakeError, lock::LockError},
    host::HostError,
    interrupt::Signal,
    naming::{UnknownBranch, UnusableRepositoryName},
    plugin_protocol::FaultKind,
    release::Corrupted,
    settings::Faults,
};

use crate::{
    data_branch::DataBranchError, exit_codes, invocation::NoHost, settings_file::BadSettingsFile,
    target::BadTarget,
};

/// Why the program ends without having done what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One of [`exit_codes`].
    pub code: u8,
    /// What failed, on which host or app, and why. May have several lines.
    pub message: String,
    /// What to do next, one sentence each.
    pub hints: Vec<String>,
}

impl Failure {
    /// A failure with an exit code of [`exit_codes`].
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hints: Vec::new(),
        }
    }

    /// The command line is wrong (exit 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(exit_codes::USAGE, message)
    }

    /// A file, a variable or the repository is not as it has to be (exit 3).
    pub fn settings(message: impl Into<String>) -> Self {
        Self::new(exit_codes::SETTINGS, message)
    }

    /// Refused, nothing was changed (exit 4).
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(exit_codes::REFUSED, message)
    }

    /// A mistake of this program or trouble on this machine (exit 70).
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(exit_codes::INTERNAL, message)
    }

    /// Somebody asked to stop (exit 130 or 143).
    pub fn interrupted(by: Signal) -> Self {
        Self::new(signal_code(by), "Stopped")
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// The exit code of a program that this signal ended.
pub fn signal_code(signal: Signal) -> u8 {
    match signal {
        Signal::Interrupt => exit_codes::INTERRUPTED,
        Signal::Terminate => exit_codes::TERMINATED,
        Signal::Overdue => exit_codes::APP,
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        let failure = |code| Self::new(code, error.to_string());
        match &error {
            HostError::Unreachable { .. } => failure(exit_codes::HOST).hint(
                "Check the host's name and port (--host, DOKKU_HOST or ~/.dokku-cli) and your network.",
            ),
            HostError::HostKey { .. } => failure(exit_codes::HOST)
                .hint("Connect once with `ssh` and compare the key's fingerprint with the host's, or, in CI, put its known_hosts line into DOKKU_HOST_KEY.")
                .hint("If the key has changed and you do not know why, somebody may be listening: ask whoever runs the host."),
            HostError::KeyRefused { .. } => failure(exit_codes::HOST).hint(
                "Have your public key added on the host (`dokku ssh-keys:add NAME`), or choose another key with --ssh-key or SSH_KEY.",
            ),
            HostError::NotDokku { .. } => {
                failure(exit_codes::HOST).hint("Is this the right host, and is Dokku installed on it?")
            }
            HostError::TimedOut { .. } => failure(exit_codes::HOST)
                .hint("What was asked may still be going on there; look before you try again."),
            HostError::Refused { status: 20, .. } => failure(exit_codes::HOST)
                .hint("`dokku-cli list` shows the apps of the host."),
            HostError::Refused { .. } => failure(exit_codes::HOST),
            HostError::Unparsable { .. } => failure(exit_codes::HOST).hint(
                "The host may run a Dokku that this program does not know; `-v` shows what was sent.",
            ),
            HostError::Unsendable(_) => failure(exit_codes::SETTINGS),
            HostError::Stopped { .. } => failure(exit_codes::INTERRUPTED),
            HostError::Local { program, .. } => failure(exit_codes::INTERNAL)
                .hint(format!("`{program}` has to be installed and in your PATH.")),
        }
    }
}

impl From<Unsendable> for Failure {
    fn from(error: Unsendable) -> Self {
        HostError::from(error).into()
    }
}

/// The record is on the host, and it is not what this program writes.
impl From<Corrupted> for Failure {
    fn from(error: Corrupted) -> Self {
        Self::new(exit_codes::HOST, error.to_string())
    }
}

/// Whatever keeps a lock from being known or changed never counts as "unlocked".
impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        let failure = |code| Self::new(code, error.to_string());
        match error {
            LockError::Host(host) => host.into(),
            LockError::NoSuchApp { .. } => {
                failure(exit_codes::HOST).hint("`dokku-cli list` shows the apps of the host.")
            }
            LockError::Unreadable { ref app, .. } => failure(exit_codes::HOST).hint(format!(
                "Whether {app} is locked is not known. Where its variables can be read, `dokku-cli lock {app} REASON --replace` locks it anew and `dokku-cli unlock {app} --force` removes what is there."
            )),
            LockError::LongReason(_) | LockError::BadEnd(_) => failure(exit_codes::USAGE),
            LockError::Incapable(_)
            | LockError::Vanished { .. }
            | LockError::Stayed { .. }
            | LockError::Mismatch(_)
            | LockError::Plugin { .. } => failure(exit_codes::HOST),
        }
    }
}

/// What is no whole dump did not pass its verification; the rest is the host's or this machine's.
impl From<TakeError> for Failure {
    fn from(error: TakeError) -> Self {
        let message = error.to_string();
        match error {
            TakeError::Host { why, .. } => {
                let mut failure = Self::from(why);
                failure.message = message;
                failure
            }
            TakeError::Store { .. } => Self::internal(message),
            TakeError::NotWhole { .. } => Self::new(exit_codes::VERIFICATION, message),
            TakeError::HalfRestored { app, .. } => Self::refused(message)
                .hint(format!(
                    "Restore it once more: the next restore of {app} by who began it goes on."
                ))
                .hint(format!("If what is there is meant: dokku-cli unlock {app}")),
        }
    }
}

/// A branch that cannot be read is never written over.
impl From<DataBranchError> for Failure {
    fn from(error: DataBranchError) -> Self {
        let failure = |code| Self::new(code, error.to_string());
        match &error {
            DataBranchError::BadRemote(_) => failure(exit_codes::SETTINGS),
            DataBranchError::Remote { .. } => failure(exit_codes::HOST).hint(
                "git has to be allowed to push there: by your ssh key, your credential helper, or DASHBOARD_TOKEN.",
            ),
            DataBranchError::Foreign { .. } => {
                failure(exit_codes::REFUSED).hint("Nothing was written over it.")
            }
            DataBranchError::Crowded { .. } | DataBranchError::Silent { .. } => failure(exit_codes::HOST).hint("Try again later."),
            DataBranchError::Stopped => failure(exit_codes::INTERRUPTED),
            DataBranchError::Local(_) => failure(exit_codes::INTERNAL),
        }
    }
}

impl From<PluginError> for Failure {
    fn from(error: PluginError) -> Self {
        match error {
            PluginError::Host(host) => host.into(),
            PluginError::Fault(fault) => {
                let code = match fault.kind {
                    FaultKind::Invalid => exit_codes::USAGE,
                    _ => exit_codes::HOST,
                };
                Self::new(code, fault.message)
            }
            PluginError::Lacking(_) => Self::new(exit_codes::HOST, error.to_string())
                .hint("`dokku-cli server setup` installs or upgrades the plugin (docs/plugin.md)."),
            PluginError::Mismatch(_) => Self::new(exit_codes::HOST, error.to_string()),
        }
    }
}

impl From<BadAppName> for Failure {
    fn from(error: BadAppName) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<BadTarget> for Failure {
    fn from(error: BadTarget) -> Self {
        Self::settings(error.to_string()).hint(
            "A host is written HOST, USER@HOST or HOST:PORT; an IPv6 address with a port [::1]:22.",
        )
    }
}

impl From<BadSettingsFile> for Failure {
    fn from(error: BadSettingsFile) -> Self {
        Self::settings(error.to_string())
    }
}

impl From<NoHost> for Failure {
    fn from(error: NoHost) -> Self {
        Self::settings(error.to_string()).hint(
            "Name it with --host, with the variable DOKKU_HOST, or once and for all in ~/.dokku-cli: DOKKU_HOST=\"dokku.example.com\"",
        )
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::settings(format!("the settings are not valid\n\n{faults}\n"))
            .hint("docs/settings.md explains every key; `dokku-cli validate` checks again.")
    }
}

impl From<UnknownBranch> for Failure {
    fn from(error: UnknownBranch) -> Self {
        Self::settings(error.to_string())
    }
}

impl From<UnusableRepositoryName> for Failure {
    fn from(error: UnusableRepositoryName) -> Self {
        Self::usage(error.to_string())
    }
}

/// A result that could not be written, or a file of ours that could not be used.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::internal(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_the_host_has_a_code_and_says_where() {
        let failure = Failure::from(HostError::KeyRefused {
            host: "dokku@h".into(),
            why: "Permission denied (publickey).".into(),
        });
        assert_eq!(failure.code, exit_codes::HOST);
        assert_eq!(
            failure.message,
            "dokku@h refused the ssh key: Permission denied (publickey)."
        );
        assert_eq!(failure.hints.len(), 1);
    }
}
