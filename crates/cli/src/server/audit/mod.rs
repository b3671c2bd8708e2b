//! The record on the host of every lock, unlock, denied and allowed deploy.
//!
//! One line of JSON an entry, each with the SHA-256 of the line before it, so that an entry cannot
//! be changed, removed or slipped in without breaking the chain. A cut tail keeps the chain: to
//! notice that, the hash of the last line has to be known from elsewhere.

mod log;
mod recorded;
mod shown;
mod verify;

use dokku_deploy::{
    audit::{AuditEntry, is_id},
    plugin_protocol::Elsewhere,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::place::Key;

pub use self::{
    log::Log,
    recorded::record_entry,
    shown::{as_entry, read},
    verify::{Since, verify},
};

/// Stands for the line before the first one.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A lock was set.
    Lock,
    /// A lock was removed.
    Unlock,
    /// A deploy was refused.
    Denied,
    /// A deploy was let through.
    Allowed,
    /// A lock that had been wiped was put back.
    Restored,
    /// A deploy was let through because of the break-glass file.
    BreakGlass,
    /// A deploy of a locked app was let through by a one-use permission.
    Override,
    /// The kept image of an earlier release was run again.
    Rollback,
    /// A one-use permission was given.
    Permitted,
    /// Something was done from elsewhere; the entry says what.
    Recorded,
    /// A segment of the log begins.
    Checkpoint,
    /// The oldest segment is removed.
    Retired,
}

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// What happened.
    pub event: Event,
    /// To which app.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub app: Option<String>,
    /// Which commit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub commit: Option<String>,
    /// The person, as far as one was named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
    /// Why, in the words of the lock or of whoever acted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Through which command, such as `git-hook` or `config:clear`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<String>,
    /// The id of the entry by which it is known elsewhere.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// The whole entry, where one was sent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub entry: Option<Box<AuditEntry>>,
    /// The hash of the last entry of a segment that is removed: where the chain begins then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last: Option<String>,
    /// Whether somebody else tells people of it. Not recorded.
    #[serde(skip)]
    pub is_told: bool,
}

impl Happening {
    /// An event of an app.
    pub fn new(event: Event, app: &str) -> Self {
        Self {
            event,
            app: Some(app.to_owned()),
            commit: None,
            by: None,
            reason: None,
            source: None,
            id: None,
            entry: None,
            last: None,
            is_told: false,
        }
    }
}

impl Happening {
    /// The asking side records it too, and perhaps tells people.
    pub fn known_elsewhere(&mut self, elsewhere: Option<&Elsewhere>) {
        let Some(elsewhere) = elsewhere.filter(|elsewhere| is_id(&elsewhere.id)) else {
            return;
        };
        self.id = Some(elsewhere.id.clone());
        self.is_told = elsewhere.is_told;
    }
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// 1 for the first entry of all, then one more each.
    pub seq: u64,
    /// When, in UTC.
    pub time: Timestamp,
    /// What.
    #[serde(flatten)]
    pub happening: Happening,
    /// The ssh key that the command came with.
    pub key: Key,
    /// How many bytes of an unfinished line were cut off before this entry was written: a write that
    /// was killed.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub cut: u64,
    /// SHA-256 of the line before, without its line break.
    pub prev: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The hash that the next line carries of this one.
pub fn hash(line: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(line)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
