//! `apps.json`: a row for each app.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{Unreadable, canonical, object, row::Row};
use crate::clock::stamp;

const FILE: &str = "apps.json";

/// How long it is remembered that an app is gone: longer than any writer keeps old facts.
const MEMORY: SignedDuration = SignedDuration::from_hours(24 * 90);

/// All apps, and which ones are gone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Apps {
    rows: BTreeMap<String, Row>,
    removed: BTreeMap<String, Timestamp>,
    updated: Option<Timestamp>,
    /// Keys beside `apps` that nobody here writes.
    rest: BTreeMap<String, Value>,
}

impl Apps {
    /// Reads the file. A row without a name, which the bash writers left after a failed set-up, is
    /// no app; a row that is no object makes the file unreadable.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let mut file = object(FILE, text)?;
        let mut apps = Self {
            updated: time(file.remove("last_updated").as_ref()),
            ..Self::default()
        };
        let Some(Value::Array(rows)) = file.remove("apps") else {
            return Err(Unreadable::new(FILE, "it has no list `apps`"));
        };
        for row in rows {
            let Value::Object(row) = row else {
                return Err(Unreadable::new(FILE, "one of its apps is no object"));
            };
            let name = row.get("name").and_then(Value::as_str).unwrap_or_default();
            let name = name.to_owned();
            if !name.is_empty() {
                apps.add(&name, Row::read(row));
            }
        }
        if let Some(Value::Object(removed)) = file.remove("removed") {
            for (name, at) in removed {
                if let Some(at) = time(Some(&at)) {
                    apps.remove(&name, at);
                }
            }
        }
        apps.rest = file.into_iter().collect();
        Ok(apps)
    }

    /// Adds what is known about an app.
    pub fn add(&mut self, name: &str, row: Row) {
        let known = self.rows.remove(name).unwrap_or_default();
        self.put(name, known.merge(row));
    }

    /// The app is gone since `at`: what was known before goes, what comes later counts.
    pub fn remove(&mut self, name: &str, at: Timestamp) {
        let removed = self.removed.entry(name.to_owned()).or_insert(at);
        *removed = (*removed).max(at);
        let known = self.rows.remove(name).unwrap_or_default();
        self.put(name, known);
    }

    fn put(&mut self, name: &str, row: Row) {
        let row = match self.removed.get(name) {
            Some(at) => row.since(*at),
            None => row,
        };
        if !row.is_empty() {
            self.rows.insert(name.to_owned(), row);
        }
    }

    /// Both: of each fact the newer one.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for (name, at) in other.removed {
            self.remove(&name, at);
        }
        for (name, row) in other.rows {
            self.add(&name, row);
        }
        for (key, value) in other.rest {
            let larger = match self.rest.remove(&key) {
                Some(known) if canonical(&known) >= canonical(&value) => known,
                _ => value,
            };
            self.rest.insert(key, larger);
        }
        self.updated = self.updated.max(other.updated);
        self
    }

    /// Corrects what a writer with a wrong clock left, and forgets what is long gone. Part of
    /// writing at `now`, not of merging.
    pub fn tidy(&mut self, now: Timestamp) {
        for row in self.rows.values_mut() {
            row.until(now);
        }
        self.removed.retain(|_, at| {
            *at = (*at).min(now);
            now.duration_since(*at) < MEMORY
        });
        self.updated = Some(now);
    }

    /// The apps in the order of their names.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &Row)> {
        self.rows.iter().map(|(name, row)| (name.as_str(), row))
    }

    /// What is known about an app.
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.get(name)
    }

    /// The apps that are gone.
    pub fn removed(&self) -> impl Iterator<Item = &str> {
        self.removed.keys().map(String::as_str)
    }

    /// The file: a line for each app.
    pub fn value(&self) -> Value {
        let apps: Vec<Value> = self
            .rows
            .iter()
            .map(|(name, row)| row.render(name))
            .collect();
        let mut file = Map::new();
        file.insert("last_updated".to_owned(), json!(self.updated.map(stamp)));
        file.insert("apps".to_owned(), Value::Array(apps));
        if !self.removed.is_empty() {
            let removed: Map<String, Value> = self
                .removed
                .iter()
                .map(|(name, at)| (name.clone(), json!(at.to_string())))
                .collect();
            file.insert("removed".to_owned(), Value::Object(removed));
        }
        file.extend(self.rest.clone());
        Value::Object(file)
    }
}

fn time(value: Option<&Value>) -> Option<Timestamp> {
    value?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests;
