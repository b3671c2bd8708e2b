//! Which backups are kept: a pure function of the backups, the rule and the time, with a reason
//! for each.

use std::{collections::BTreeSet, fmt};

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::backup::Reason;

/// Days that a safety copy is kept whatever the rule says.
pub const SAFETY_DAYS: u32 = 30;

/// What is kept. A backup goes only if nothing here wants it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Everything younger than so many days.
    pub days: u32,
    /// The newest so many.
    pub last: u32,
    /// The newest of each of the last so many days that have one.
    pub daily: u32,
    /// The newest of each of the last so many weeks that have one.
    pub weekly: u32,
    /// The newest of each of the last so many months that have one.
    pub monthly: u32,
}

/// A backup, as far as its keeping goes. All that are judged together are of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// When it was made.
    pub time: Timestamp,
    /// Why it was made.
    pub reason: Reason,
    /// Whether it is whole, as far as is known.
    pub is_good: bool,
    /// Whether it has been restored for a test.
    pub is_restore_tested: bool,
}

/// What becomes of a backup, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep(Why),
    /// It goes: it is so many days old, and nothing keeps it.
    Drop {
        /// Its age in whole days.
        days: i64,
    },
}

impl Verdict {
    /// Whether it stays.
    pub fn is_keep(self) -> bool {
        matches!(self, Self::Keep(_))
    }
}

/// Why a backup stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The newest good one never goes.
    NewestGood,
    /// None of its service is good, so none goes.
    NoGood,
    /// The newest that was restored for a test never goes.
    NewestTested,
    /// A way back, younger than 30 days.
    SafetyCopy,
    /// Its time has not come yet: a clock was wrong, and nobody knows how old it is.
    Future,
    /// Younger than the rule's days.
    Young,
    /// One of the newest.
    Last,
    /// The newest of its day.
    Daily,
    /// The newest of its week.
    Weekly,
    /// The newest of its month.
    Monthly,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop { days } => write!(f, "{days} days old"),
            Self::Keep(why) => f.write_str(match why {
                Why::NewestGood => "the newest good one",
                Why::NoGood => "no backup of this service is good",
                Why::NewestTested => "the newest that was restored for a test",
                Why::SafetyCopy => "a safety copy younger than 30 days",
                Why::Future => "from the future: a clock was wrong",
                Why::Young => "younger than retention_days",
                Why::Last => "one of keep_last",
                Why::Daily => "the newest of its day (keep_daily)",
                Why::Weekly => "the newest of its week (keep_weekly)",
                Why::Monthly => "the newest of its month (keep_monthly)",
            }),
        }
    }
}

const DAY: i64 = 24 * 60 * 60;

/// Judges the backups of one service; the verdicts are in the order of `backups`. Those from the
/// future stay, and take nobody's place: a clock was wrong. Backups that are not good take no good
/// one's place.
pub fn judge(backups: &[Candidate], rule: &Rule, now: Timestamp) -> Vec<Verdict> {
    let mut order: Vec<(usize, &Candidate)> = backups
        .iter()
        .enumerate()
        .filter(|(_, backup)| backup.time <= now)
        .collect();
    order.sort_by_key(|(_, backup)| std::cmp::Reverse(backup.time));
    let newest = |wanted: fn(&Candidate) -> bool| {
        order
            .iter()
            .find(|(_, backup)| wanted(backup))
            .map(|(index, _)| *index)
    };
    let good = newest(|backup| backup.is_good);
    let tested = newest(|backup| backup.is_good && backup.is_restore_tested);
    let last: BTreeSet<usize> = order
        .iter()
        .filter(|(_, backup)| backup.is_good)
        .take(rule.last as usize)
        .map(|(index, _)| *index)
        .collect();
    let daily = of_each(&order, rule.daily, |time| {
        let date = TimeZone::UTC.to_datetime(time).date();
        (i32::from(date.year()), i32::from(date.day_of_year()))
    });
    let weekly = of_each(&order, rule.weekly, |time| {
        let week = TimeZone::UTC.to_datetime(time).date().iso_week_date();
        (i32::from(week.year()), i32::from(week.week()))
    });
    let monthly = of_each(&order, rule.monthly, |time| {
        let date = TimeZone::UTC.to_datetime(time).date();
        (i32::from(date.year()), i32::from(date.month()))
    });
    let verdict = |(index, backup): (usize, &Candidate)| {
        let seconds = now.as_second() - backup.time.as_second();
        let is_younger = |days: u32| seconds < i64::from(days) * DAY;
        let why = if good == Some(index) {
            Why::NewestGood
        } else if tested == Some(index) {
            Why::NewestTested
        } else if backup.reason.is_safety_copy() && is_younger(SAFETY_DAYS) {
            Why::SafetyCopy
        } else if seconds < 0 {
            Why::Future
        } else if is_younger(rule.days) {
            Why::Young
        } else if last.contains(&index) {
            Why::Last
        } else if daily.contains(&index) {
            Why::Daily
        } else if weekly.contains(&index) {
            Why::Weekly
        } else if monthly.contains(&index) {
            Why::Monthly
        } else {
            return Verdict::Drop {
                days: seconds / DAY,
            };
        };
        Verdict::Keep(why)
    };
    backups.iter().enumerate().map(verdict).collect()
}

