//! When which run of a schedule was last, so that one which does not come is noticed by the next run of
//! any schedule.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Unreadable, object};
use crate::{
    audit::{Action, AuditEntry, Origin, Status, duration, key},
    clock::stamp,
};

const FILE: &str = "schedules.json";

/// Runs start late: GitHub's, by an hour and more when many want one.
const LATE: SignedDuration = SignedDuration::from_hours(2);
/// A schedule without a run for so long is none any more.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran<'a> {
    /// What was done, such as `backups`.
    pub task: &'a str,
    /// The host that it was done for.
    pub host: &'a str,
    /// The time between two runs.
    pub every: Duration,
    /// Whether it did what it was to do.
    pub is_good: bool,
}

/// The last run of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Last {
    task: String,
    host: String,
    every_seconds: u32,
    at: Timestamp,
    is_good: bool,
    /// When people were told that the next one did not come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_at: Option<Timestamp>,
    /// What other programs add.
    #[serde(flatten)]
    further: Map<String, Value>,
}

/// The last run of each schedule on each host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schedules {
    last: BTreeMap<(String, String), Last>,
}

/// Something about a schedule that people do not know yet, or know and is still so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What was to be done.
    pub task: String,
    /// When it was last done.
    pub last: Timestamp,
    /// Whether it is done again; otherwise it was not when it should have been.
    pub is_back: bool,
    /// Whether people are to be told of it now.
    pub is_new: bool,
}

impl Schedules {
    /// Reads `schedules.json`.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let unreadable = |why: String| Unreadable::new(FILE, why);
        let list = object(FILE, text)?
            .remove("schedules")
            .ok_or_else(|| unreadable("it has no list `schedules`".to_owned()))?;
        let list: Vec<Last> =
            serde_json::from_value(list).map_err(|error| unreadable(error.to_string()))?;
        let mut schedules = Self::default();
        for one in list {
            schedules.add(one);
        }
        Ok(schedules)
    }

    /// What `schedules.json` holds.
    pub fn value(&self) -> Value {
        let list: Vec<&Last> = self.last.values().collect();
        json!({"schedules": list})
    }

    /// Whether no run is known.
    pub fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// Both: of each schedule the later run.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for one in other.last.into_values() {
            self.add(one);
        }
        self
    }

    fn add(&mut self, one: Last) {
        let key = (one.task.clone(), one.host.clone());
        let merged = match self.last.remove(&key) {
            Some(known) => known.merge(one),
            None => one,
        };
        self.last.insert(key, merged);
    }

    /// Forgets schedules that are none any more.
    pub fn tidy(&mut self, now: Timestamp) {
        self.last
            .retain(|_, one| now.duration_since(one.at) <= FORGOTTEN);
    }

    /// Notes a run that ends at `now`, and says which runs on the same host did not come. Each is new
    /// once, whichever schedule notices it.
    pub fn ran(&mut self, ran: &Ran<'_>, now: Timestamp) -> Vec<Notice> {
        let mut notices = Vec::new();
        for one in self.last.values_mut().filter(|one| one.host == ran.host) {
            let is_own = one.task == ran.task;
            let notice = |is_back, is_new| Notice {
                task: one.task.clone(),
                last: one.at,
                is_back,
                is_new,
            };
            if one.is_told() && is_own {
                notices.push(notice(true, true));
            } else if one.is_missing(now) {
                notices.push(notice(false, !one.is_told()));
                one.told_at = one.told_at.max(Some(now));
            }
        }
        let key = (ran.task.to_owned(), ran.host.to_owned());
        let known = self.last.remove(&key);
        let is_noticed = notices
            .iter()
            .any(|notice| notice.task == ran.task && !notice.is_back);
        self.last.insert(
            key,
            Last {
                task: ran.task.to_owned(),
                host: ran.host.to_owned(),
                every_seconds: u32::try_from(ran.every.as_secs()).unwrap_or(u32::MAX),
                at: now,
                is_good: ran.is_good,
                // The next one says that it is back.
                told_at: is_noticed.then_some(now),
                further: known.map(|known| known.further).unwrap_or_default(),
            },
        );
        notices
    }
}

impl Last {
    fn merge(self, other: Self) -> Self {
        let told_at = self.told_at.max(other.told_at);
        let key = |one: &Self| (one.at, one.is_good, one.every_seconds);
        let (mut newer, older) = if key(&self) >= key(&other) {
            (self, other)
        } else {
            (other, self)
        };
        newer.told_at = told_at;
        for (name, value) in older.further {
            newer.further.entry(name).or_insert(value);
        }
        newer
    }

    /// Whether people know that the run after this one did not come.
    fn is_told(&self) -> bool {
        self.told_at.is_some_and(|told| told >= self.at)
    }

    fn is_missing(&self, now: Timestamp) -> bool {
        let every = SignedDuration::from_secs(i64::from(self.every_seconds));
        now.duration_since(self.at) > every.saturating_add(LATE)
    }
}

