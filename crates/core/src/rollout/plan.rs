//! What a rollout will do, as data: whoever plans one fills this in.

use std::collections::{BTreeMap, BTreeSet};

use super::step::{KeptRelease, Step};
use crate::{
    app::AppName,
    dokku::capabilities::Capabilities,
    journal::Journal,
    release::{History, Release},
    service::{ServiceKind, ServiceName},
    store::Variables,
    variables::Changes,
};

/// What will be done, and what was found out on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The steps in order. No step that changes anything: nothing to do but to verify.
    pub steps: Vec<Step>,
    /// What a person should know about what is done or left alone.
    pub notes: Vec<String>,
    /// The first deploy of an app that somebody else made: what it takes over and what it leaves.
    pub adoption: Option<Adoption>,
    /// An unfinished run that this one takes over.
    pub takeover: Option<Journal>,
    /// Whether release tasks that this run may have left at work are stopped; otherwise they are a
    /// reason not to take it over.
    pub stops_left_tasks: bool,
    /// The release before.
    pub previous: Option<Release>,
    /// The commit on the deploy branch before, where known: what is put back on failure.
    pub previous_commit: Option<String>,
    /// The branch on the host that deploys.
    pub branch: String,
    /// The commit that it is at, as far as is known.
    pub branch_commit: Option<String>,
    /// The image of what served before, where the host has kept it: the quickest way back.
    pub kept_before: Option<KeptRelease>,
    /// Why a lock of the app or its base is passed over; `None`: it is not.
    pub override_lock: Option<String>,
    /// The release that is gone back to, if one is.
    pub again: Option<u64>,
    /// The releases so far.
    pub history: History,
    /// The number that this release gets.
    pub next_version: u64,
    /// The containers that ran before, by id.
    pub containers_before: BTreeSet<String>,
    /// The one image that they ran, if it was one.
    pub image_before: Option<String>,
    /// Whether the app ever ran.
    pub is_first: bool,
    /// The app's own domain, if it has one.
    pub domain: Option<String>,
    /// Variables before, for putting them back.
    pub before: Variables,
    /// Processes by type, as the host had them.
    pub scale_before: BTreeMap<String, u32>,
    /// The app whose lock holds for this one too.
    pub base: Option<AppName>,
    /// What the host can do.
    pub capabilities: Capabilities,
}

impl Plan {
    /// Whether anything on the host changes.
    pub fn changes_anything(&self) -> bool {
        self.steps
            .iter()
            .any(|step| !matches!(step, Step::Verify | Step::Protect(_)))
    }

    /// Whether nobody may see the app without a password.
    pub fn protects(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| matches!(step, Step::Protect(_)))
    }

    /// Services of the app that are destroyed, to be copied anew.
    pub fn renewed(&self) -> impl Iterator<Item = (ServiceKind, &ServiceName)> {
        self.steps.iter().filter_map(|step| match step {
            Step::CopyService(copying) if copying.renews => Some((copying.kind, &copying.to)),
            _ => None,
        })
    }

    /// Whether new code goes live.
    pub fn builds(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step, Step::Push { .. } | Step::Rebuild))
    }

    /// The kept image that goes live, if one does.
    pub fn kept(&self) -> Option<&KeptRelease> {
        self.steps.iter().find_map(|step| match step {
            Step::RunKept(kept) => Some(kept),
            _ => None,
        })
    }

    /// Processes by type as they are after the deploy: what is wished over what was there.
    pub fn scale(&self, wished: &BTreeMap<String, u32>) -> BTreeMap<String, u32> {
        let mut scale = self.scale_before.clone();
        scale.extend(
            wished
                .iter()
                .map(|(process, count)| (process.clone(), *count)),
        );
        scale
    }

    /// The variables that change.
    pub fn variable_changes(&self) -> Option<&Changes> {
        self.steps.iter().find_map(|step| match step {
            Step::SetVariables(changes) => Some(changes),
            _ => None,
        })
    }
}

/// What the first deploy of somebody else's app takes over.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Adoption {
    /// Variables that this system will own, with a new value where they had another.
    pub owns: Vec<String>,
    /// Variables of the app that stay as they are.
    pub leaves: Vec<String>,
    /// Services that are linked and stay so.
    pub services: Vec<String>,
    /// Domains that are there and stay.
    pub domains: Vec<String>,
}
