//! Why a restore is not begun.

use crate::{app::AppName, backup::size, dump::Engine, service::ServiceName};

/// Why a restore is not begun. Nothing has been changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such app.
    #[error("there is no app {0}")]
    NoSuchApp(AppName),
    /// The file holds the data of another app.
    #[error("{file} is a backup of {owner}, not of {app}")]
    OtherApp {
        /// The file.
        file: String,
        /// Whose data it holds.
        owner: String,
        /// The app that it was to go to.
        app: AppName,
    },
    /// The file is of another engine than the service.
    #[error("{file} is a dump of {found}, and {service} is a {kind} service")]
    OtherEngine {
        /// The file.
        file: String,
        /// Its engine.
        found: Engine,
        /// The service.
        service: ServiceName,
        /// The service's kind.
        kind: crate::service::ServiceKind,
    },
    /// This program does not restore dumps of that engine.
    #[error(
        "dumps of {engine} are not restored by this program yet: what is there could not be compared with them"
    )]
    ByHand {
        /// The engine.
        engine: Engine,
    },
    /// The server is older than the one that the dump was taken from.
    #[error("{file} was made by {engine} {dump}, and {service} runs {server}, which is older")]
    Newer {
        /// The file.
        file: String,
        /// The engine.
        engine: Engine,
        /// The version that made the dump.
        dump: String,
        /// The service.
        service: ServiceName,
        /// Its version.
        server: String,
    },
    /// The server lacks something that the dump needs, in words.
    #[error("{file} needs {what}, which {service} does not have: {names}")]
    Lacks {
        /// The file.
        file: String,
        /// What kind of thing.
        what: &'static str,
        /// The service.
        service: ServiceName,
        /// Which ones.
        names: String,
    },
    /// The app is locked.
    #[error("{app} is locked by {by} since {at}: {reason}")]
    Locked {
        /// The app.
        app: AppName,
        /// Who locked it.
        by: String,
        /// Since when.
        at: String,
        /// Why. Hostile text.
        reason: String,
    },
    /// Whether the app is locked or being deployed is not known.
    #[error("whether {app} may be changed is not known: {why}")]
    Unreadable {
        /// The app.
        app: AppName,
        /// What cannot be read.
        why: String,
    },
    /// The app is being deployed.
    #[error("{app} is being deployed by {by} ({phase})")]
    Busy {
        /// The app.
        app: AppName,
        /// Who deploys.
        by: String,
        /// How far it is.
        phase: &'static str,
    },
    /// The disk of the host is too full.
    #[error(
        "{file} needs about {} on the host, and {} are free there",
        size(*needed),
        size(*free)
    )]
    NoRoom {
        /// The file.
        file: String,
        /// Bytes that it takes.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The service to restore into is there already.
    #[error("there is a service {0} already")]
    Taken(ServiceName),
}
