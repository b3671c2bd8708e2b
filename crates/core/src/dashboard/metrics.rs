//! `metrics.json`: what each round of checks measured, and a week of checks in short.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Unreadable, canonical,
    checks::{CELL_SECONDS, Checks},
    object,
};
use crate::clock::stamp;

const FILE: &str = "metrics.json";
/// Rounds that are kept, as the bash writers kept them.
const ROUNDS: usize = 96;
/// Measurements that are kept in all rounds together: ten thousand apps leave room for two rounds,
/// and the short form has their week.
const MEASUREMENTS: usize = 20_000;

/// One app, asked once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// What was asked.
    pub url: String,
    /// The status of the answer; `None` without one.
    pub status: Option<u16>,
    /// Whether that is healthy.
    pub is_healthy: bool,
    /// How long it took in milliseconds; `None` without an answer.
    pub took: Option<u64>,
    /// Days until its certificate ends; `None` where it is not known.
    pub certificate_days: Option<i64>,
}

impl Measured {
    /// In the shape of the bash writers, of one request.
    fn value(&self) -> Value {
        let is_client = !self.is_healthy && self.status.is_some_and(|s| (400..500).contains(&s));
        let count = |yes: bool| u32::from(yes);
        let rate = |yes: bool| if yes { 100 } else { 0 };
        json!({
            "url": self.url,
            "response_time": { "p50": self.took, "p95": self.took, "p99": self.took },
            "availability": {
                "success_rate": rate(self.is_healthy),
                "error_rate": rate(!self.is_healthy),
                "requests": 1,
                "successes": count(self.is_healthy),
                "client_errors": count(is_client),
                "server_errors": count(!self.is_healthy && !is_client),
            },
            "ssl": { "days_until_expiry": self.certificate_days.unwrap_or(-1) },
        })
    }
}

/// The measurements of apps at about one time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Round {
    at: Timestamp,
    apps: BTreeMap<String, (Timestamp, Value)>,
}

impl Round {
    fn put(&mut self, app: String, at: Timestamp, value: Value) {
        self.at = self.at.max(at);
        let is_newer = self.apps.get(&app).is_none_or(|(known_at, known)| {
            (*known_at, canonical(known)) < (at, canonical(&value))
        });
        if is_newer {
            self.apps.insert(app, (at, value));
        }
    }

    fn merge(&mut self, other: Self) {
        self.at = self.at.max(other.at);
        for (app, (at, value)) in other.apps {
            self.put(app, at, value);
        }
    }

    fn read(value: Value) -> Option<Self> {
        let Value::Object(mut object) = value else {
            return None;
        };
        let at: Timestamp = object.get("timestamp")?.as_str()?.parse().ok()?;
        let Some(Value::Object(apps)) = object.remove("apps") else {
            return None;
        };
        let mut round = Self {
            at,
            apps: BTreeMap::new(),
        };
        for (app, mut value) in apps {
            let own = value.as_object_mut().and_then(|object| object.remove("at"));
            let own = own.and_then(|at| at.as_str()?.parse().ok());
            round.put(app, own.unwrap_or(at).min(at), value);
        }
        Some(round)
    }

    fn value(&self) -> Value {
        let apps = self.apps.iter().map(|(app, (at, value))| {
            let mut value = value.clone();
            if *at != self.at
                && let Some(object) = value.as_object_mut()
            {
                object.insert("at".to_owned(), json!(at.to_string()));
            }
            (app.clone(), value)
        });
        // Whole seconds where that says all, as the bash writers wrote.
        let short = stamp(self.at);
        let is_whole = short.parse().is_ok_and(|at: Timestamp| at == self.at);
        let at = if is_whole { short } else { self.at.to_string() };
        json!({ "timestamp": at, "apps": Value::Object(apps.collect()) })
    }
}

/// All measurements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metrics {
    latest: Round,
    /// By the quarter of an hour in which they were made.
    rounds: BTreeMap<i64, Round>,
    checks: BTreeMap<String, Checks>,
}

