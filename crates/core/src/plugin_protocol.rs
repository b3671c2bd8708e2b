//! What `dokku-cli` and this system's plugin on the host say to each other.
//!
//! A request travels as one word of base64, so that nothing in a reason can be taken for a flag,
//! a quote or a command; the answer is one line of JSON. Both sides name the number of the
//! protocol that they speak, and neither guesses what another number means.

mod backups;

pub use self::backups::{
    BackupOutcome, BackupReport, BackupRequest, BackupResult, BackupsRequest, Listed, Listing,
    PruneRequest, Pruned, Room, TestNoted, TestOutcome, TestResult, TestedRequest, Verified,
    name_removed,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

mod access;
mod images;
mod journal;
mod records;

pub use self::access::{ProtectRequest, Protected};
pub use self::images::{
    KEPT_IMAGES, KeptImage, Permit, PermitRequest, RetainRequest, Retained, RollbackRequest,
    RollingBack,
};
pub use self::journal::{Decision, JournalRequest, Journaling, Senseless, decide};
pub use self::records::{
    AuditAnswer, AuditRequest, LONGEST_RECORD, NotifyRequest, NotifyState, RecordRequest, Recorded,
};
use crate::{clock::stamp, lock::Lock};

/// The protocol that this version speaks.
pub const PROTOCOL: u32 = 1;

/// The name of the plugin, the first part of its verbs.
pub const PLUGIN: &str = "deploy-system";

/// When a lock is to end by itself. A duration counts by the clock of whoever sets the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// So many seconds after it was set.
    ForSeconds(u64),
    /// At this time.
    Until(Timestamp),
}

/// An end that would be no end of a lock that begins now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadEnd {
    /// It is over already.
    #[error("the lock would end at {}, which is past (it is {})", stamp(*.until), stamp(*.now))]
    Past {
        /// The end.
        until: Timestamp,
        /// The present.
        now: Timestamp,
    },
    /// Nobody can name that time.
    #[error("a lock for {0} seconds would end after the year 9999")]
    TooFar(u64),
}

impl End {
    /// The moment at which a lock ends that is set `now`.
    pub fn after(self, now: Timestamp) -> Result<Timestamp, BadEnd> {
        let until = match self {
            Self::Until(until) => until,
            Self::ForSeconds(seconds) => i64::try_from(seconds)
                .ok()
                .and_then(|whole| now.checked_add(SignedDuration::from_secs(whole)).ok())
                .ok_or(BadEnd::TooFar(seconds))?,
        };
        if until <= now {
            return Err(BadEnd::Past { until, now });
        }
        Ok(until)
    }
}

/// Asks for a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockRequest {
    /// Why: any text of at most [`LONGEST_REASON`](crate::lock::LONGEST_REASON) bytes.
    pub reason: String,
    /// The person.
    pub by: String,
    /// When it ends by itself, if it does.
    pub end: Option<End>,
    /// Its id, other for each lock: [`single_id`](crate::lock::single_id) or
    /// [`group_id`](crate::lock::group_id).
    pub id: String,
    /// Whether to take over a lock that is there.
    pub replace: bool,
    /// How the asking side records it, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Elsewhere>,
}

/// Asks to unlock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnlockRequest {
    /// The person who unlocks.
    pub by: String,
    /// Unlock only if the lock is still the one with this
    /// [`fingerprint`](crate::lock::Lock::fingerprint). `None`: whatever is there, even if it
    /// cannot be read.
    pub only: Option<String>,
    /// How the asking side records it, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Elsewhere>,
}

/// What the asking side does by itself about the entry of what it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// The id of its entry.
    pub id: String,
    /// Whether it tells people; otherwise the host does, if it knows whom.
    pub is_told: bool,
}

/// What became of a request for a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Locking {
    /// The app is locked by this request.
    Taken {
        /// The lock that was set.
        lock: Lock,
        /// The lock that was in force and was taken over.
        replaced: Option<Box<Lock>>,
        /// The lock whose variables were still there after its end.
        expired: Option<Box<Lock>>,
    },
    /// The app is locked by somebody else's lock, or by an earlier one; nothing was changed.
    Held {
        /// The lock that is in force.
        lock: Lock,
    },
}

/// What became of a request to unlock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Unlocking {
    /// There was no lock; nothing was changed.
    NotLocked,
    /// The lock was removed.
    Unlocked {
        /// The lock; `None` where it could not be read.
        was: Option<Lock>,
        /// Whether it had ended by itself before.
        had_expired: bool,
        /// The lock that somebody set at the same moment: the app is locked again.
        relocked: Option<Lock>,
    },
    /// There is another lock than the one that was to be removed; nothing was changed.
    Changed {
        /// The lock that is in force.
        lock: Lock,
    },
}

/// Why the plugin did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Which kind of trouble.
    pub kind: FaultKind,
    /// The trouble in words.
    pub message: String,
}

