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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// The first line of a commit's message, cut to [`LONGEST_MESSAGE`] characters, without control
/// characters, which would write to the terminal of whoever lists the releases.
pub fn subject(message: &str) -> String {
    let line = message.trim_start().lines().next().unwrap_or_default();
    line.trim_end()
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_MESSAGE)
        .collect()
}

/// The message of a release that is an earlier one again: `v9 again: Fix the basket`.
pub fn again(version: u64, message: &str) -> String {
    format!("v{version} again: {}", unrepeated(message))
}

/// A release's message without the note that it was an earlier one again.
pub fn unrepeated(message: &str) -> &str {
    let rest = message.strip_prefix('v').and_then(|rest| {
        let (version, rest) = rest.split_once(" again: ")?;
        version.parse::<u64>().ok().map(|_| rest)
    });
    rest.unwrap_or(message)
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
mod tests;
