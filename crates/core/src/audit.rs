//! The record of what happened: one entry for each operation that changes a host, whatever came of
//! it. Messages to chat services, the dashboard and the audit log are renderings of it.
//!
//! The shape is that of the original's `audit-log.json`, in which every key is always there and
//! empty where nothing is known. What it had no key for is in `metadata`.

mod made_of;
mod merge;
mod report;
mod words;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    app::{AppName, Environment},
    clock::stamp,
};

pub use self::{
    merge::{KEPT, merge},
    report::{AuditLog, Chained, Stats, log_file, report},
    words::{Action, Status},
};

/// Longest note, in characters.
const LONGEST_NOTE: usize = 4000;
/// Longest first line of a commit's message, in characters.
const LONGEST_MESSAGE: usize = 1000;
/// Longest of the other texts, in characters.
const LONGEST_TEXT: usize = 500;

/// One entry: what was done to which app, by whom, when, and what came of it.
///
/// All texts are hostile: commit messages, reasons, names of branches. Entries of other writers are
/// read leniently: a key that is missing or null is empty, and one that is not known is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// `audit-{epoch}-{6 hexadecimal digits}`; other for each operation.
    pub id: String,
    /// When it ended: UTC, RFC 3339, whole seconds.
    #[serde(deserialize_with = "lenient", default)]
    pub timestamp: String,
    /// What was done.
    pub action: Action,
    /// The app; empty for what is about a whole host.
    #[serde(deserialize_with = "lenient", default)]
    pub app_name: String,
    /// `production` …; empty for what is about a whole host.
    #[serde(deserialize_with = "lenient", default)]
    pub environment: String,
    /// What came of it.
    pub status: Status,
    /// Who did it.
    #[serde(deserialize_with = "lenient", default)]
    pub actor: String,
    /// The repository, as `owner/name` where that is known.
    #[serde(deserialize_with = "lenient", default)]
    pub repository: String,
    /// The commit that it is about.
    #[serde(deserialize_with = "lenient", default)]
    pub commit: EntryCommit,
    /// How long it took, as `2m 34s`.
    #[serde(deserialize_with = "lenient", default)]
    pub duration: String,
    /// The app's address.
    #[serde(deserialize_with = "lenient", default)]
    pub url: String,
    /// Why, in words: the reason of a lock, the cause of a failure.
    #[serde(deserialize_with = "lenient", default)]
    pub note: String,
    /// The run of a workflow that did it.
    #[serde(deserialize_with = "lenient", default)]
    pub workflow: Workflow,
    /// What else is known; see [`key`].
    #[serde(deserialize_with = "lenient", default)]
    pub metadata: Map<String, Value>,
    /// What other writers have added.
    #[serde(flatten)]
    pub further: Map<String, Value>,
}

/// A commit, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryCommit {
    /// Its first seven digits.
    #[serde(deserialize_with = "lenient", default)]
    pub sha: String,
    /// All 40.
    #[serde(deserialize_with = "lenient", default)]
    pub sha_full: String,
    /// The first line of its message.
    #[serde(deserialize_with = "lenient", default)]
    pub message: String,
}

/// The run of a workflow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    /// Its number.
    #[serde(deserialize_with = "lenient", default)]
    pub run_id: String,
    /// Its page.
    #[serde(deserialize_with = "lenient", default)]
    pub run_url: String,
}

/// What of another type, or null, counts as not there: numbers become text where text is wanted.
fn lenient<'de, T: DeserializeOwned + Default, D: Deserializer<'de>>(
    from: D,
) -> Result<T, D::Error> {
    let value = Value::deserialize(from)?;
    let as_text = match &value {
        Value::Number(number) => Some(Value::String(number.to_string())),
        Value::Bool(flag) => Some(Value::String(flag.to_string())),
        _ => None,
    };
    Ok(serde_json::from_value(value)
        .ok()
        .or_else(|| serde_json::from_value(as_text?).ok())
        .unwrap_or_default())
}