impl Notice {
    /// For people.
    pub fn text(&self, now: Timestamp) -> String {
        let task = &self.task;
        let last = stamp(self.last);
        if self.is_back {
            return format!("the schedule runs again: {task}");
        }
        let silence = now.duration_since(self.last).unsigned_abs();
        format!(
            "the schedule's run did not come: {task}; the last one was at {last}, {} ago",
            duration(silence)
        )
    }

    /// The entry that they are told by.
    pub fn entry(&self, origin: &Origin) -> AuditEntry {
        let status = if self.is_back {
            Status::Success
        } else {
            Status::Failure
        };
        AuditEntry::of_host(Action::ScheduleMissed, status, origin)
            .note(&self.text(origin.time))
            .with(key::TASK, self.task.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    const QUARTER: Duration = Duration::from_mins(15);

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    fn ran(task: &str, every: Duration) -> Ran<'_> {
        Ran {
            task,
            host: "dokku.example.com",
            every,
            is_good: true,
        }
    }

    fn told(notices: &[Notice]) -> Vec<(&str, bool, bool)> {
        let notices = notices.iter();
        notices
            .map(|one| (one.task.as_str(), one.is_back, one.is_new))
            .collect()
    }

    #[test]
    fn a_run_that_does_not_come_is_noticed_by_another_schedule_once_and_told_to_be_back_once() {
        let mut schedules = Schedules::default();
        assert!(schedules.ran(&ran("orphans", DAY), at(0)).is_empty());
        let mut noticed = Vec::new();
        for minutes in (15..2 * 24 * 60).step_by(15) {
            let notices = schedules.ran(&ran("health", QUARTER), at(minutes));
            let is_new = notices.iter().any(|notice| notice.is_new);
            if is_new {
                noticed.push(minutes);
                assert_eq!(told(&notices), [("orphans", false, true)]);
            }
        }
        assert_eq!(noticed, [26 * 60 + 15], "after 24 hours and two, once");
        let notices = schedules.ran(&ran("orphans", DAY), at(49 * 60));
        assert_eq!(told(&notices), [("orphans", true, true)]);
        assert!(notices[0].text(at(0)).contains("runs again: orphans"));
        let notices = schedules.ran(&ran("orphans", DAY), at(73 * 60));
        assert_eq!(told(&notices), [("health", false, true)]);
    }

    #[test]
    fn a_gap_that_nobody_has_noticed_is_noticed_by_the_next_run_itself() {
        let mut schedules = Schedules::default();
        schedules.ran(&ran("health", QUARTER), at(0));
        assert!(schedules.ran(&ran("health", QUARTER), at(135)).is_empty());
        let notices = schedules.ran(&ran("health", QUARTER), at(135 + 136));
        assert_eq!(told(&notices), [("health", false, true)]);
        let text = notices[0].text(at(135 + 136));
        assert!(
            text.contains("did not come: health") && text.ends_with("2h 16m 0s ago"),
            "{text}"
        );
        let notices = schedules.ran(&ran("health", QUARTER), at(135 + 151));
        assert_eq!(told(&notices), [("health", true, true)], "what began ends");
        assert!(schedules.ran(&ran("health", QUARTER), at(301)).is_empty());
    }

    #[test]
    fn other_hosts_are_not_judged_and_schedules_that_were_given_up_are_forgotten() {
        let mut schedules = Schedules::default();
        schedules.ran(&ran("docker", DAY), at(0));
        let elsewhere = Ran {
            host: "other",
            ..ran("docker", DAY)
        };
        assert!(schedules.ran(&elsewhere, at(10 * 24 * 60)).is_empty());
        schedules.tidy(at(31 * 24 * 60));
        assert!(
            schedules
                .ran(&ran("health", DAY), at(31 * 24 * 60))
                .is_empty()
        );
    }

    #[test]
    fn what_is_written_is_read_and_of_two_versions_the_later_run_and_the_later_word_count() {
        let mut early = Schedules::default();
        early.ran(&ran("backups", DAY), at(0));
        let text = early.value().to_string();
        let mut told = Schedules::read(&text).unwrap();
        assert_eq!(told, early);
        told.ran(&ran("health", QUARTER), at(27 * 60));
        let mut late = early.clone();
        late.ran(&ran("backups", DAY), at(27 * 60 + 1));
        let merged = told.clone().merge(late.clone());
        assert_eq!(merged, late.merge(told));
        let mut merged = merged;
        // It was told before it ran again.
        assert!(
            merged
                .ran(&ran("health", QUARTER), at(27 * 60 + 15))
                .is_empty()
        );
        for bad in ["[]", "{}", "{\"schedules\": [{\"task\": 1}]}", "x"] {
            assert!(Schedules::read(bad).is_err(), "{bad}");
        }
    }
}
