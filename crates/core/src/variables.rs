//! Which of an app's variables this system owns, and what a deploy changes about them.
//!
//! Every owned key remembers the source that gave it. A key is unset only when its source is given
//! again without it; keys that nobody here owns (set by hand, by links, locks and releases) stay.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// The variable that holds the list of owned keys, as JSON.
pub const MANAGED: &str = "DEPLOY_MANAGED";

/// Version of the shape of [`Managed`] that this program writes and reads.
const SCHEMA: u32 = 1;

/// Where an owned variable comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// `APP_ENV`, `APP_NAME`, `APP_URL`: given by every deploy.
    System,
    /// `DEPLOY_REPOSITORY` and the like: which repository the app is deployed from, given where that is
    /// known.
    Repository,
    /// `--vars-file`.
    File,
    /// `--var`.
    Flag,
}

/// Whether a variable of that name usually holds something that logs should hide.
pub fn looks_secret(key: &str) -> bool {
    let key = key.to_ascii_uppercase();
    [
        "PASSWORD",
        "PASSWD",
        "SECRET",
        "TOKEN",
        "PRIVATE",
        "CREDENTIAL",
        "API_KEY",
        "ACCESS_KEY",
        "DATABASE_URL",
        "REDIS_URL",
        "DSN",
        "WEBHOOK",
    ]
    .iter()
    .any(|word| key.contains(word))
}

/// What the sources of one run give. A source that is absent was not given and owns what it owned.
pub type Given = BTreeMap<Source, BTreeMap<String, Secret>>;

/// The keys that this system owns on an app, each with its source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Managed {
    keys: BTreeMap<String, Source>,
}

/// The list of owned keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadManaged {
    /// Not the JSON that this system writes.
    #[error("the variable {MANAGED} is not a list of owned variables: {0}")]
    Malformed(String),
    /// Written by a newer version.
    #[error(
        "the variable {MANAGED} has schema {found}; this version knows {SCHEMA}: upgrade dokku-cli"
    )]
    Newer {
        /// The schema that was found.
        found: u32,
    },
}

#[derive(Serialize, Deserialize)]
struct Stored {
    schema: u32,
    keys: BTreeMap<String, Source>,
}

#[derive(Deserialize)]
struct SchemaOnly {
    schema: u32,
}

impl Managed {
    /// Reads the variable's value; `None` (no such variable) is an app that nothing is owned of.
    pub fn read(value: Option<&str>) -> Result<Self, BadManaged> {
        let Some(text) = value else {
            return Ok(Self::default());
        };
        let malformed = |error: serde_json::Error| BadManaged::Malformed(error.to_string());
        let schema: SchemaOnly = serde_json::from_str(text).map_err(malformed)?;
        if schema.schema != SCHEMA {
            return Err(BadManaged::Newer {
                found: schema.schema,
            });
        }
        let stored: Stored = serde_json::from_str(text).map_err(malformed)?;
        Ok(Self { keys: stored.keys })
    }

    /// The variable's value.
    pub fn write(&self) -> String {
        let keys: serde_json::Map<_, _> = self
            .keys
            .iter()
            .map(|(key, source)| (key.clone(), serde_json::json!(source)))
            .collect();
        serde_json::json!({ "schema": SCHEMA, "keys": keys }).to_string()
    }

    /// Whether `key` is owned.
    pub fn owns(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// The owned keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }
}

/// What has to change so that the host holds what the sources give.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Keys to set, with their new values.
    pub set: BTreeMap<String, Secret>,
    /// Owned keys to unset.
    pub unset: Vec<String>,
    /// Keys among `set` that were there by somebody else's hand with another value.
    pub taken_over: Vec<String>,
    /// The list of owned keys afterwards.
    pub managed: Managed,
}

impl Changes {
    /// Compares what the host holds with what the sources give.
    ///
    /// Later sources win over earlier ones in the order of [`Source`]: a flag over a file.
    pub fn between(current: &BTreeMap<String, Secret>, managed: &Managed, given: &Given) -> Self {
        let mut wanted: BTreeMap<&str, (Source, &Secret)> = BTreeMap::new();
        for (source, variables) in given {
            for (key, value) in variables {
                wanted.insert(key, (*source, value));
            }
        }
        let mut changes = Self::default();
        for (key, (source, value)) in &wanted {
            let is_there = current.get(*key);
            if is_there != Some(*value) {
                changes.set.insert((*key).to_owned(), (*value).clone());
                if is_there.is_some() && !managed.owns(key) {
                    changes.taken_over.push((*key).to_owned());
                }
            }
            changes.managed.keys.insert((*key).to_owned(), *source);
        }
        for (key, source) in &managed.keys {
            if wanted.contains_key(key.as_str()) {
                continue;
            }
            if !given.contains_key(source) {
                changes.managed.keys.insert(key.clone(), *source);
            } else if current.contains_key(key) {
                changes.unset.push(key.clone());
            }
        }
        changes
    }

    /// Whether the app's own variables stay as they are.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty()
    }

    /// What the keys that change held before; `None`: the key was not there.
    pub fn before(&self, current: &BTreeMap<String, Secret>) -> BTreeMap<String, Option<Secret>> {
        self.set
            .keys()
            .chain(&self.unset)
            .map(|key| (key.clone(), current.get(key).cloned()))
            .collect()
    }
}