/// Keys of the metadata that the renderings know. Each is there only where it is known.
pub mod key {
    /// The host, as the person names it.
    pub const HOST: &str = "host";
    /// By what the host is known, whoever calls it what.
    pub const HOST_ID: &str = "host_id";
    /// The branch.
    pub const BRANCH: &str = "branch";
    /// The commit that served before, in full.
    pub const PREVIOUS_SHA: &str = "previous_sha";
    /// The number of the release that was recorded.
    pub const RELEASE: &str = "release";
    /// The number of the release before.
    pub const PREVIOUS_RELEASE: &str = "previous_release";
    /// How many files differ from the commit that served before.
    pub const FILES_CHANGED: &str = "files_changed";
    /// The time that it took, as a number of seconds.
    pub const DURATION_SECONDS: &str = "duration_seconds";
    /// When it ended, with milliseconds: what tells two of one second apart.
    pub const FINISHED: &str = "finished";
    /// Where a failure happened, in words.
    pub const STAGE: &str = "stage";
    /// What serves now, in words.
    pub const SERVING: &str = "serving";
    /// The path at which a deploy asks the app for its health.
    pub const HEALTH_PATH: &str = "health_path";
    /// The page of the commit.
    pub const COMMIT_URL: &str = "commit_url";
    /// What went wrong without changing the result.
    pub const WARNINGS: &str = "warnings";
    /// When a lock ends by itself.
    pub const UNTIL: &str = "until";
    /// Who had set the lock that is gone now.
    pub const LOCKED_BY: &str = "locked_by";
    /// Since when the lock was there that is gone now.
    pub const LOCKED_AT: &str = "locked_at";
    /// The reason of the lock that is gone now.
    pub const LOCK_REASON: &str = "lock_reason";
    /// A service, by its name.
    pub const SERVICE: &str = "service";
    /// A service's kind.
    pub const SERVICE_KIND: &str = "service_kind";
    /// A backup's file or address.
    pub const BACKUP: &str = "backup";
    /// Whether a backup restores, where a test has shown it.
    pub const RESTORES: &str = "restores";
    /// Other services of the app whose backups are not known to restore.
    pub const UNPROVEN: &str = "unproven";
    /// How many backups were removed.
    pub const REMOVED: &str = "removed";
    /// A size in bytes.
    pub const SIZE: &str = "size_bytes";
    /// The number of a pull request.
    pub const PULL_REQUEST: &str = "pr_number";
    /// The page of a pull request.
    pub const PULL_REQUEST_URL: &str = "pr_url";
    /// Names of variables. Never their values.
    pub const KEYS: &str = "keys";
    /// What was asked for, as words of a command line.
    pub const CHANGE: &str = "change";
    /// Apps that were destroyed, or that something is about.
    pub const APPS: &str = "apps";
    /// Services that were destroyed, or that something is about.
    pub const SERVICES: &str = "services";
    /// What a schedule does.
    pub const TASK: &str = "task";
    /// The days that a certificate has left.
    pub const DAYS_LEFT: &str = "days_left";
    /// Through which command the host saw it.
    pub const SOURCE: &str = "source";
    /// The name of the ssh key that a command came with, as the host knows it.
    pub const SSH_KEY: &str = "ssh_key";
    /// Whether only what would be done was told.
    pub const DRY_RUN: &str = "dry_run";
}

/// Who does something, when, and from where. Time and randomness are the caller's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Now.
    pub time: Timestamp,
    /// Random, other for each operation.
    pub nonce: u32,
    /// The person.
    pub actor: String,
    /// The host, as the person names it.
    pub host: String,
    /// The repository, as `owner/name` where that is known.
    pub repository: String,
    /// The page of the repository.
    pub repository_url: String,
    /// The run of a workflow.
    pub workflow: Workflow,
}

impl AuditEntry {
    /// An entry about a host as a whole.
    pub fn of_host(action: Action, status: Status, origin: &Origin) -> Self {
        let mut entry = Self {
            id: id(origin.time, origin.nonce),
            timestamp: stamp(origin.time),
            action,
            app_name: String::new(),
            environment: String::new(),
            status,
            actor: cut(&origin.actor, LONGEST_TEXT),
            repository: cut(&origin.repository, LONGEST_TEXT),
            commit: EntryCommit::default(),
            duration: String::new(),
            url: String::new(),
            note: String::new(),
            workflow: origin.workflow.clone(),
            metadata: Map::new(),
            further: Map::new(),
        };
        entry.set(key::HOST, origin.host.as_str());
        if origin.time.subsec_nanosecond() != 0 {
            entry.set_exact(origin.time);
        }
        entry
    }

