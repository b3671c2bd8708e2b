//! Which apps nobody needs any more. Only what GitHub says positively counts against an app, and only
//! apps that this system made are judged at all.

use jiff::{SignedDuration, Timestamp};

use crate::{app::AppName, store::Variables, variables::MANAGED};

/// `owner/name` of the repository that an app was deployed from.
pub const REPOSITORY: &str = "DEPLOY_REPOSITORY";
/// Its number at GitHub, which stays through renames and transfers.
pub const REPOSITORY_ID: &str = "DEPLOY_REPOSITORY_ID";
/// When an app was first seen without its repository: UTC, RFC 3339, on the app itself.
pub const ORPHAN_SINCE: &str = "DEPLOY_ORPHAN_SINCE";

/// The time that has to lie between the two sightings of an orphan.
pub const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// An app that may be an orphan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub app: AppName,
    /// Whether this system has deployed it.
    pub is_ours: bool,
    /// `owner/name` of its repository, as it was at the last deploy.
    pub repository: Option<String>,
    /// The repository's number.
    pub repository_id: Option<u64>,
    /// The pull request whose preview it is.
    pub pull: Option<u64>,
    /// When it was first seen without its repository.
    pub since: Option<Timestamp>,
}

impl Candidate {
    /// What an app says of itself.
    pub fn of(app: &AppName, variables: &Variables) -> Self {
        let text = |key| variables.text(key).filter(|text| !text.is_empty());
        let is_preview = text("APP_ENV") == Some("preview");
        let number = || {
            let by_name = app
                .base_by_name()
                .map(|base| base.as_str().len() + "-pr-".len());
            by_name.and_then(|at| app.as_str().get(at..)?.parse().ok())
        };
        Self {
            app: app.clone(),
            is_ours: text(MANAGED).is_some(),
            repository: text(REPOSITORY).map(str::to_owned),
            repository_id: text(REPOSITORY_ID).and_then(|id| id.parse().ok()),
            pull: is_preview.then(number).flatten(),
            since: text(ORPHAN_SINCE).and_then(|time| time.parse().ok()),
        }
    }

    /// Why GitHub need not be asked about it; `None`: it has to be.
    pub fn is_beyond(&self) -> Option<&'static str> {
        if !self.is_ours {
            Some("it was not deployed by this system")
        } else if self.repository.is_none() || self.repository_id.is_none() {
            Some("which repository it was deployed from is not recorded: deploys from CI record it")
        } else {
            None
        }
    }
}

/// What GitHub says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The repository, and the pull request of a preview, are there and open.
    Needed,
    /// The pull request of a preview is closed.
    PullClosed {
        /// Whether its commits are on the base.
        is_merged: bool,
    },
    /// The repository is gone, says GitHub to somebody who would see it.
    RepositoryGone,
    /// Nobody knows.
    Unknown {
        /// Why not.
        why: String,
    },
}

/// What becomes of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep {
        /// Why.
        why: String,
        /// An earlier sighting does not count any more.
        forget: bool,
    },
    /// It is told of, and stays for now.
    Report {
        /// Why.
        why: String,
        /// It was seen so for the first time: that is written down.
        is_first: bool,
    },
    /// It goes.
    Destroy {
        /// Why.
        why: String,
    },
}

/// Judges one app. `apply`: an app whose repository is gone may go, if it was seen so a week ago too.
pub fn judge(candidate: &Candidate, fact: &Fact, now: Timestamp, apply: bool) -> Verdict {
    let keep = |why: &str, forget| Verdict::Keep {
        why: why.to_owned(),
        forget,
    };
    if let Some(why) = candidate.is_beyond() {
        return keep(why, false);
    }
    let repository = candidate.repository.as_deref().unwrap_or_default();
    match fact {
        Fact::Needed => keep(
            "GitHub has what it was deployed from",
            candidate.since.is_some(),
        ),
        Fact::Unknown { why } => keep(&format!("what GitHub has is not known: {why}"), false),
        Fact::PullClosed { is_merged } => match candidate.pull {
            Some(number) => Verdict::Destroy {
                why: format!(
                    "pull request {number} of {repository} is {}",
                    if *is_merged { "merged" } else { "closed" }
                ),
            },
            None => keep("it is no preview", false),
        },
        Fact::RepositoryGone => {
            let why = format!("the repository {repository} is gone");
            // A sighting of the future is none: some clock was wrong.
            let since = candidate.since.filter(|since| *since <= now);
            match since {
                None => Verdict::Report {
                    why: format!("{why}; this is the first time that it is seen so"),
                    is_first: true,
                },
                Some(since) if now.duration_since(since) < AGAIN_AFTER => Verdict::Report {
                    why: format!(
                        "{why} since {since} at the latest, which is less than a week ago"
                    ),
                    is_first: false,
                },
                Some(since) if apply => Verdict::Destroy {
                    why: format!("{why}, and was so on {since}"),
                },
                Some(since) => Verdict::Report {
                    why: format!("{why}, and was so on {since}; --apply destroys it"),
                    is_first: false,
                },
            }
        }
    }
}