/// [`judge`], where it costs something to know whether a backup is good: before anything goes, the
/// good ones that others go for are read, the newest first, until one proves to be good.
/// `is_good` is asked about an index of `backups` at most once.
pub fn judge_read(
    backups: &[Candidate],
    rule: &Rule,
    now: Timestamp,
    mut is_good: impl FnMut(usize) -> bool,
) -> Vec<Verdict> {
    let mut backups = backups.to_vec();
    loop {
        let verdicts = judge(&backups, rule, now);
        let newest = verdicts
            .iter()
            .position(|verdict| *verdict == Verdict::Keep(Why::NewestGood));
        let (Some(newest), false) = (newest, verdicts.iter().all(|verdict| verdict.is_keep()))
        else {
            return keep_unless_good(verdicts, newest.is_some());
        };
        if is_good(newest) {
            return verdicts;
        }
        if let Some(backup) = backups.get_mut(newest) {
            backup.is_good = false;
        }
    }
}

/// Where no backup is good, none goes: a damaged one may be better than nothing.
fn keep_unless_good(verdicts: Vec<Verdict>, has_good: bool) -> Vec<Verdict> {
    if has_good {
        return verdicts;
    }
    verdicts
        .into_iter()
        .map(|verdict| match verdict {
            Verdict::Drop { .. } => Verdict::Keep(Why::NoGood),
            keep @ Verdict::Keep(_) => keep,
        })
        .collect()
}

