//! Requests about the audit log and about who is told.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::AuditEntry;

/// The longest request to record something, in bytes as it is sent.
pub const LONGEST_RECORD: usize = 96 * 1024;

/// Asks to record what was done from elsewhere. It is sent on standard input, because it is too long
/// for a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordRequest {
    /// The entry.
    pub entry: AuditEntry,
    /// Whether the asking side tells people by itself; otherwise the host does, if it knows whom.
    #[serde(default)]
    pub is_told: bool,
}

/// What became of a request to record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Whether it was written now; otherwise it was in the log already.
    pub is_new: bool,
    /// Its number in the log.
    pub seq: u64,
    /// The hash of its line.
    pub hash: String,
    /// By what the host is known, whoever calls it what; empty from older plugins.
    #[serde(default)]
    pub host_id: String,
}

/// Asks for entries of the audit log. What is not given lets everything pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditRequest {
    /// Of this app.
    pub app: Option<String>,
    /// Of this action, by its word.
    pub action: Option<String>,
    /// By this person.
    pub actor: Option<String>,
    /// Not older than this.
    pub since: Option<Timestamp>,
    /// At most so many, the newest ones.
    pub limit: usize,
}

impl AuditRequest {
    /// Whether an entry is one of those that are asked for. Of several apps it is enough that one is
    /// the app.
    pub fn takes(&self, entry: &AuditEntry) -> bool {
        let is_app = |app: &String| {
            entry.app_name == *app
                || entry
                    .metadata
                    .get(crate::audit::key::APPS)
                    .and_then(|apps| apps.as_array())
                    .is_some_and(|apps| apps.iter().any(|one| one.as_str() == Some(app)))
        };
        self.app.as_ref().is_none_or(is_app)
            && self
                .action
                .as_ref()
                .is_none_or(|action| entry.action.as_str() == action)
            && self
                .actor
                .as_ref()
                .is_none_or(|actor| entry.actor == *actor)
    }
}

/// Entries of the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditAnswer {
    /// Newest first.
    pub entries: Vec<AuditEntry>,
    /// Whether there are more.
    pub is_cut: bool,
    /// The number of the log's last entry, whatever was asked for; 0 where there is none.
    pub seq: u64,
    /// The hash of the log's last entry: what `audit verify --known` takes.
    pub hash: String,
}

/// Changes who is told by the host, or only asks. It is sent on standard input: it holds secrets.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifyRequest {
    /// Secrets by the names of their variables.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Secrets to forget.
    #[serde(default)]
    pub unset: Vec<String>,
    /// The section `notifications:` of a `config.yml` for the whole host; empty: the defaults.
    #[serde(default)]
    pub rules: Option<String>,
}

/// What the host knows of who is told. No values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyState {
    /// The names of the secrets that are there.
    pub variables: Vec<String>,
    /// Whether there are settings beside the defaults.
    pub has_rules: bool,
    /// What cannot be used, in words.
    pub malformed: Vec<String>,
    /// Messages that wait to be sent.
    pub waiting: usize,
    /// Messages that could not be sent and are kept.
    pub undelivered: usize,
}
