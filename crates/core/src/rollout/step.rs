//! The steps of a rollout, as data.

use std::collections::BTreeMap;

use super::{copy::Copying, protect::Doorkeeper};
use crate::{
    dokku::datastore::Image,
    service::{ServiceKind, ServiceName},
    settings::ReleaseTask,
    variables::Changes,
};

/// The branch that new apps deploy from, as the bash system named it.
pub const DEPLOY_BRANCH: &str = "main";

/// An image that the plugin on the host has kept, and the release that it was of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRelease {
    /// The release's number.
    pub version: u64,
    /// Docker's id of the image.
    pub image: String,
    /// The release's commit, in full.
    pub commit: String,
}

/// One thing that a rollout does. The order in the plan is the order of execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make the app.
    CreateApp,
    /// Write the journal: from here on the deploy is this run's alone.
    TakeJournal,
    /// Make a service.
    CreateService {
        /// Its kind.
        kind: ServiceKind,
        /// Its name.
        name: ServiceName,
        /// What it is made of.
        image: Image,
    },
    /// Make a service that holds what another one holds, masked. One that is there is destroyed before.
    CopyService(Copying),
    /// Link a service to the app, without a restart.
    LinkService {
        /// Its kind.
        kind: ServiceKind,
        /// Its name.
        name: ServiceName,
    },
    /// Set and unset variables, without a restart.
    SetVariables(Changes),
    /// Tell Dokku which branch deploys (new apps only).
    SetDeployBranch(String),
    /// Add domains.
    AddDomains(Vec<String>),
    /// Set limits.
    Limit {
        /// Memory as Dokku takes it, such as `512m`.
        memory: Option<String>,
        /// CPUs, such as `0.5`.
        cpu: Option<String>,
    },
    /// Set the number of processes by type, without a deploy.
    Scale(BTreeMap<String, u32>),
    /// Ask visitors for a password from now on.
    Protect(Doorkeeper),
    /// Look once more, right before the push, whether the app is locked or somebody else deploys.
    Recheck,
    /// Make Dokku build without going live.
    Hold,
    /// Push the commit: Dokku builds it, and goes live unless held.
    Push {
        /// The app's deploy branch.
        branch: String,
        /// The commit that branch is at, for a push that is no fast-forward.
        lease: Option<String>,
    },
    /// Build the commit that the host has already; goes live unless held.
    Rebuild,
    /// Run the release tasks in the newest image.
    Tasks(Vec<ReleaseTask>),
    /// Let the image of an earlier release go live, which the host has kept.
    RunKept(KeptRelease),
    /// Let the held image go live.
    Switch {
        /// The app never ran: Dokku refuses a restart and wants a rebuild.
        is_first: bool,
    },
    /// Restart, so that changed variables, limits or counts take effect.
    Restart,
    /// Map port 80 where the image only exposes another.
    EnsurePort,
    /// Get certificates where the plugin is there.
    EnableTls,
    /// Find out what serves, and whether it is healthy.
    Verify,
    /// Write the release down.
    Record,
}
