//! Telling people and services of what happened.

mod addresses;
mod delivery;
mod request;

use dokku_deploy::{
    audit::AuditEntry,
    notification::is_wanted,
    settings::{NotifiedService, Settings},
};
use jiff::Timestamp;

pub use self::{
    addresses::{Malformed, Target, VARIABLES, read},
    delivery::{Deliveries, Patience},
    request::Request,
};

/// Who is told, and of what.
pub struct Audience {
    targets: Vec<Target>,
    malformed: Vec<Malformed>,
    settings: Settings,
}

impl Audience {
    /// Those whose secrets `get` knows, told what `settings` say.
    pub fn new(get: impl Fn(&str) -> Option<String>, settings: Settings) -> Self {
        let (targets, malformed) = read(get);
        Self {
            targets,
            malformed,
            settings,
        }
    }

    /// Whether nobody is to be told anything, not even in vain.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.malformed.is_empty()
    }

    /// The secrets that cannot be used.
    pub fn malformed(&self) -> &[Malformed] {
        &self.malformed
    }

    /// Only one service.
    #[must_use]
    pub fn only(mut self, service: NotifiedService) -> Self {
        self.targets.retain(|target| target.service == service);
        self.malformed.retain(|bad| bad.service == service);
        self
    }

    /// The messages of an entry for those who want to know of it.
    pub fn requests(&self, entry: &AuditEntry, now: Timestamp) -> Vec<Request> {
        self.build(entry, now, |service| {
            is_wanted(entry, service, &self.settings.told(service))
        })
    }

    /// The messages of an entry for all, whatever they want to know.
    pub fn samples(&self, entry: &AuditEntry, now: Timestamp) -> Vec<Request> {
        self.build(entry, now, |_| true)
    }

    fn build(
        &self,
        entry: &AuditEntry,
        now: Timestamp,
        is_wanted: impl Fn(NotifiedService) -> bool,
    ) -> Vec<Request> {
        let wanted = self
            .targets
            .iter()
            .filter(|target| is_wanted(target.service));
        wanted
            .flat_map(|target| {
                let mentions = self.settings.told(target.service).mentions;
                let delivery = format!("{:016x}", rand::random::<u64>());
                Request::all(target, entry, &mentions, &delivery, now)
            })
            .collect()
    }
}
