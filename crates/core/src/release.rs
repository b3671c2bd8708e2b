//! Releases: which version of an app went live, when, by whom. The record is variables of the app,
//! in the shape that the bash system wrote.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    clock::stamp,
    secret::Secret,
    store::{Variables, seal, unseal},
};

const VERSION: &str = "RELEASE_VERSION";
const SHA: &str = "RELEASE_SHA";
const IMAGE: &str = "RELEASE_IMAGE";
const TIMESTAMP: &str = "RELEASE_TIMESTAMP";
const ACTOR: &str = "RELEASE_ACTOR";
const HISTORY: &str = "RELEASE_HISTORY_B64";

/// The variables of the record.
pub const KEYS: [&str; 6] = [VERSION, SHA, IMAGE, TIMESTAMP, ACTOR, HISTORY];

/// How many releases the history keeps.
pub const KEPT: usize = 10;

/// Longest message kept, in characters.
pub const LONGEST_MESSAGE: usize = 80;

/// One release of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// 1 for the first.
    pub version: u64,
    /// The commit; empty where the record does not say.
    pub sha: String,
    /// Docker's id of the image that went live (`sha256:…`), where it is known.
    pub image: Option<String>,
    /// When it went live.
    pub timestamp: Timestamp,
    /// Who deployed it.
    pub actor: String,
    /// First line of the commit's message, at most [`LONGEST_MESSAGE`] characters.
    pub message: String,
    /// `production` …; empty where the record does not say.
    pub environment: String,
}

/// What is known of a release before it has its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextRelease {
    /// The commit, in full.
    pub sha: String,
    /// Docker's id of the image that went live, where it is known.
    pub image: Option<String>,
    /// When it went live.
    pub timestamp: Timestamp,
    /// Who deployed it.
    pub actor: String,
    /// The commit's message; only its first line is kept.
    pub message: String,
    /// The environment's word.
    pub environment: String,
}

/// The record of an app's releases, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    releases: Vec<Release>,
}

/// The record is there and cannot be read: it is neither guessed at nor overwritten.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the release record is damaged: the variable {variable} {why}. Look at it (dokku config:get APP {variable}), then start a new record: dokku config:unset --no-restart APP {variable}"
)]
pub struct Corrupted {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong with it.
    pub why: String,
}

fn corrupted(variable: &'static str, why: impl Into<String>) -> Corrupted {
    Corrupted {
        variable,
        why: why.into(),
    }
}

/// One item of the history, as it is stored.
#[derive(Serialize, Deserialize)]
struct Item {
    version: u64,
    sha: String,
    #[serde(default)]
    short: String,
    timestamp: String,
    #[serde(default)]
    actor: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    environment: String,
    /// Only this system writes it, always: empty where the image is not known.
    #[serde(default)]
    image: Option<String>,
}

impl Item {
    fn of(release: &Release) -> Self {
        Self {
            version: release.version,
            sha: release.sha.clone(),
            short: short(&release.sha).to_owned(),
            timestamp: stamp(release.timestamp),
            actor: release.actor.clone(),
            message: release.message.clone(),
            environment: release.environment.clone(),
            image: Some(release.image.clone().unwrap_or_default()),
        }
    }

    fn read(self) -> Result<Release, Corrupted> {
        let timestamp = time(HISTORY, &self.timestamp)?;
        // The bash system escaped double quotes once too often and cut messages within a character.
        let message = match self.image {
            Some(_) => self.message,
            None => self
                .message
                .replace("\\\"", "\"")
                .trim_end_matches('\u{fffd}')
                .to_owned(),
        };
        Ok(Release {
            version: self.version,
            sha: self.sha,
            image: self.image.filter(|image| !image.is_empty()),
            timestamp,
            actor: self.actor,
            message,
            environment: self.environment,
        })
    }
}

fn time(variable: &'static str, text: &str) -> Result<Timestamp, Corrupted> {
    text.parse()
        .map_err(|_| corrupted(variable, format!("holds {text:?} where a time belongs")))
}

/// The first seven characters of a commit.
pub fn short(sha: &str) -> &str {
    sha.get(..7).unwrap_or(sha)
}

/// The first line of a commit's message, cut to [`LONGEST_MESSAGE`] characters.
pub fn subject(message: &str) -> String {
    let line = message.trim_start().lines().next().unwrap_or_default();
    line.trim_end().chars().take(LONGEST_MESSAGE).collect()
}

