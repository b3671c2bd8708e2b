//! Which release is meant.

use std::collections::BTreeSet;

use crate::{
    app::AppName,
    release::{History, Release, short},
};

/// The shortest beginning of a commit that is taken for one.
const SHORTEST: usize = 4;

/// Why no release is meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    /// Nothing is recorded.
    #[error("No release history found for {app}")]
    NoHistory {
        /// The app.
        app: AppName,
    },
    /// There is nothing to go back to.
    #[error("Not enough releases to rollback (need at least 2 that differ)")]
    TooFew,
    /// No release is called so.
    #[error("Release not found: {target}")]
    NotFound {
        /// What was asked for, cut to 80 characters.
        target: String,
        /// The releases that there are.
        known: String,
    },
    /// Several commits begin so.
    #[error("{target} is the beginning of several commits: {commits}")]
    Ambiguous {
        /// What was asked for.
        target: String,
        /// The commits.
        commits: String,
    },
}

/// The release that is gone back to where none is named: the newest one of another commit than the
/// current one's.
pub fn usual(history: &History) -> Option<&Release> {
    let current = history.current()?;
    history
        .releases()
        .iter()
        .find(|release| release.sha != current.sha)
}

/// The release that `target` names.
///
/// `previous` is the [`usual`] one. `v9` is the release of that number, and so is `9`; digits are
/// taken for the beginning of a commit only where there is no release of that number. Anything else
/// is the beginning of a commit, of at least four hexadecimal digits; of several releases of one
/// commit the newest is meant.
pub fn choose<'h>(
    app: &AppName,
    history: &'h History,
    target: &str,
) -> Result<&'h Release, NoTarget> {
    if history.is_empty() {
        return Err(NoTarget::NoHistory { app: app.clone() });
    }
    if target == "previous" {
        return usual(history).ok_or(NoTarget::TooFew);
    }
    let releases = history.releases();
    let number = target.strip_prefix(['v', 'V']).unwrap_or(target);
    let by_number = number
        .parse()
        .ok()
        .and_then(|number: u64| releases.iter().find(|release| release.version == number));
    if let Some(release) = by_number {
        return Ok(release);
    }
    let is_beginning =
        (SHORTEST..=40).contains(&target.len()) && target.chars().all(|c| c.is_ascii_hexdigit());
    let beginning = target.to_ascii_lowercase();
    let matching: Vec<&Release> = releases
        .iter()
        .filter(|release| is_beginning && release.sha.starts_with(&beginning))
        .collect();
    let commits: BTreeSet<&str> = matching.iter().map(|release| &*release.sha).collect();
    match (matching.first(), commits.len()) {
        (Some(release), 1) => Ok(release),
        (Some(_), _) => Err(NoTarget::Ambiguous {
            target: target.to_owned(),
            commits: commits.into_iter().collect::<Vec<_>>().join(", "),
        }),
        (None, _) => Err(NoTarget::NotFound {
            target: target.chars().take(80).collect(),
            known: releases
                .iter()
                .map(|release| format!("v{} ({})", release.version, short(&release.sha)))
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::NextRelease;

    fn history(commits: &[&str]) -> History {
        commits.iter().fold(History::default(), |history, sha| {
            history.with(&NextRelease {
                sha: format!("{sha:0<40}"),
                image: None,
                timestamp: "2026-11-23T10:20:30Z".parse().unwrap(),
                actor: "ada".into(),
                message: "m".into(),
                environment: "production".into(),
            })
        })
    }

    fn chosen(commits: &[&str], target: &str) -> Result<u64, NoTarget> {
        let app = AppName::new("shop").unwrap();
        choose(&app, &history(commits), target).map(|release| release.version)
    }

    #[test]
    fn numbers_commits_and_the_word_previous_are_understood() {
        let commits = ["aaaa1", "bbbb2", "12345", "bbbb2"];
        assert_eq!(chosen(&commits, "v1"), Ok(1));
        assert_eq!(chosen(&commits, "1"), Ok(1));
        assert_eq!(chosen(&commits, "previous"), Ok(3));
        assert_eq!(chosen(&commits, "aaaa1"), Ok(1));
        assert_eq!(chosen(&commits, "AAAA"), Ok(1));
        assert_eq!(chosen(&commits, "bbbb"), Ok(4), "the newest of one commit");
        assert_eq!(
            chosen(&commits, "12345"),
            Ok(3),
            "no release has that number"
        );
    }

    #[test]
    fn what_names_no_release_is_refused_with_those_that_there_are() {
        let commits = ["aaaa1", "aaaa2"];
        assert!(matches!(
            chosen(&commits, "aaaa"),
            Err(NoTarget::Ambiguous { .. })
        ));
        for target in ["v3", "", "aaa", "zzzz", "$(id)", "aaaa1\n", "-1", "v12345"] {
            let error = chosen(&commits, target).unwrap_err();
            assert!(
                matches!(&error, NoTarget::NotFound { known, .. } if known.starts_with("v2 (aaaa200), v1")),
                "{target:?} {error:?}"
            );
        }
        assert_eq!(
            chosen(&["aaaa1", "aaaa1"], "previous"),
            Err(NoTarget::TooFew)
        );
        assert!(matches!(chosen(&[], "v1"), Err(NoTarget::NoHistory { .. })));
    }
}
