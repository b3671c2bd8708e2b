//! Which services' backups a run restores for a test, decided before it makes any.

use std::{collections::BTreeMap, path::Path};

use dokku_deploy::{
    app::AppName,
    backup::{Manifest, TestRule, tested_lately},
    flows::backup::{Found, Job, Planned},
    plugin_protocol::Listed,
    service::{ServiceKind, ServiceName},
};
use jiff::{SignedDuration, Timestamp};

use super::{bucket::Bucket, seal::PassingKey, shelf::Shelf};

/// How far a name may be ahead of its backup, where the names of the seconds before were taken.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);

/// A service of an app.
pub type Key = (ServiceKind, AppName, ServiceName);

pub fn key(of: &Found) -> Key {
    (of.kind, of.app.clone(), of.service.clone())
}

/// What is going to be tested.
pub struct Tests<'a> {
    /// Bytes of the largest dump that is tested.
    pub limit: u64,
    /// Where the turn of restore tests is kept.
    pub turn: &'a Path,
    /// Where a copy of what is in a bucket only may lie meanwhile.
    pub scratch: &'a Path,
    /// The services that are not due, with the time of their last test.
    pub recent: BTreeMap<Key, Timestamp>,
    /// The newest backups before this run.
    pub newest: BTreeMap<Key, Listed>,
    key: PassingKey,
    /// Why it is not known which services are due.
    pub trouble: Option<String>,
}

impl<'a> Tests<'a> {
    /// Looks which services are due. Where that cannot be seen the backups are made all the same.
    pub fn plan(
        planned: &Planned,
        rule: TestRule,
        places: (Option<&Shelf>, Option<&Bucket>),
        now: Timestamp,
        turn: &'a Path,
        scratch: &'a Path,
    ) -> Self {
        let listed = match places {
            (Some(shelf), _) => shelf.list(None),
            (None, Some(bucket)) => bucket.list(None),
            (None, None) => Ok(Vec::new()),
        };
        let (listed, trouble) = match listed {
            Ok(listed) => (listed, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let mut tests = Self {
            limit: rule.limit,
            turn,
            scratch,
            recent: BTreeMap::new(),
            newest: BTreeMap::new(),
            key: PassingKey::new(),
            trouble,
        };
        for job in &planned.jobs {
            let own: Vec<(&Listed, &Manifest)> = listed
                .iter()
                .filter_map(|one| Some((one, one.manifest.as_ref()?)))
                .filter(|(_, manifest)| job.of.has(manifest))
                .collect();
            let manifests = own.iter().map(|(_, manifest)| *manifest);
            if let Some(tested) = tested_lately(manifests, rule, now) {
                tests.recent.insert(key(&job.of), tested);
            }
            let newest = own
                .iter()
                .filter(|(one, manifest)| {
                    one.time <= now + AHEAD && !manifest.reason.is_safety_copy()
                })
                .max_by_key(|(one, _)| one.time);
            if let Some((newest, _)) = newest {
                tests.newest.insert(key(&job.of), (*newest).clone());
            }
        }
        tests
    }

    /// Whether a service is to be tested.
    pub fn is_due(&self, job: &Job) -> bool {
        !self.recent.contains_key(&key(&job.of))
    }

    /// The key of this run.
    pub fn key(&self) -> &PassingKey {
        &self.key
    }
}
