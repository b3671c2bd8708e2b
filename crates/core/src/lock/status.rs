//! Whether an app may be deployed, its own lock and that of its base taken together.

use serde::{Deserialize, Serialize};

use super::{Lock, LockState, Malformed};
use crate::app::AppName;

/// The lock of one app as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Seen {
    /// It may be deployed.
    Unlocked,
    /// It may not.
    Locked(Lock),
    /// It may again.
    Expired(Lock),
    /// Nobody can tell, so it counts as locked.
    Unknown {
        /// Why not.
        why: String,
    },
}

impl From<Result<LockState, Malformed>> for Seen {
    fn from(state: Result<LockState, Malformed>) -> Self {
        match state {
            Ok(LockState::Unlocked) => Self::Unlocked,
            Ok(LockState::Locked(lock)) => Self::Locked(lock),
            Ok(LockState::Expired(lock)) => Self::Expired(lock),
            Err(malformed) => Self::Unknown {
                why: malformed.to_string(),
            },
        }
    }
}

/// The base app of a preview, whose lock counts for the preview too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Its name.
    pub app: AppName,
    /// Its lock.
    pub lock: Seen,
}

/// Whether an app may be deployed, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The app.
    pub app: AppName,
    /// Its own lock.
    pub lock: Seen,
    /// Its base app, if it has one that exists.
    pub base: Option<Base>,
}

/// The answer that a [`Status`] comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Nothing stands in the way of a deploy.
    Free,
    /// The lock of the named app, the app itself or its base, blocks.
    Blocked(&'a AppName, &'a Lock),
    /// Whether the named app is locked is not known.
    Unknown(&'a AppName, &'a str),
}

impl Status {
    /// Whether the app may be deployed. A lock that is known decides before one that is not.
    pub fn verdict(&self) -> Verdict<'_> {
        let base = self.base.iter().map(|base| (&base.app, &base.lock));
        let locks: Vec<_> = std::iter::once((&self.app, &self.lock))
            .chain(base)
            .collect();
        let blocking = locks.iter().find_map(|(app, seen)| match seen {
            Seen::Locked(lock) => Some(Verdict::Blocked(app, lock)),
            _ => None,
        });
        let unknown = locks.iter().find_map(|(app, seen)| match seen {
            Seen::Unknown { why } => Some(Verdict::Unknown(app, why)),
            _ => None,
        });
        blocking.or(unknown).unwrap_or(Verdict::Free)
    }
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
            id: None,
            has_stray_end: false,
        }
    }

    #[test]
    fn a_known_lock_decides_and_what_is_unknown_is_never_free() {
        let app = |name: &str| AppName::new(name).unwrap();
        let unknown = || Seen::Unknown { why: "x".into() };
        let verdict = |own: Seen, base: Option<Seen>| {
            let base = base.map(|lock| Base {
                app: app("shop"),
                lock,
            });
            let status = Status {
                app: app("shop-pr-1"),
                lock: own,
                base,
            };
            match status.verdict() {
                Verdict::Free => "free".to_owned(),
                Verdict::Blocked(app, _) => format!("blocked by {app}"),
                Verdict::Unknown(app, _) => format!("unknown of {app}"),
            }
        };
        assert_eq!(verdict(Seen::Unlocked, None), "free");
        assert_eq!(verdict(Seen::Expired(lock()), Some(Seen::Unlocked)), "free");
        assert_eq!(
            verdict(Seen::Unlocked, Some(Seen::Locked(lock()))),
            "blocked by shop"
        );
        assert_eq!(
            verdict(Seen::Locked(lock()), Some(unknown())),
            "blocked by shop-pr-1"
        );
        assert_eq!(verdict(Seen::Unlocked, Some(unknown())), "unknown of shop");
        assert_eq!(
            verdict(unknown(), Some(Seen::Unlocked)),
            "unknown of shop-pr-1"
        );
    }
}