/// How many of `apps` may go at once without anybody being asked: 3, and no more than a fifth of them,
/// but one always.
pub fn limit(apps: usize) -> usize {
    (apps / 5).clamp(1, 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn candidate(name: &str, more: &[(&str, &str)]) -> Candidate {
        let mut all = vec![
            (MANAGED, "{}"),
            (REPOSITORY, "acme/shop"),
            (REPOSITORY_ID, "7"),
            (
                "APP_ENV",
                if name.contains("-pr-") {
                    "preview"
                } else {
                    "production"
                },
            ),
        ];
        all.retain(|(key, _)| !more.iter().any(|(other, _)| other == key));
        all.extend(more);
        let variables: Variables = all
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        Candidate::of(&AppName::new(name).unwrap(), &variables)
    }

    fn word(candidate: &Candidate, fact: &Fact, apply: bool) -> &'static str {
        match judge(candidate, fact, now(), apply) {
            Verdict::Keep { forget: false, .. } => "keep",
            Verdict::Keep { forget: true, .. } => "forget",
            Verdict::Report { is_first: true, .. } => "note",
            Verdict::Report { .. } => "report",
            Verdict::Destroy { .. } => "destroy",
        }
    }

    #[test]
    fn only_a_positive_answer_counts_against_an_app_of_this_system() {
        let preview = candidate("shop-pr-3", &[]);
        assert_eq!(preview.pull, Some(3));
        let closed = Fact::PullClosed { is_merged: false };
        let unknown = Fact::Unknown { why: "x".into() };
        assert_eq!(word(&preview, &closed, false), "destroy");
        assert_eq!(word(&preview, &Fact::Needed, true), "keep");
        assert_eq!(word(&preview, &unknown, true), "keep");
        for stranger in [
            candidate("shop-pr-3", &[(MANAGED, "")]),
            candidate("shop-pr-3", &[(REPOSITORY_ID, "")]),
            candidate("shop-pr-3", &[(REPOSITORY, "")]),
            candidate("shop-pr-3", &[("APP_ENV", "production")]),
        ] {
            assert_eq!(word(&stranger, &closed, true), "keep", "{stranger:?}");
        }
    }

    #[test]
    fn an_app_without_repository_goes_after_a_week_and_only_when_told_to() {
        let gone = Fact::RepositoryGone;
        let seen = |time: &str| candidate("shop", &[(ORPHAN_SINCE, time)]);
        assert_eq!(word(&candidate("shop", &[]), &gone, true), "note");
        assert_eq!(word(&seen("2026-11-16T12:00:01Z"), &gone, true), "report");
        assert_eq!(word(&seen("2026-11-16T12:00:00Z"), &gone, false), "report");
        assert_eq!(word(&seen("2026-11-16T12:00:00Z"), &gone, true), "destroy");
        assert_eq!(word(&seen("2026-11-30T12:00:00Z"), &gone, true), "note");
        assert_eq!(word(&seen("rubbish"), &gone, true), "note");
        assert_eq!(
            word(&seen("2026-11-01T12:00:00Z"), &Fact::Needed, true),
            "forget"
        );
        let unknown = Fact::Unknown { why: "x".into() };
        assert_eq!(word(&seen("2026-11-01T12:00:00Z"), &unknown, true), "keep");
    }

    #[test]
    fn few_go_at_once() {
        assert_eq!([1, 5, 9, 10, 15, 400].map(limit), [1, 1, 1, 2, 3, 3]);
    }
}