impl Metrics {
    /// Reads the file; rounds that are no such thing are left out, for they are only measurements.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let mut file = object(FILE, text)?;
        let mut metrics = Self::default();
        match file.remove("history") {
            Some(Value::Array(history)) => {
                for round in history.into_iter().filter_map(Round::read) {
                    metrics.put(round);
                }
            }
            None | Some(Value::Null) => {}
            Some(_) => return Err(Unreadable::new(FILE, "its `history` is no list")),
        }
        if let Some(latest) = file.remove("latest").and_then(Round::read) {
            metrics.latest = latest;
        }
        if let Some(Value::Object(mut short)) = file.remove("checks")
            && let Some(Value::Object(apps)) = short.remove("apps")
        {
            for (app, value) in apps {
                let checks = value.as_object().map(Checks::read).unwrap_or_default();
                if !checks.is_empty() {
                    metrics.checks.insert(app, checks);
                }
            }
        }
        metrics.trim();
        Ok(metrics)
    }

    /// Adds a check of `app`.
    pub fn add(&mut self, app: &str, at: Timestamp, measured: &Measured) {
        let mut round = Round {
            at,
            apps: BTreeMap::new(),
        };
        round.put(app.to_owned(), at, measured.value());
        self.latest.merge(round.clone());
        self.put(round);
        let state = if measured.is_healthy {
            super::State::Up
        } else {
            super::State::Down
        };
        let checks = self.checks.entry(app.to_owned()).or_default();
        checks.add(at, state, measured.took.unwrap_or(0));
        self.trim();
    }

    fn put(&mut self, round: Round) {
        let quarter = round.at.as_second().div_euclid(CELL_SECONDS);
        self.rounds.entry(quarter).or_default().merge(round);
    }

    /// Keeps the newest rounds. What one merge drops, no later one would have kept.
    fn trim(&mut self) {
        let mut sum = 0;
        let mut oldest = None;
        for (index, (quarter, round)) in self.rounds.iter().rev().enumerate() {
            sum += round.apps.len();
            if index > 0 && (index >= ROUNDS || sum > MEASUREMENTS) {
                break;
            }
            oldest = Some(*quarter);
        }
        if let Some(oldest) = oldest {
            self.rounds = self.rounds.split_off(&oldest);
        }
    }

    /// Both.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.latest.merge(other.latest);
        for round in other.rounds.into_values() {
            self.put(round);
        }
        for (app, checks) in other.checks {
            let known = self.checks.remove(&app).unwrap_or_default();
            self.checks.insert(app, known.merge(&checks));
        }
        self.trim();
        self
    }

    /// Corrects what a writer with a wrong clock left.
    pub fn tidy(&mut self, now: Timestamp) {
        let quarter = now.as_second().div_euclid(CELL_SECONDS);
        let _later = self.rounds.split_off(&(quarter + 1));
        for round in self.rounds.values_mut().chain([&mut self.latest]) {
            round.at = round.at.min(now);
            for (at, _) in round.apps.values_mut() {
                *at = (*at).min(now);
            }
        }
        for checks in self.checks.values_mut() {
            checks.until(now);
        }
    }

    /// Leaves out apps that are not known any more.
    pub fn keep(&mut self, is_known: impl Fn(&str) -> bool) {
        self.checks.retain(|app, _| is_known(app));
        self.latest.apps.retain(|app, _| is_known(app));
    }

    /// When the last check of any app was.
    pub fn last(&self) -> Option<Timestamp> {
        (!self.latest.apps.is_empty()).then_some(self.latest.at)
    }

    /// The week of an app.
    pub fn checks(&self, app: &str) -> Option<&Checks> {
        self.checks.get(app)
    }

    /// The file.
    pub fn value(&self) -> Value {
        let history: Vec<Value> = self.rounds.values().map(Round::value).collect();
        let checks = self
            .checks
            .iter()
            .map(|(app, checks)| (app.clone(), checks.value()));
        let checks: Map<String, Value> = checks.collect();
        let latest = if self.latest.apps.is_empty() {
            Value::Null
        } else {
            self.latest.value()
        };
        json!({
            "latest": latest,
            "history": history,
            "checks": { "step": CELL_SECONDS, "apps": checks },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn measured(took: u64) -> Measured {
        Measured {
            url: "https://shop.example.com/health".into(),
            status: Some(if took.is_multiple_of(7) { 503 } else { 200 }),
            is_healthy: !took.is_multiple_of(7),
            took: Some(took),
            certificate_days: Some(40),
        }
    }

    fn some() -> impl Strategy<Value = Metrics> {
        let check = (0_i64..400_000, 0_u8..4, 1_u64..50);
        prop::collection::vec(check, 0..20).prop_map(|all| {
            let mut metrics = Metrics::default();
            for (second, app, took) in all {
                let at = Timestamp::from_second(second).unwrap();
                metrics.add(&format!("app-{app}"), at, &measured(took));
            }
            metrics
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(metrics in some()) {
            let text = metrics.value().to_string();
            prop_assert_eq!(Metrics::read(&text).unwrap(), metrics);
        }

        #[test]
        fn merging_is_a_join(a in some(), b in some(), c in some()) {
            prop_assert_eq!(a.clone().merge(b.clone()), b.clone().merge(a.clone()));
            prop_assert_eq!(a.clone().merge(a.clone()), a.clone());
            prop_assert_eq!(
                a.clone().merge(b.clone()).merge(c.clone()),
                a.merge(b.merge(c))
            );
        }
    }

    #[test]
    fn fifty_writers_in_one_quarter_share_a_round() {
        let mut metrics = Metrics::default();
        for app in 0..50 {
            let mut own = Metrics::default();
            let at = Timestamp::from_second(900_000 + app).unwrap();
            own.add(&format!("app-{app}"), at, &measured(5));
            metrics = metrics.merge(own);
        }
        let value = metrics.value();
        assert_eq!(value["history"].as_array().unwrap().len(), 1);
        let apps = value["history"][0]["apps"].as_object().unwrap();
        assert_eq!(apps.len(), 50);
        assert_eq!(apps["app-3"]["availability"]["successes"], 1);
        assert_eq!(value["latest"]["apps"].as_object().unwrap().len(), 50);
    }

    #[test]
    fn a_file_of_the_bash_writers_is_read() {
        let text = r#"{"latest":{"timestamp":"2026-11-20T10:00:00Z","apps":{}},"history":[
            {"timestamp":"2026-11-20T10:00:00Z","apps":{"shop":{"url":"https://shop.example.com",
            "response_time":{"p50":1,"p95":2,"p99":3},"ssl":{"days_until_expiry":-1}}}}]}"#;
        let value = Metrics::read(text).unwrap().value();
        assert_eq!(value["history"][0]["timestamp"], "2026-11-20T10:00:00Z");
        assert_eq!(
            value["history"][0]["apps"]["shop"]["response_time"]["p95"],
            2
        );
        assert!(Metrics::read("nonsense").is_err());
        assert!(Metrics::read(r#"{"history":3}"#).is_err());
    }

    #[test]
    fn many_apps_keep_the_newest_rounds_only() {
        let mut metrics = Metrics::default();
        for second in [900, 1_800, 2_700] {
            let at = Timestamp::from_second(second).unwrap();
            let mut round = Round {
                at,
                apps: BTreeMap::new(),
            };
            for app in 0..8_000 {
                round.apps.insert(format!("app-{app}"), (at, json!({})));
            }
            metrics.put(round);
        }
        metrics.trim();
        assert_eq!(metrics.rounds.keys().copied().collect::<Vec<_>>(), [2, 3]);
    }
}
