//! What is to be restored, and where.

use jiff::Timestamp;

use crate::{app::AppName, dokku::census::Database, dump::Dump, service::ServiceName};

/// A file that was read to its end: it is whole, and it is what its manifest says.
#[derive(Debug, Clone)]
pub struct File {
    /// Its name, for people and for the command that leads back.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// What is in it, counted.
    pub dump: Dump,
    /// The app whose data it is, where its name or its manifest tells.
    pub app: Option<String>,
    /// The service whose data it is, where its manifest tells.
    pub service: Option<String>,
    /// When it was made, where its name or its manifest tells.
    pub made: Option<Timestamp>,
}

/// A restore as somebody asked for it.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The app.
    pub app: AppName,
    /// The service of the app that is meant.
    pub database: Database,
    /// What is restored.
    pub file: File,
    /// Whether it may be the data of another app.
    pub other_app: bool,
    /// The new service to restore into; `None`: the data of the present one are replaced.
    pub into: Option<ServiceName>,
    /// Whether the app is stopped meanwhile.
    pub stop_app: bool,
    /// Whether a restore of this person on this machine that was killed holds the lock, by the
    /// lock's [`fingerprint`](crate::lock::Lock::fingerprint).
    pub left_lock: Option<String>,
    /// Whether such a restore had stopped the app and has not started it again.
    pub is_left_stopped: bool,
}

impl Wish {
    /// The service that gets the data.
    pub fn target(&self) -> Database {
        Database {
            name: self
                .into
                .clone()
                .unwrap_or_else(|| self.database.name.clone()),
            ..self.database.clone()
        }
    }
}