/// Why a given variable is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} cannot be given as a variable: {why}")]
pub struct NotYours {
    /// The key.
    pub key: String,
    /// Whose it is.
    pub why: &'static str,
}

/// Refuses keys that belong to this system or to Dokku, whatever their value.
pub fn may_be_given(key: &str) -> Result<(), NotYours> {
    let why = if ["APP_ENV", "APP_NAME", "APP_URL"].contains(&key) {
        "every deploy sets it itself"
    } else if key.starts_with("DEPLOY_LOCK")
        || key.starts_with("DEPLOY_RUN_")
        || key.starts_with("DEPLOY_COPY_")
        || key.starts_with("DEPLOY_CLEANUP_")
        || key == MANAGED
        || key == "DEPLOY_BASE_APP"
    {
        "it holds this system's own state"
    } else if key.starts_with("RELEASE_")
        && [
            "VERSION",
            "SHA",
            "IMAGE",
            "TIMESTAMP",
            "ACTOR",
            "HISTORY",
            "HISTORY_B64",
        ]
        .contains(&key.trim_start_matches("RELEASE_"))
    {
        "it records the releases"
    } else if key.starts_with("DOKKU_") || key == "GIT_REV" {
        "it belongs to Dokku"
    } else {
        return Ok(());
    };
    Err(NotYours {
        key: key.to_owned(),
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, Secret> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), Secret::new(*v)))
            .collect()
    }

    fn managed(pairs: &[(&str, Source)]) -> Managed {
        Managed {
            keys: pairs.iter().map(|(k, s)| ((*k).to_owned(), *s)).collect(),
        }
    }

    #[test]
    fn only_what_differs_is_set() {
        let given = Given::from([(Source::File, map(&[("A", "1"), ("B", "2")]))]);
        let changes = Changes::between(
            &map(&[("A", "1"), ("HAND", "x")]),
            &Managed::default(),
            &given,
        );
        assert_eq!(changes.set, map(&[("B", "2")]));
        assert!(changes.unset.is_empty());
        assert!(
            changes.managed.owns("A") && changes.managed.owns("B") && !changes.managed.owns("HAND")
        );
    }

    #[test]
    fn a_deploy_without_the_file_unsets_nothing_of_the_file() {
        let owned = managed(&[("A", Source::File), ("APP_ENV", Source::System)]);
        let given = Given::from([(Source::System, map(&[("APP_ENV", "production")]))]);
        let current = map(&[("A", "1"), ("APP_ENV", "production")]);
        let changes = Changes::between(&current, &owned, &given);
        assert!(changes.is_empty());
        assert!(changes.managed.owns("A"));
    }

    #[test]
    fn a_key_that_its_source_no_longer_has_is_unset_and_forgotten() {
        let owned = managed(&[
            ("A", Source::File),
            ("B", Source::File),
            ("GONE", Source::File),
        ]);
        let given = Given::from([(Source::File, map(&[("B", "2")]))]);
        let changes = Changes::between(
            &map(&[("A", "1"), ("B", "2"), ("HAND", "h")]),
            &owned,
            &given,
        );
        assert_eq!(changes.unset, ["A"]);
        assert!(!changes.managed.owns("A") && !changes.managed.owns("GONE"));
    }

    #[test]
    fn a_flag_wins_over_the_file_and_takes_the_key() {
        let given = Given::from([
            (Source::File, map(&[("A", "file")])),
            (Source::Flag, map(&[("A", "flag")])),
        ]);
        let changes = Changes::between(&map(&[("A", "hand")]), &Managed::default(), &given);
        assert_eq!(changes.set, map(&[("A", "flag")]));
        assert_eq!(changes.taken_over, ["A"]);
    }

    #[test]
    fn what_changed_can_be_put_back() {
        let owned = managed(&[("OLD", Source::File)]);
        let given = Given::from([(Source::File, map(&[("NEW", "n"), ("A", "2")]))]);
        let current = map(&[("OLD", "o"), ("A", "1")]);
        let before = Changes::between(&current, &owned, &given).before(&current);
        assert_eq!(before["OLD"], Some(Secret::new("o")));
        assert_eq!(before["A"], Some(Secret::new("1")));
        assert_eq!(before["NEW"], None);
    }

    #[test]
    fn the_list_survives_its_variable_and_a_newer_one_is_refused() {
        let list = managed(&[("A", Source::Flag), ("B", Source::System)]);
        assert_eq!(Managed::read(Some(&list.write())).unwrap(), list);
        assert_eq!(Managed::read(None).unwrap(), Managed::default());
        assert!(matches!(
            Managed::read(Some("{}")),
            Err(BadManaged::Malformed(_))
        ));
        let newer = Managed::read(Some(r#"{"schema":2,"keys":[]}"#));
        assert_eq!(newer, Err(BadManaged::Newer { found: 2 }));
    }

    #[test]
    fn keys_of_the_system_and_of_dokku_are_not_taken() {
        for key in [
            "APP_ENV",
            "DEPLOY_LOCKED",
            "DEPLOY_RUN_ID",
            "RELEASE_SHA",
            "DOKKU_X",
            "GIT_REV",
        ] {
            assert!(may_be_given(key).is_err(), "{key}");
        }
        for key in ["DEPLOYMENT", "RELEASE_NOTES", "DATABASE_URL", "X"] {
            assert!(may_be_given(key).is_ok(), "{key}");
        }
    }
}