impl History {
    /// Reads the record from an app's variables. An app without any variable of it was never
    /// deployed by this system or the bash one: an empty history.
    pub fn of(variables: &Variables) -> Result<Self, Corrupted> {
        let mut releases = match variables.text(HISTORY) {
            None | Some("") => Vec::new(),
            Some(stored) => read_history(stored)?,
        };
        // The single variables are written together with the history. Where only they are there
        // (or are newer, by another tool) they are a release too.
        if let Some(current) = read_current(variables)?
            && releases
                .first()
                .is_none_or(|newest| newest.version < current.version)
        {
            releases.insert(0, current);
        }
        releases.truncate(KEPT);
        Ok(Self { releases })
    }

    /// All releases that are known, newest first, at most [`KEPT`].
    pub fn releases(&self) -> &[Release] {
        &self.releases
    }

    /// The release that was recorded last.
    pub fn current(&self) -> Option<&Release> {
        self.releases.first()
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.releases.is_empty()
    }

    /// The number that the next release gets.
    pub fn next_version(&self) -> u64 {
        let versions = self.releases.iter().map(|release| release.version);
        versions.max().unwrap_or(0).saturating_add(1)
    }

    /// This history with one more release.
    #[must_use]
    pub fn with(&self, next: &NextRelease) -> Self {
        let release = Release {
            version: self.next_version(),
            sha: next.sha.clone(),
            image: next.image.clone(),
            timestamp: next.timestamp,
            actor: next.actor.clone(),
            message: subject(&next.message),
            environment: next.environment.clone(),
        };
        let older = self.releases.iter().take(KEPT - 1).cloned();
        Self {
            releases: std::iter::once(release).chain(older).collect(),
        }
    }

    /// The variables that record one more release.
    pub fn record(&self, next: &NextRelease) -> BTreeMap<String, Secret> {
        self.with(next).variables()
    }

    /// The variables that hold this history; none for an empty one.
    pub fn variables(&self) -> BTreeMap<String, Secret> {
        let Some(current) = self.releases.first() else {
            return BTreeMap::new();
        };
        let items: Vec<_> = self
            .releases
            .iter()
            .map(|release| serde_json::json!(Item::of(release)))
            .collect();
        let json = serde_json::Value::from(items).to_string();
        [
            (VERSION, current.version.to_string()),
            (SHA, current.sha.clone()),
            (IMAGE, current.image.clone().unwrap_or_default()),
            (TIMESTAMP, stamp(current.timestamp)),
            (ACTOR, current.actor.clone()),
            (HISTORY, STANDARD.encode(json)),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), Secret::new(seal(&value))))
        .collect()
    }
}

fn read_history(stored: &str) -> Result<Vec<Release>, Corrupted> {
    let compact: String = stored.split_whitespace().collect();
    let json = STANDARD
        .decode(compact)
        .map_err(|_| corrupted(HISTORY, "is not base64"))?;
    let items: Vec<Item> = serde_json::from_slice(&json)
        .map_err(|error| corrupted(HISTORY, format!("is not a list of releases ({error})")))?;
    items.into_iter().map(Item::read).collect()
}

