//! Why a lock could not be set, removed or read.

use crate::{
    app::AppName,
    dokku::{capabilities::Incapable, deploy_system::PluginError},
    host::HostError,
    lock::LongReason,
    plugin_protocol::{BadEnd, Fault, FaultKind, Mismatch},
};

/// Why a lock could not be set, removed or read. None of these ever means "unlocked".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// The host gave no usable answer. After a write nobody knows what came of it.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The host's Dokku is too old.
    #[error(transparent)]
    Incapable(#[from] Incapable),
    /// Dokku says that there is no such app.
    #[error("app {app} does not exist on {host}")]
    NoSuchApp {
        /// The app.
        app: AppName,
        /// The host, for messages.
        host: String,
    },
    /// The lock's variables make no sense, so the app counts as locked.
    #[error("the lock of {app} cannot be read: {why}")]
    Unreadable {
        /// The app.
        app: AppName,
        /// What is wrong.
        why: String,
    },
    /// The reason is too long.
    #[error(transparent)]
    LongReason(#[from] LongReason),
    /// The lock would end before it begins.
    #[error(transparent)]
    BadEnd(#[from] BadEnd),
    /// Written, and not there when read back.
    #[error(
        "the lock of {app} was written and is not there any more: somebody unlocked or changed its variables at the same moment; {app} is not locked"
    )]
    Vanished {
        /// The app.
        app: AppName,
    },
    /// Removed, and still there when read back.
    #[error(
        "the lock of {app} was removed and is still there: Dokku does not hold what was written"
    )]
    Stayed {
        /// The app.
        app: AppName,
    },
    /// The plugin on the host speaks another protocol.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The plugin on the host failed.
    #[error("the plugin deploy-system on {host}: {why}")]
    Plugin {
        /// The host, for messages.
        host: String,
        /// In its words.
        why: String,
    },
}

impl LockError {
    /// What the plugin answered instead of a result, asked about `app`.
    pub(super) fn of_plugin(error: PluginError, app: &AppName, host: &str) -> Self {
        match error {
            PluginError::Host(error) | PluginError::Lacking(error) => Self::Host(error),
            PluginError::Mismatch(mismatch) => Self::Mismatch(mismatch),
            PluginError::Fault(fault) => match fault.kind {
                FaultKind::NoSuchApp => Self::NoSuchApp {
                    app: app.clone(),
                    host: host.to_owned(),
                },
                FaultKind::Unreadable => Self::Unreadable {
                    app: app.clone(),
                    why: fault.message,
                },
                FaultKind::Invalid | FaultKind::Protocol | FaultKind::Busy | FaultKind::Failed => {
                    Self::Plugin {
                        host: host.to_owned(),
                        why: fault.message,
                    }
                }
            },
        }
    }

    /// This error as the plugin tells it.
    pub fn fault(&self) -> Fault {
        let (kind, message) = match self {
            Self::NoSuchApp { .. } => (FaultKind::NoSuchApp, self.to_string()),
            // The asking side names the app itself.
            Self::Unreadable { why, .. } => (FaultKind::Unreadable, why.clone()),
            Self::LongReason(_) | Self::BadEnd(_) => (FaultKind::Invalid, self.to_string()),
            _ => (FaultKind::Failed, self.to_string()),
        };
        Fault { kind, message }
    }
}