    fn set_exact(&mut self, time: Timestamp) {
        let exact = time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        self.set(key::FINISHED, exact.to_string());
    }

    /// An entry about an app, whose environment follows from its name.
    pub fn of_app(action: Action, app: &AppName, status: Status, origin: &Origin) -> Self {
        let environment = Environment::of_app(app).as_str().to_owned();
        Self {
            app_name: app.to_string(),
            environment,
            ..Self::of_host(action, status, origin)
        }
    }

    /// Says why.
    #[must_use]
    pub fn note(mut self, note: &str) -> Self {
        self.note = cut(note, LONGEST_NOTE);
        self
    }

    /// Says what else is known.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.set(key, value);
        self
    }

    /// Says what else is known. An empty text and null say nothing.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        let value = match value.into() {
            Value::String(text) => Value::String(cut(&text, LONGEST_TEXT)),
            value => value,
        };
        match &value {
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            _ => {
                self.metadata.insert(key.to_owned(), value);
            }
        }
    }

    /// Says what came of it, when it ended and how long it took.
    pub fn finish(&mut self, status: Status, started: Timestamp, finished: Timestamp) {
        self.status = status;
        self.timestamp = stamp(finished);
        let took = Duration::try_from(finished.duration_since(started)).unwrap_or_default();
        self.duration = duration(took);
        self.set(key::DURATION_SECONDS, took.as_secs());
        self.set_exact(finished);
    }

    /// A commit, with its page where the repository has one.
    pub fn set_commit(&mut self, sha: &str, message: &str, origin: &Origin) {
        self.commit = EntryCommit {
            sha: sha.chars().take(7).collect(),
            sha_full: cut(sha, LONGEST_TEXT),
            message: cut(message, LONGEST_MESSAGE),
        };
        if !origin.repository_url.is_empty() && !sha.is_empty() {
            self.set(
                key::COMMIT_URL,
                format!("{}/commit/{sha}", origin.repository_url),
            );
        }
    }

    /// A text of the metadata; numbers become text. Empty where it is not there.
    pub fn text(&self, key: &str) -> String {
        match self.metadata.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Array(items)) => {
                let texts = items.iter().filter_map(Value::as_str);
                texts.collect::<Vec<_>>().join(", ")
            }
            _ => String::new(),
        }
    }

    /// A number of the metadata.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.metadata.get(key)?.as_u64()
    }

    /// When it was, where the timestamp can be read; to the millisecond where that is known.
    pub fn time(&self) -> Option<Timestamp> {
        let second: Timestamp = self.timestamp.parse().ok()?;
        let exact: Option<Timestamp> = self.text(key::FINISHED).parse().ok();
        let exact = exact.filter(|exact| exact.as_second() == second.as_second());
        Some(exact.unwrap_or(second))
    }
}

/// The id of an entry: the second, and 24 bits that tell two of one second apart.
pub fn id(time: Timestamp, nonce: u32) -> String {
    format!("audit-{}-{:06x}", time.as_second(), nonce & 0x00ff_ffff)
}

/// Whether a text can be the id of an entry.
pub fn is_id(text: &str) -> bool {
    let parts = text
        .strip_prefix("audit-")
        .and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(epoch, nonce)| {
        (1..=12).contains(&epoch.len())
            && epoch.bytes().all(|c| c.is_ascii_digit())
            && nonce.len() == 6
            && nonce.bytes().all(|c| c.is_ascii_hexdigit())
    })
}

/// A time that something took, as people read it: `45s`, `2m 34s`, `1h 2m 3s`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m {rest}s"),
        _ => format!("{hours}h {minutes}m {rest}s"),
    }
}

/// The text, or its beginning with `…` where it has more than `most` characters.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    let kept = text.chars().take(most.saturating_sub(1));
    kept.chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests;