fn read_current(variables: &Variables) -> Result<Option<Release>, Corrupted> {
    let text = |key| unseal(variables.text(key).unwrap_or_default());
    let version = match text(VERSION) {
        "" => return Ok(None),
        version => version
            .parse()
            .map_err(|_| corrupted(VERSION, format!("is {version:?}, not a number")))?,
    };
    Ok(Some(Release {
        version,
        sha: text(SHA).to_owned(),
        image: Some(text(IMAGE).to_owned()).filter(|image| !image.is_empty()),
        timestamp: time(TIMESTAMP, text(TIMESTAMP))?,
        actor: text(ACTOR).to_owned(),
        message: String::new(),
        environment: String::new(),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::storable;

    fn next(sha: &str, message: &str) -> NextRelease {
        NextRelease {
            sha: sha.to_owned(),
            image: Some("sha256:f163".to_owned()),
            timestamp: "2026-11-23T12:00:00Z".parse().unwrap(),
            actor: "ada".to_owned(),
            message: message.to_owned(),
            environment: "production".to_owned(),
        }
    }

    fn sha(number: usize) -> String {
        format!("a{number:039x}")
    }

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().copied().collect()
    }

    fn b64(json: &str) -> String {
        STANDARD.encode(json)
    }

    #[test]
    fn an_app_without_record_has_no_releases_and_starts_at_one() {
        let history = History::of(&variables(&[("GIT_REV", "x"), ("PORT", "5000")])).unwrap();
        assert!(history.is_empty());
        assert_eq!(history.next_version(), 1);
        assert!(history.variables().is_empty());
    }

    #[test]
    fn versions_go_up_and_the_last_ten_are_kept() {
        let mut history = History::default();
        for number in 1..=13 {
            let stored: Variables = history
                .record(&next(&sha(number), "subject\n\nbody"))
                .into();
            history = History::of(&stored).unwrap();
        }
        let versions: Vec<_> = history.releases().iter().map(|r| r.version).collect();
        assert_eq!(versions, (4..=13).rev().collect::<Vec<_>>());
        assert_eq!(history.current().unwrap().sha, sha(13));
        assert_eq!(history.releases()[1].sha, sha(12));
    }

    #[test]
    fn the_variables_have_the_shape_of_the_documents() {
        let stored: Variables = History::default()
            .record(&next(&sha(1), "Fix \"login\""))
            .into();
        let text = |key| stored.text(key).unwrap();
        assert_eq!(text("RELEASE_VERSION"), "1");
        assert_eq!(text("RELEASE_SHA"), sha(1));
        assert_eq!(text("RELEASE_IMAGE"), "sha256:f163");
        assert_eq!(text("RELEASE_TIMESTAMP"), "2026-11-23T12:00:00Z");
        assert_eq!(text("RELEASE_ACTOR"), "ada");
        let json = STANDARD.decode(text("RELEASE_HISTORY_B64")).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(
            json,
            serde_json::json!([{
                "version": 1, "sha": sha(1), "short": "a000000",
                "timestamp": "2026-11-23T12:00:00Z", "actor": "ada",
                "message": "Fix \"login\"", "environment": "production", "image": "sha256:f163"
            }])
        );
        assert!(stored.keys().all(|key| KEYS.contains(&key.as_str())));
    }

    #[test]
    fn what_the_bash_system_wrote_is_read() {
        let history = b64(
            r#"[{"version":1,"sha":"abc1234def","short":"abc1234","timestamp":"2025-12-10T09:00:00Z","actor":"bob","message":"Fix \\\"login\\\" bug caf�","environment":"production"}]"#,
        );
        let stored = variables(&[
            ("RELEASE_VERSION", "1"),
            ("RELEASE_SHA", "abc1234def"),
            ("RELEASE_TIMESTAMP", "2025-12-10T09:00:00Z"),
            ("RELEASE_ACTOR", "bob"),
            ("RELEASE_HISTORY_B64", &history),
        ]);
        let history = History::of(&stored).unwrap();
        assert_eq!(history.releases().len(), 1);
        let release = history.current().unwrap();
        assert_eq!(release.message, "Fix \"login\" bug caf");
        assert_eq!((release.actor.as_str(), &release.image), ("bob", &None));
        assert_eq!(history.next_version(), 2);
    }

    #[test]
    fn single_variables_without_history_are_one_release() {
        let stored = variables(&[
            ("RELEASE_VERSION", "7"),
            ("RELEASE_SHA", "abc"),
            ("RELEASE_TIMESTAMP", "2025-12-10T09:00:00Z"),
        ]);
        let history = History::of(&stored).unwrap();
        assert_eq!(history.next_version(), 8);
        assert_eq!(history.current().unwrap().sha, "abc");
    }

    #[test]
    fn a_damaged_record_is_an_error_that_says_what_to_do() {
        let good = ("RELEASE_TIMESTAMP", "2025-12-10T09:00:00Z");
        for pairs in [
            [("RELEASE_HISTORY_B64", "!!"), good],
            [("RELEASE_HISTORY_B64", &b64("[{}]")), good],
            [("RELEASE_HISTORY_B64", &b64("{}")), good],
            [("RELEASE_HISTORY_B64", "W3siYSI6"), good],
            [("RELEASE_VERSION", "three"), good],
            [("RELEASE_VERSION", "3"), ("RELEASE_TIMESTAMP", "")],
        ] {
            let error = History::of(&variables(&pairs)).unwrap_err().to_string();
            assert!(
                error.contains("config:unset") && error.contains("RELEASE_"),
                "{error}"
            );
        }
    }

    #[test]
    fn messages_are_cut_between_characters() {
        assert_eq!(subject("one\ntwo"), "one");
        assert_eq!(subject("\n  \n"), "");
        let long = "é日".repeat(60);
        let cut = subject(&long);
        assert_eq!(cut.chars().count(), LONGEST_MESSAGE);
        assert!(long.starts_with(&cut));
    }

    proptest! {
        #[test]
        fn every_record_is_storable_and_reads_back(
            actor in r#"[a"\\0-9]{0,5}|\PC{0,20}"#,
            message in r#"[a"\\]{0,9}|\PC{0,99}"#,
        ) {
            let next = NextRelease { actor: actor.clone(), ..next(&sha(1), &message) };
            let stored = History::default().record(&next);
            for value in stored.values() {
                prop_assert_eq!(storable(value.expose()), Ok(()));
            }
            let history = History::of(&stored.into()).unwrap();
            let release = history.current().unwrap();
            prop_assert_eq!(&release.message, &subject(&message));
            prop_assert_eq!(&release.actor, &actor);
            prop_assert_eq!(release.image.as_deref(), Some("sha256:f163"));
        }
    }
}