/// Kinds of trouble that the plugin tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Dokku says that there is no such app.
    NoSuchApp,
    /// The state cannot be read: whether the app is locked is not known.
    Unreadable,
    /// The request is not one.
    Invalid,
    /// It speaks another protocol; the answer's own number says which.
    Protocol,
    /// Something else that excludes this is under way; nothing was begun.
    Busy,
    /// Something on the host failed.
    Failed,
}

/// An answer of the plugin: one line on standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply<T> {
    /// The protocol that the plugin speaks.
    pub protocol: u32,
    /// The plugin's own version.
    pub version: String,
    /// What it has to say.
    #[serde(flatten)]
    pub outcome: Outcome<T>,
}

/// The content of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome<T> {
    /// What was asked for.
    Result(T),
    /// Why not.
    Error(Fault),
}

/// The part of an answer that every version of the protocol has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Greeting {
    /// The protocol that the plugin speaks.
    pub protocol: u32,
    /// The plugin's own version.
    pub version: String,
}

/// The two sides speak different protocols.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the plugin {PLUGIN} on {host} (version {version}) speaks protocol {theirs}, this dokku-cli {ours}: upgrade {}",
    older(.theirs < .ours, .host)
)]
pub struct Mismatch {
    /// The host, for messages.
    pub host: String,
    /// The plugin's version.
    pub version: String,
    /// The plugin's protocol.
    pub theirs: u32,
    /// Ours.
    pub ours: u32,
}

fn older(is_plugin_behind: bool, host: &str) -> String {
    if is_plugin_behind {
        format!("the plugin (`dokku-cli server setup --root-ssh root@{host}`)")
    } else {
        "dokku-cli on this machine".to_owned()
    }
}

/// A request that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the request is not one that protocol {PROTOCOL} knows: {0}")]
pub struct BadRequest(pub String);

/// A request as the one word that travels.
pub fn encode(request: &impl Serialize) -> String {
    // Requests are structures of texts and numbers, which always have a form in JSON.
    let json = serde_json::to_string(request).unwrap_or_default();
    STANDARD.encode(json)
}

/// The request that [`encode`] was given.
pub fn decode<T: DeserializeOwned>(word: &str) -> Result<T, BadRequest> {
    let bytes = STANDARD
        .decode(word)
        .map_err(|error| BadRequest(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| BadRequest(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lock {
        Lock {
            reason: "r".into(),
            by: "ada".into(),
            at: "2026-11-23T11:00:00Z".into(),
            until: None,
            id: Some("one-1".into()),
            has_stray_end: false,
        }
    }

    #[test]
    fn any_reason_travels_as_one_plain_word() {
        for reason in ["", "a b --app x --force", "it's \"q\"\n\u{1b}[2J", "🚧"] {
            let request = LockRequest {
                reason: reason.into(),
                by: "ada".into(),
                end: Some(End::ForSeconds(60)),
                id: "one-1".into(),
                replace: false,
                record: None,
            };
            let word = encode(&request);
            assert!(
                word.chars()
                    .all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c))
            );
            assert_eq!(decode::<LockRequest>(&word), Ok(request));
        }
        for bad in ["", "%%%", "e30=", "bm8="] {
            assert!(decode::<LockRequest>(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_end_in_the_past_is_refused() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        assert_eq!(
            End::ForSeconds(90).after(now).unwrap().to_string(),
            "2026-11-23T12:01:30Z"
        );
        assert!(matches!(
            End::Until(now).after(now),
            Err(BadEnd::Past { .. })
        ));
        assert!(matches!(
            End::ForSeconds(0).after(now),
            Err(BadEnd::Past { .. })
        ));
        assert_eq!(
            End::ForSeconds(u64::MAX).after(now),
            Err(BadEnd::TooFar(u64::MAX))
        );
    }

    #[test]
    fn the_answers_in_json() {
        let reply = Reply {
            protocol: PROTOCOL,
            version: "0.1.0".into(),
            outcome: Outcome::Result(Locking::Held { lock: lock() }),
        };
        let text = serde_json::to_string(&reply).unwrap();
        insta::assert_snapshot!(text, @r#"{"protocol":1,"version":"0.1.0","result":{"outcome":"held","lock":{"reason":"r","by":"ada","at":"2026-11-23T11:00:00Z","until":null,"id":"one-1","has_stray_end":false}}}"#);
        assert_eq!(
            serde_json::from_str::<Reply<Locking>>(&text).unwrap(),
            reply
        );
        let error =
            r#"{"protocol":1,"version":"0.1.0","error":{"kind":"no-such-app","message":"m"}}"#;
        let reply: Reply<Locking> = serde_json::from_str(error).unwrap();
        assert_eq!(serde_json::to_string(&reply).unwrap(), error);
    }

    #[test]
    fn a_mismatch_says_which_side_is_behind() {
        let mismatch = |theirs, ours| {
            Mismatch {
                host: "h".into(),
                version: "0.1.0".into(),
                theirs,
                ours,
            }
            .to_string()
        };
        assert!(
            mismatch(1, 2)
                .ends_with("upgrade the plugin (`dokku-cli server setup --root-ssh root@h`)")
        );
        assert!(mismatch(2, 1).ends_with("upgrade dokku-cli on this machine"));
    }
}