/// The newest good one of each of the last `count` periods that have one.
fn of_each(
    newest_first: &[(usize, &Candidate)],
    count: u32,
    period: impl Fn(Timestamp) -> (i32, i32),
) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let good = newest_first.iter().filter(|(_, backup)| backup.is_good);
    good.filter(|(_, backup)| seen.insert(period(backup.time)))
        .take(count as usize)
        .map(|(index, _)| *index)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn aged(days: i64) -> Candidate {
        Candidate {
            time: Timestamp::from_second(NOW - days * DAY).unwrap(),
            reason: Reason::Manual,
            is_good: true,
            is_restore_tested: false,
        }
    }

    fn verdicts(backups: &[Candidate], rule: &Rule) -> Vec<Verdict> {
        judge(backups, rule, Timestamp::from_second(NOW).unwrap())
    }

    #[test]
    fn the_only_good_one_stays_however_old() {
        let broken = Candidate {
            is_good: false,
            ..aged(40)
        };
        let rule = Rule {
            days: 14,
            ..Rule::default()
        };
        assert_eq!(
            verdicts(&[aged(400), broken], &rule),
            [Verdict::Keep(Why::NewestGood), Verdict::Drop { days: 40 }]
        );
    }

    #[test]
    fn a_clock_that_jumped_costs_no_backup() {
        let rule = Rule {
            days: 14,
            last: 1,
            ..Rule::default()
        };
        // Two days ahead, and thirty years ahead, are nobody's newest; one of 1970 is only old.
        let backups = [aged(-10_000), aged(-2), aged(20), aged(30), aged(20_000)];
        assert_eq!(
            verdicts(&backups, &rule),
            [
                Verdict::Keep(Why::Future),
                Verdict::Keep(Why::Future),
                Verdict::Keep(Why::NewestGood),
                Verdict::Drop { days: 30 },
                Verdict::Drop { days: 20_000 },
            ]
        );
        // The clock was set back to 1970: all is from the future, and stays.
        let back = judge(&backups, &rule, Timestamp::UNIX_EPOCH);
        assert!(back.iter().all(|verdict| verdict.is_keep()), "{back:?}");
        let read = judge_read(&backups, &rule, Timestamp::UNIX_EPOCH, |_| false);
        assert!(read.iter().all(|verdict| verdict.is_keep()), "{read:?}");
    }

    #[test]
    fn each_rule_keeps_the_newest_of_its_periods() {
        let backups: Vec<_> = (0..100).map(aged).collect();
        let kept = |rule: Rule| {
            verdicts(&backups, &rule)
                .into_iter()
                .filter(|v| v.is_keep())
                .count()
        };
        assert_eq!(
            kept(Rule {
                days: 14,
                ..Rule::default()
            }),
            14
        );
        assert_eq!(
            kept(Rule {
                last: 5,
                ..Rule::default()
            }),
            5
        );
        assert_eq!(
            kept(Rule {
                daily: 7,
                ..Rule::default()
            }),
            7
        );
        assert_eq!(
            kept(Rule {
                weekly: 4,
                ..Rule::default()
            }),
            4
        );
        assert_eq!(
            kept(Rule {
                monthly: 3,
                ..Rule::default()
            }),
            3
        );
        assert_eq!(kept(Rule::default()), 1);
    }

    #[test]
    fn nothing_goes_before_a_newer_one_was_read_and_is_good() {
        let rule = Rule {
            days: 3,
            ..Rule::default()
        };
        let now = Timestamp::from_second(NOW).unwrap();
        let backups = [aged(1), aged(10), aged(20)];
        let mut asked = Vec::new();
        let verdicts = judge_read(&backups, &rule, now, |index| {
            asked.push(index);
            index == 1
        });
        assert_eq!(asked, [0, 1]);
        assert_eq!(
            verdicts,
            [
                Verdict::Keep(Why::Young),
                Verdict::Keep(Why::NewestGood),
                Verdict::Drop { days: 20 }
            ]
        );
        let none = judge_read(&backups, &rule, now, |_| false);
        assert!(none.iter().all(|verdict| verdict.is_keep()), "{none:?}");
        let young = judge_read(&backups[..1], &rule, now, |_| unreachable!("nothing goes"));
        assert!(young[0].is_keep());
    }

    prop_compose! {
        fn candidate()(
            hours in -48_i64..3000,
            reason in prop::sample::select(Reason::ALL.to_vec()),
            is_good in any::<bool>(),
            is_restore_tested in any::<bool>(),
        ) -> Candidate {
            let time = Timestamp::from_second(NOW - hours * 3600).unwrap();
            Candidate { time, reason, is_good, is_restore_tested }
        }
    }

    proptest! {
        #[test]
        fn what_must_never_go_never_goes(
            backups in prop::collection::vec(candidate(), 0..30),
            days in 0_u32..20, last in 0_u32..4, daily in 0_u32..4, weekly in 0_u32..4, monthly in 0_u32..4,
        ) {
            let found = verdicts(&backups, &Rule { days, last, daily, weekly, monthly });
            let all: Vec<_> = backups.iter().zip(&found).collect();
            let newest = |wanted: fn(&Candidate) -> bool| {
                all.iter().filter(|(b, _)| wanted(b) && b.time.as_second() <= NOW).map(|(b, _)| b.time).max()
            };
            for wanted in [
                (|b| b.is_good) as fn(&Candidate) -> bool,
                |b| b.is_good && b.is_restore_tested,
            ] {
                if let Some(time) = newest(wanted) {
                    prop_assert!(all.iter().any(|(b, v)| wanted(b) && b.time == time && v.is_keep()));
                }
            }
            for (backup, verdict) in &all {
                let age = NOW - backup.time.as_second();
                if backup.reason.is_safety_copy() && age < i64::from(SAFETY_DAYS) * DAY {
                    prop_assert!(verdict.is_keep());
                }
                if age < i64::from(days) * DAY {
                    prop_assert!(verdict.is_keep());
                }
            }
        }
    }
}
