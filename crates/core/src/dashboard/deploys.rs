//! `deploys.json`: the last deploys of each app, for its detail view.

use std::collections::BTreeMap;

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

/// What makes two records of one deploy one: the release that it made, else its time. The host's
/// list of releases and the deploy itself both tell of it.
type Key = (String, Option<u64>, String);

/// Deploys by app.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deploys {
    apps: BTreeMap<String, BTreeMap<Key, PastDeploy>>,
}

impl PastDeploy {
    fn key(&self) -> Key {
        let time = self
            .release
            .map_or_else(|| self.at.clone(), |_| String::new());
        (self.commit.clone(), self.release, time)
    }
}

impl Deploys {
    /// Reads the file.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        const FILE: &str = "deploys.json";
        let mut file = object(FILE, text)?;
        let apps = file
            .remove("apps")
            .ok_or_else(|| Unreadable::new(FILE, "it has no `apps`"))?;
        let apps: BTreeMap<String, Vec<PastDeploy>> = serde_json::from_value(apps)
            .map_err(|error| Unreadable::new(FILE, error.to_string()))?;
        let mut deploys = Self::default();
        for (app, all) in apps {
            for deploy in all {
                deploys.add(&app, deploy);
            }
        }
        Ok(deploys)
    }

    /// Adds a deploy of `app`.
    pub fn add(&mut self, app: &str, deploy: PastDeploy) {
        let deploys = self.apps.entry(app.to_owned()).or_default();
        let key = deploy.key();
        let later = match deploys.remove(&key) {
            Some(known) => known.max(deploy),
            None => deploy,
        };
        deploys.insert(key, later);
        while deploys.len() > KEPT {
            let oldest = deploys.iter().min_by_key(|(_, deploy)| *deploy);
            let Some(key) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            deploys.remove(&key);
        }
    }

    /// Both, the newest of each app.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for (app, deploys) in other.apps {
            for deploy in deploys.into_values() {
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
    pub fn of(&self, app: &str) -> Vec<&PastDeploy> {
        let mut deploys: Vec<_> = self
            .apps
            .get(app)
            .map(|all| all.values().collect())
            .unwrap_or_default();
        deploys.sort_by(|one: &&PastDeploy, other| other.cmp(one));
        deploys
    }

    /// The file.
    pub fn value(&self) -> Value {
        let newest_first = self
            .apps
            .keys()
            .map(|app| (app.clone(), json!(self.of(app))));
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
        let minutes: Vec<_> = merged
            .of("shop")
            .into_iter()
            .filter_map(|d| d.release)
            .collect();
        assert_eq!(minutes, (10..30).rev().collect::<Vec<_>>());
        assert_eq!(Deploys::read(&merged.value().to_string()).unwrap(), merged);
    }

    #[test]
    fn a_deploy_that_is_told_twice_is_one() {
        let mut deploys = Deploys::default();
        let told = deploy(5, "ada");
        let mut by_the_host = told.clone();
        by_the_host.at = "2026-11-25T10:04:58Z".into();
        deploys.add("shop", told.clone());
        deploys.add("shop", by_the_host);
        assert_eq!(deploys.of("shop"), [&told]);
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for text in ["", "[]", "{}", r#"{"apps":{"a":[{"at":1}]}}"#] {
            assert!(Deploys::read(text).is_err(), "{text}");
        }
    }
}
