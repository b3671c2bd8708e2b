//! What was done, and what came of it, as the words of the record.

use serde::{Deserialize, Serialize};

use crate::app::Environment;

/// A list of words that the record knows, and any other that an older or newer writer may have used.
macro_rules! known_words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// A word of another writer, kept as it is.
            Other(String),
        }

        impl $name {
            /// All words that this version writes.
            pub const WORDS: &[&str] = &[$($word),*];

            /// The word as the record has it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                Self::from(word.as_str())
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.as_str().to_owned()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

known_words! {
    /// What was done, or what was found.
    Action {
        /// An app was deployed.
        Deploy = "deploy",
        /// What a killed deploy had left was put back.
        DeployAbort = "deploy-abort",
        /// The host let a push or rebuild pass its gate.
        DeployAllowed = "deploy-allowed",
        /// An earlier release was made to serve again.
        Rollback = "rollback",
        /// The host ran the kept image of an earlier release again.
        ImageRollback = "image-rollback",
        /// The app of a pull request was deployed.
        Preview = "preview",
        /// The app of a pull request was removed.
        PreviewCleanup = "preview-cleanup",
        /// Deploys of an app were blocked.
        Lock = "lock",
        /// Deploys of an app were allowed again.
        Unlock = "unlock",
        /// A lock that had been wiped was put back.
        LockRestored = "lock-restored",
        /// One deploy through a lock was permitted.
        Permit = "permit",
        /// Every deploy was let through, locked or not.
        BreakGlass = "break-glass",
        /// A database was copied.
        Backup = "backup",
        /// A backup that should be there is not.
        BackupOverdue = "backup-overdue",
        /// Old backups were removed.
        BackupPrune = "backup-prune",
        /// A database was replaced by a backup.
        Restore = "restore",
        /// A backup was restored into a scratch database, to see whether it can be.
        RestoreTest = "restore-test",
        /// Apps and services that nobody needs were removed.
        Cleanup = "cleanup",
        /// What serves in one environment was deployed to the next.
        Promote = "promote",
        /// Variables were set.
        ConfigSet = "config-set",
        /// Variables were removed.
        ConfigUnset = "config-unset",
        /// Processes were started, stopped or counted anew.
        Scale = "scale",
        /// Domains were given to an app, or taken from it.
        Domains = "domains",
        /// A certificate was got for an app, or given up.
        Ssl = "ssl",
        /// An app was made.
        Create = "create",
        /// An app or service was destroyed.
        Destroy = "destroy",
        /// The plugin was installed or upgraded on a host.
        ServerSetup = "server-setup",
        /// The plugin was removed from a host.
        ServerRemove = "server-remove",
        /// Something about a host's own settings was changed.
        ServerConfig = "server-config",
        /// An app stopped answering, or answers again.
        Health = "health",
        /// A certificate ends soon.
        Certificate = "certificate",
        /// The night's work: backups, clean-up, checks.
        Maintenance = "maintenance",
        /// A run of a schedule did not come, or comes again.
        ScheduleMissed = "schedule-missed",
        /// A sample, to try whether messages arrive.
        Test = "test",
    }
}

known_words! {
    /// What came of it.
    Status {
        /// It has only begun. Told, never kept: the record has the end.
        Started = "started",
        /// All went well.
        Success = "success",
        /// It failed.
        Failure = "failure",
        /// It was refused before anything was changed.
        Refused = "refused",
        /// Somebody stopped it.
        Cancelled = "cancelled",
        /// There was nothing to do.
        Skipped = "skipped",
        /// Nobody knows: the host could not be asked any more.
        Unknown = "unknown",
    }
}

impl Action {
    /// What a deploy to `environment` is called.
    pub fn of_deploy(environment: Environment) -> Self {
        match environment {
            Environment::Preview => Self::Preview,
            Environment::Production | Environment::Staging | Environment::Development => {
                Self::Deploy
            }
        }
    }

    /// Whether it is one of those that the statistics of deploys count.
    pub fn is_deploy(&self) -> bool {
        matches!(self, Self::Deploy | Self::Preview)
    }
}

impl Status {
    /// Whether people should look at it: anything that is neither good nor meant.
    pub fn is_bad(&self) -> bool {
        matches!(self, Self::Failure | Self::Unknown | Self::Other(_))
    }
}
