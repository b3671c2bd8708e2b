//! What is known about one app: facts, each with the time at which it was so.

use std::{cmp::Ordering, collections::BTreeMap};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::canonical;

/// A fact: keys of a row that are written together and so stay together. Two deploys that end in
/// the same second never make a row with the commit of one and the actor of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The last deploy.
    Deploy,
    /// What the app is and where.
    Identity,
    /// Where it is asked for its health. Deploys know that, the host does not, so it is no part of what
    /// the app is.
    HealthPath,
    /// Whether its processes run, as the host says.
    Process,
    /// The last health check.
    Health,
    /// Its certificate.
    Certificate,
    /// Its lock, or that it has none.
    Lock,
    /// Its last backup.
    Backup,
    /// The last time that a backup of it was restored for a test.
    RestoreTest,
    /// What people were told of its checks.
    Alarm,
}

const KINDS: [(Kind, &str, &[&str]); 10] = [
    (
        Kind::Deploy,
        "deploy",
        &[
            "status",
            "last_deploy",
            "last_deploy_by",
            "commit_sha",
            "attempted_sha",
            "commit_message",
            "release",
            "duration",
            "workflow_url",
        ],
    ),
    (
        Kind::Identity,
        "identity",
        &["environment", "url", "base_app", "repository", "host"],
    ),
    (Kind::HealthPath, "health_path", &["health_path"]),
    (Kind::Process, "process", &["processes"]),
    (Kind::Health, "health", &["uptime"]),
    (
        Kind::Certificate,
        "certificate",
        &["certificate_days", "certificate_expires"],
    ),
    (Kind::Lock, "lock", &["lock"]),
    (Kind::Backup, "backup", &["last_backup"]),
    (
        Kind::RestoreTest,
        "restore_test",
        &["restore_tested", "restore_failed"],
    ),
    (Kind::Alarm, "alarm", &["alarm"]),
];

impl Kind {
    /// Its name in `as_of`.
    pub fn name(self) -> &'static str {
        KINDS
            .iter()
            .find(|(kind, ..)| *kind == self)
            .map_or("", |(_, name, _)| name)
    }
}

/// The name of the fact that a key of a row belongs to; a key that nobody here writes is a fact of
/// its own.
fn fact_of(key: &str) -> &str {
    KINDS
        .iter()
        .find(|(_, _, keys)| keys.contains(&key))
        .map_or(key, |(_, name, _)| name)
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Fact {
    /// `None`: nobody knows, so any other is newer.
    at: Option<Timestamp>,
    /// In the order of their keys, so that equal rows are equal texts.
    values: BTreeMap<String, Value>,
}

impl Fact {
    /// The newer one; between two of the same time the order of their texts decides, so that
    /// everybody decides alike.
    fn newer(self, other: Self) -> Self {
        let text = |fact: &Self| canonical(&json!(fact.values));
        let order = self.at.cmp(&other.at);
        match order.then_with(|| text(&self).cmp(&text(&other))) {
            Ordering::Less => other,
            Ordering::Equal | Ordering::Greater => self,
        }
    }
}

/// What is known about one app.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    facts: BTreeMap<String, Fact>,
}

impl Row {
    /// Adds a fact that was so at `at`; an older one of the same kind goes.
    #[must_use]
    pub fn with(mut self, kind: Kind, at: Timestamp, values: Map<String, Value>) -> Self {
        let fact = Fact {
            at: Some(at),
            values: values.into_iter().collect(),
        };
        self.add(kind.name().to_owned(), fact);
        self
    }

    fn add(&mut self, name: String, fact: Fact) {
        let known = self.facts.remove(&name);
        let newer = match known {
            Some(known) => known.newer(fact),
            None => fact,
        };
        self.facts.insert(name, newer);
    }

