//! `deploys.json`: the last deploys of each app, for its detail view.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Unreadable, object};

/// How many deploys of an app are kept.
const KEPT: usize = 20;

/// A deploy that is over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PastDeploy {
    /// When it ended: UTC, RFC 3339, so that texts sort as times.
    pub at: String,
    /// `success`, `failure` or `cancelled`.
    pub status: String,
    /// Who. Hostile text.
    pub by: String,
    /// 40 hexadecimal digits.
    pub commit: String,
    /// First line of the commit's message. Hostile text.
    #[serde(default)]
    pub message: String,
    /// The release that it made.
    #[serde(default)]
    pub release: Option<u64>,
    /// Seconds that it took.
    #[serde(default)]
    pub duration: Option<u64>,
}

/// Deploys by app.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deploys {
    apps: BTreeMap<String, BTreeSet<PastDeploy>>,
}

impl Deploys {
    /// Reads the file.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        const FILE: &str = "deploys.json";
        let mut file = object(FILE, text)?;
        let apps = file
            .remove("apps")
            .ok_or_else(|| Unreadable::new(FILE, "it has no `apps`"))?;
        let apps: BTreeMap<String, BTreeSet<PastDeploy>> = serde_json::from_value(apps)
            .map_err(|error| Unreadable::new(FILE, error.to_string()))?;
        Ok(Self { apps })
    }

    /// Adds a deploy of `app`.
    pub fn add(&mut self, app: &str, deploy: PastDeploy) {
        let deploys = self.apps.entry(app.to_owned()).or_default();
        deploys.insert(deploy);
        while deploys.len() > KEPT {
            deploys.pop_first();
        }
    }

    /// Both, the newest of each app.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for (app, deploys) in other.apps {
            for deploy in deploys {
                self.add(&app, deploy);
            }
        }
        self
    }

    /// Leaves out apps that are not known any more.
    pub fn keep(&mut self, is_known: impl Fn(&str) -> bool) {
        self.apps.retain(|app, _| is_known(app));
    }

    /// The deploys of an app, the newest first.
    pub fn of(&self, app: &str) -> impl Iterator<Item = &PastDeploy> {
        self.apps.get(app).into_iter().flatten().rev()
    }

    /// The file.
    pub fn value(&self) -> Value {
        let newest_first = self
            .apps
            .keys()
            .map(|app| (app.clone(), json!(self.of(app).collect::<Vec<_>>())));
        json!({ "apps": Value::Object(newest_first.collect()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deploy(minute: usize, by: &str) -> PastDeploy {
        PastDeploy {
            at: format!("2026-11-25T10:{minute:02}:00Z"),
            status: "success".into(),
            by: by.into(),
            commit: "a".repeat(40),
            message: String::new(),
            release: Some(minute as u64),
            duration: None,
        }
    }

    #[test]
    fn the_newest_stay_whoever_merges_what() {
        let mut one = Deploys::default();
        let mut other = Deploys::default();
        for minute in 0..30 {
            let to = if minute % 2 == 0 {
                &mut one
            } else {
                &mut other
            };
            to.add("shop", deploy(minute, "ada"));
        }
        let merged = one.clone().merge(other.clone());
        assert_eq!(merged, other.merge(one.clone()));
        assert_eq!(merged.clone().merge(one), merged);
        let minutes: Vec<_> = merged.of("shop").filter_map(|d| d.release).collect();
        assert_eq!(minutes, (10..30).rev().collect::<Vec<_>>());
        assert_eq!(Deploys::read(&merged.value().to_string()).unwrap(), merged);
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for text in ["", "[]", "{}", r#"{"apps":{"a":[{"at":1}]}}"#] {
            assert!(Deploys::read(text).is_err(), "{text}");
        }
    }
}
