//! Restore tests by schedule: when the next one of a service is due.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Manifest;

/// Longest reason of a failed test that a manifest keeps, in characters.
const LONGEST: usize = 500;

/// Which restore tests are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestRule {
    /// A service whose last good test is so many days ago is tested again.
    pub days: u32,
    /// Bytes of the largest dump that is tested.
    pub limit: u64,
}

impl TestRule {
    /// Every week, dumps of at most 10 GiB.
    pub const USUAL: Self = Self {
        days: 7,
        limit: 10 << 30,
    };

    /// As settings say it: so many days, 0 for never, and so many GiB.
    pub fn of(days: u32, gib: u32) -> Option<Self> {
        (days > 0).then(|| Self {
            days,
            limit: u64::from(gib) << 30,
        })
    }
}

/// A restore test that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTest {
    /// When.
    pub at: Timestamp,
    /// What was wrong. An engine's own words: hostile.
    pub why: String,
}

/// What a restore test came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestVerdict {
    /// Everything was there.
    Restores(Timestamp),
    /// It was not.
    Fails(FailedTest),
}

impl TestVerdict {
    /// A failure, its reason cut to what a manifest keeps.
    pub fn fails(at: Timestamp, why: &str) -> Self {
        Self::Fails(FailedTest {
            at,
            why: why.chars().take(LONGEST).collect(),
        })
    }
}

/// When a service was last restored for a test, if that counts: not longer ago than the rule says,
/// and without a failure since. `None`: a test is due.
///
/// It is counted from the last test and not by the day of the week, so that a night on which the host
/// was off is made up for by the next.
pub fn tested_lately<'a>(
    manifests: impl IntoIterator<Item = &'a Manifest>,
    rule: TestRule,
    now: Timestamp,
) -> Option<Timestamp> {
    let (mut good, mut bad) = (None, None);
    for manifest in manifests {
        good = good.max(manifest.restore_tested);
        bad = bad.max(manifest.restore_failed.as_ref().map(|failed| failed.at));
    }
    // The timer fires at the same time of day, a test takes some minutes: half a day of slack keeps the
    // rhythm.
    let lasts = SignedDuration::from_hours(i64::from(rule.days.max(1)) * 24 - 12);
    good.filter(|good| {
        let age = now.duration_since(*good);
        // A test that is still to come was dated by a wrong clock.
        !age.is_negative() && age < lasts && bad.is_none_or(|bad| bad < *good)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{backup::Reason, dump::Engine, service::ServiceKind};

    const RULE: TestRule = TestRule { days: 7, limit: 1 };

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
    }

    fn manifest(tested: Option<i64>, failed: Option<i64>) -> Manifest {
        Manifest {
            app: "shop".into(),
            kind: ServiceKind::Redis,
            service: "cache".into(),
            engine: Engine::Redis,
            engine_version: None,
            size: 10,
            raw_size: 20,
            sha256: "f".into(),
            raw_sha256: "r".into(),
            started: at(0),
            finished: at(0),
            reason: Reason::Manual,
            tool: "t".into(),
            checks: Vec::new(),
            encrypted_to: Vec::new(),
            restore_tested: tested.map(at),
            restore_failed: failed.map(|hours| FailedTest {
                at: at(hours),
                why: "half of it".into(),
            }),
        }
    }

    fn lately(manifests: &[Manifest], now: i64) -> Option<Timestamp> {
        tested_lately(manifests, RULE, at(now))
    }

    #[test]
    fn a_test_is_due_a_week_after_the_last_good_one_on_whatever_day() {
        assert_eq!(lately(&[], 0), None);
        let tested = [manifest(None, None), manifest(Some(0), None)];
        assert_eq!(lately(&tested, 24), Some(at(0)));
        assert_eq!(lately(&tested, 6 * 24), Some(at(0)));
        assert_eq!(lately(&tested, 7 * 24), None);
        assert_eq!(lately(&tested, 7 * 24 - 1), None, "the timer was early");
        assert_eq!(lately(&tested, 300 * 24), None, "the host was off");
        assert_eq!(lately(&tested, -5), None, "of the future");
    }

    #[test]
    fn a_failure_makes_it_due_until_one_is_good_again() {
        let failed = [manifest(Some(0), None), manifest(None, Some(24))];
        assert_eq!(lately(&failed, 25), None);
        let again = [failed.to_vec(), vec![manifest(Some(48), None)]].concat();
        assert_eq!(lately(&again, 49), Some(at(48)));
    }

    #[test]
    fn a_verdict_replaces_the_one_before_and_is_of_that_dump_only() {
        let mut manifest = manifest(Some(0), None);
        let bad = TestVerdict::fails(at(1), &"x".repeat(1000));
        assert!(manifest.note_test("other", &bad).is_err());
        assert_eq!(manifest.flaw(10), None);
        manifest.note_test("r", &bad).unwrap();
        assert_eq!(manifest.restore_tested, None);
        let flaw = manifest.flaw(10).unwrap();
        assert!(flaw.contains("did not restore") && flaw.len() < 600);
        manifest
            .note_test("r", &TestVerdict::Restores(at(2)))
            .unwrap();
        assert_eq!(manifest.flaw(10), None);
        assert_eq!(manifest.restore_tested, Some(at(2)));
        assert!(manifest.flaw(11).unwrap().contains("size"));
    }
}