    /// A value by its key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.facts.get(fact_of(key))?.values.get(key)
    }

    /// A text by its key; an empty one is none.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str().filter(|text| !text.is_empty())
    }

    /// When a fact was so.
    pub fn as_of(&self, kind: Kind) -> Option<Timestamp> {
        self.facts.get(kind.name())?.at
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// The newer fact of each kind.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for (name, fact) in other.facts {
            self.add(name, fact);
        }
        self
    }

    /// What is newer than `removed`.
    pub(super) fn since(mut self, removed: Timestamp) -> Self {
        self.facts
            .retain(|_, fact| fact.at.is_some_and(|at| at > removed));
        self
    }

    /// No fact is from later than `now`: a clock that once ran ahead must not win for ever.
    pub(super) fn until(&mut self, now: Timestamp) {
        for fact in self.facts.values_mut() {
            fact.at = fact.at.map(|at| at.min(now));
        }
    }

    /// Reads a row of `apps.json`, also one that the bash writers left.
    pub(super) fn read(mut object: Map<String, Value>) -> Self {
        let stamp = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
        let mut row = Self::default();
        let as_of = match object.remove("as_of") {
            Some(Value::Object(as_of)) => Some(as_of),
            _ => None,
        };
        object.remove("name");
        let mut times: BTreeMap<String, Timestamp> = BTreeMap::new();
        if let Some(as_of) = &as_of {
            times.extend(
                as_of
                    .iter()
                    .filter_map(|(name, at)| Some((name.clone(), stamp(at)?))),
            );
            if !as_of.contains_key("deploy") {
                // It says what `processes` says.
                object.remove("status");
            }
        } else {
            let deployed = object.get("last_deploy").and_then(stamp);
            if object.get("last_deploy_by").and_then(Value::as_str) == Some("sync") {
                // The bash sync called itself a deploy; all that it knew is whether the app ran.
                if let Some(status) = object.remove("status") {
                    object.insert("processes".to_owned(), status);
                }
                for key in ["last_deploy", "last_deploy_by"] {
                    object.remove(key);
                }
                times.extend(deployed.map(|at| ("process".to_owned(), at)));
            } else {
                times.extend(deployed.map(|at| ("deploy".to_owned(), at)));
            }
            let checked = object
                .get("uptime")
                .and_then(|up| up.get("last_check"))
                .and_then(stamp);
            times.extend(checked.map(|at| ("health".to_owned(), at)));
        }
        for (key, value) in object {
            let name = fact_of(&key).to_owned();
            if value.is_null() && !times.contains_key(&name) {
                // A place that is kept free is no fact.
                continue;
            }
            let fact = row.facts.entry(name.clone()).or_insert_with(|| Fact {
                at: times.get(&name).copied(),
                values: BTreeMap::new(),
            });
            fact.values.insert(key, value);
        }
        row
    }

    /// As it stands in `apps.json`: first the keys that the bash writers had, in their order.
    pub(super) fn render(&self, name: &str) -> Value {
        let mut object = Map::new();
        object.insert("name".to_owned(), json!(name));
        let running = self.text("processes").unwrap_or("unknown");
        let status = self.get("status").cloned();
        object.insert(
            "status".to_owned(),
            status.unwrap_or_else(|| json!(running)),
        );
        for key in [
            "environment",
            "url",
            "last_deploy",
            "last_deploy_by",
            "commit_sha",
            "uptime",
        ] {
            object.insert(
                key.to_owned(),
                self.get(key).cloned().unwrap_or(Value::Null),
            );
        }
        for fact in self.facts.values() {
            for (key, value) in &fact.values {
                if !object.contains_key(key) {
                    object.insert(key.clone(), value.clone());
                }
            }
        }
        let as_of: Map<String, Value> = self
            .facts
            .iter()
            .filter_map(|(name, fact)| Some((name.clone(), json!(fact.at?.to_string()))))
            .collect();
        object.insert("as_of".to_owned(), Value::Object(as_of));
        Value::Object(object)
    }
}
