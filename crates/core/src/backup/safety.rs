//! Before something is destroyed: a good copy of every service, or a person who gave it up in full
//! words. Whatever destroys takes a [`SafetyCopy`], which nobody can have otherwise.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::service::{ServiceKind, ServiceName};

/// A good backup younger than this is copy enough.
pub const YOUNG_ENOUGH: SignedDuration = SignedDuration::from_mins(60);

/// A service whose data is about to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// Its kind.
    pub kind: ServiceKind,
    /// Its name on the host.
    pub service: String,
}

impl Need {
    /// A service of a host.
    pub fn new(kind: ServiceKind, service: &ServiceName) -> Self {
        Self {
            kind,
            service: service.to_string(),
        }
    }
}

/// A backup that passed its checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Whose data it is.
    #[serde(flatten)]
    pub of: Need,
    /// Where it is: an id or the path of a file.
    pub at: String,
    /// When it was begun.
    pub time: Timestamp,
}

/// Whether a backup that is there already counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fresh {
    /// A good one younger than [`YOUNG_ENOUGH`] does.
    OrYoung,
    /// None does: a new one is made (`--fresh`).
    Only,
}

/// That a person typed `--without-backup`. Who makes this value records it in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithoutBackup;

/// The leave to destroy the data of an app's services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafetyCopy(Option<Vec<Kept>>);

impl SafetyCopy {
    /// Leave by copies; the services that have none otherwise.
    pub fn of(services: &[Need], kept: Vec<Kept>) -> Result<Self, Vec<Need>> {
        let is_kept = |need: &&Need| kept.iter().any(|kept| kept.of == **need);
        let lacking: Vec<Need> = services
            .iter()
            .filter(|need| !is_kept(need))
            .cloned()
            .collect();
        if lacking.is_empty() {
            Ok(Self(Some(kept)))
        } else {
            Err(lacking)
        }
    }

    /// Leave without any copy.
    pub fn waived(_by: WithoutBackup) -> Self {
        Self(None)
    }

    /// The copies, for the record of what was done; `None` where they were given up.
    pub fn kept(&self) -> Option<&[Kept]> {
        self.0.as_deref()
    }
}

/// The services that need a new backup. `copies` are good ones. One from the future counts for
/// nothing: a clock was wrong.
pub fn needs(services: &[Need], copies: &[Kept], fresh: Fresh, now: Timestamp) -> Vec<Need> {
    let is_young = |kept: &Kept| {
        let age = now.duration_since(kept.time);
        !age.is_negative() && age < YOUNG_ENOUGH
    };
    let has_copy = |need: &&Need| {
        fresh == Fresh::OrYoung
            && copies
                .iter()
                .any(|kept| kept.of == **need && is_young(kept))
    };
    services
        .iter()
        .filter(|need| !has_copy(need))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(service: &str) -> Need {
        Need {
            kind: ServiceKind::Postgres,
            service: service.to_owned(),
        }
    }

    fn kept(service: &str, minutes: i64) -> Kept {
        Kept {
            of: need(service),
            at: format!("server:postgres/shop/{service}"),
            time: now() - SignedDuration::from_mins(minutes),
        }
    }

    fn now() -> Timestamp {
        "2026-11-25T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_young_copy_of_the_same_service_is_enough_unless_a_fresh_one_is_wanted() {
        let services = [need("a"), need("b"), need("c"), need("d")];
        let copies = [kept("a", 59), kept("b", 60), kept("c", -5), kept("x", 1)];
        assert_eq!(
            needs(&services, &copies, Fresh::OrYoung, now()),
            [need("b"), need("c"), need("d")]
        );
        assert_eq!(needs(&services, &copies, Fresh::Only, now()), services);
    }

    #[test]
    fn leave_wants_a_copy_of_every_service() {
        let services = [need("a"), need("b")];
        let one = SafetyCopy::of(&services, vec![kept("a", 1)]);
        assert_eq!(one, Err(vec![need("b")]));
        let both = SafetyCopy::of(&services, vec![kept("a", 1), kept("b", 1)]).unwrap();
        assert_eq!(both.kept().unwrap().len(), 2);
        assert_eq!(SafetyCopy::of(&[], vec![]).unwrap().kept(), Some(&[][..]));
        assert_eq!(SafetyCopy::waived(WithoutBackup).kept(), None);
    }
}
