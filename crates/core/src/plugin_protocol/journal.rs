//! The deploy journal, taken and kept on the host under the plugin's file lock.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    journal::{Journal, Phase},
    secret::Secret,
};

/// What is to become of an app's deploy journal. It travels on standard input: what a run changed
/// is in it, with the values from before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum JournalRequest {
    /// Write it, unless another run's is there and that run shows signs of life.
    Take {
        /// The variables that hold it.
        variables: BTreeMap<String, String>,
        /// The run whose journal is taken over, whatever its signs of life.
        over: Option<String>,
    },
    /// Note that the run lives, and how far it is.
    Beat {
        /// The run.
        id: String,
        /// Its phase, as a word.
        phase: String,
    },
    /// Remove it.
    Drop {
        /// The run.
        id: String,
    },
}

impl JournalRequest {
    /// Asks to write `journal`.
    pub fn take(journal: &Journal, over: Option<&str>) -> Self {
        Self::Take {
            variables: journal
                .variables()
                .into_iter()
                .map(|(key, value)| (key, value.expose().to_owned()))
                .collect(),
            over: over.map(str::to_owned),
        }
    }

    /// Asks to note that `journal`'s run lives in `phase`.
    pub fn beat(journal: &Journal, phase: Phase) -> Self {
        Self::Beat {
            id: journal.id.clone(),
            phase: phase.as_str().to_owned(),
        }
    }

    /// Asks to remove `journal`.
    pub fn drop(journal: &Journal) -> Self {
        Self::Drop {
            id: journal.id.clone(),
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Journaling {
    /// It was done: the journal is, or was until now, that run's.
    Done,
    /// The journal is another run's; nothing was changed.
    Other {
        /// Who runs it.
        by: String,
    },
    /// There is no journal; nothing was changed.
    Nothing,
}

/// What a request comes to, where `present` are the app's variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is changed.
    Leave(Journaling),
    /// These variables are set.
    Write(BTreeMap<String, Secret>),
    /// The journal's variables are unset.
    Remove,
}

/// A request or a journal that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Senseless(pub String);

/// Decides about a request. Signs of life are dated and judged by the host's own clock, `now`.
pub fn decide(
    request: &JournalRequest,
    present: &BTreeMap<String, Secret>,
    now: Timestamp,
) -> Result<Decision, Senseless> {
    let senseless = |error: &dyn std::fmt::Display| Senseless(error.to_string());
    let there = Journal::of(present);
    let other = |journal: Journal| Decision::Leave(Journaling::Other { by: journal.by });
    match request {
        JournalRequest::Take { variables, over } => {
            let wanted = variables
                .iter()
                .map(|(key, value)| (key.clone(), Secret::new(value.as_str())))
                .collect();
            let mut wanted = Journal::of(&wanted)
                .map_err(|bad| senseless(&bad))?
                .ok_or_else(|| senseless(&"the request holds no journal"))?;
            match there.map_err(|bad| senseless(&bad))? {
                Some(there)
                    if there.id != wanted.id
                        && Some(&there.id) != over.as_ref()
                        && !there.is_expired(now) =>
                {
                    Ok(other(there))
                }
                _ => {
                    wanted.alive = now;
                    Ok(Decision::Write(wanted.variables()))
                }
            }
        }
        JournalRequest::Beat { id, phase } => {
            let phase = Phase::named(phase)
                .ok_or_else(|| senseless(&format!("unknown phase {phase:?}")))?;
            Ok(match there.map_err(|bad| senseless(&bad))? {
                Some(there) if there.id == *id => Decision::Write(Journal::beat(phase, now)),
                Some(there) => other(there),
                None => Decision::Leave(Journaling::Nothing),
            })
        }
        JournalRequest::Drop { id } => Ok(match there.map_err(|bad| senseless(&bad))? {
            Some(there) if there.id == *id => Decision::Remove,
            Some(there) => other(there),
            None => Decision::Leave(Journaling::Nothing),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Undo;

    const NOW: &str = "2026-11-23T10:10:00Z";

    fn journal(id: &str) -> Journal {
        Journal {
            id: id.into(),
            phase: Phase::Preparing,
            started: "2026-11-23T10:00:00Z".parse().unwrap(),
            alive: "2026-11-23T10:05:00Z".parse().unwrap(),
            by: format!("{id}'s person"),
            commit: "a".repeat(40),
            previous: None,
            undo: Undo::from([("K".into(), Some(Secret::new("old")))]),
            entry: None,
            owed: Vec::new(),
        }
    }

    fn decided(request: &JournalRequest, there: Option<&Journal>, now: &str) -> Decision {
        let present = there.map(Journal::variables).unwrap_or_default();
        decide(request, &present, now.parse().unwrap()).unwrap()
    }

    #[test]
    fn it_is_taken_where_nobody_has_it_or_the_run_is_gone_or_was_named() {
        let (mine, theirs) = (journal("mine"), journal("theirs"));
        let take = JournalRequest::take(&mine, None);
        let mut written = mine.clone();
        written.alive = NOW.parse().unwrap();
        let write = Decision::Write(written.variables());
        assert_eq!(decided(&take, None, NOW), write);
        assert_eq!(decided(&take, Some(&mine), NOW), write);
        assert_eq!(
            decided(&take, Some(&theirs), NOW),
            Decision::Leave(Journaling::Other {
                by: "theirs's person".into()
            })
        );
        let named = JournalRequest::take(&mine, Some("theirs"));
        assert_eq!(decided(&named, Some(&theirs), NOW), write);
        let another = JournalRequest::take(&mine, Some("nobody"));
        assert_ne!(decided(&another, Some(&theirs), NOW), write);
        assert!(matches!(
            decided(&take, Some(&theirs), "2026-11-23T10:30:00Z"),
            Decision::Write(_)
        ));
    }

    #[test]
    fn signs_of_life_and_the_end_are_the_holders_alone() {
        let (mine, theirs) = (journal("mine"), journal("theirs"));
        let beat = JournalRequest::beat(&mine, Phase::Tasks);
        let drop = JournalRequest::drop(&mine);
        assert_eq!(
            decided(&beat, Some(&mine), NOW),
            Decision::Write(Journal::beat(Phase::Tasks, NOW.parse().unwrap()))
        );
        assert_eq!(decided(&drop, Some(&mine), NOW), Decision::Remove);
        for request in [beat, drop] {
            assert!(matches!(
                decided(&request, Some(&theirs), NOW),
                Decision::Leave(Journaling::Other { .. })
            ));
            let nothing = Decision::Leave(Journaling::Nothing);
            assert_eq!(decided(&request, None, NOW), nothing);
        }
    }

    #[test]
    fn what_is_no_journal_is_refused_and_an_unreadable_one_is_not_overwritten() {
        let now = NOW.parse().unwrap();
        let mut bad = journal("theirs").variables();
        bad.insert("DEPLOY_RUN_PHASE".into(), Secret::new("dancing"));
        let take = JournalRequest::take(&journal("mine"), Some("theirs"));
        assert!(decide(&take, &bad, now).is_err());
        let empty = JournalRequest::Take {
            variables: BTreeMap::from([("PATH".into(), "/".into())]),
            over: None,
        };
        assert!(decide(&empty, &BTreeMap::new(), now).is_err());
        // Further variables are none of a journal's and are not written.
        let mut more = journal("mine").variables();
        more.insert("PATH".into(), Secret::new("/"));
        let request = JournalRequest::Take {
            variables: more
                .iter()
                .map(|(key, value)| (key.clone(), value.expose().to_owned()))
                .collect(),
            over: None,
        };
        let Decision::Write(written) = decide(&request, &BTreeMap::new(), now).unwrap() else {
            panic!("nothing is written");
        };
        assert!(!written.contains_key("PATH"));
        let request = JournalRequest::Beat {
            id: "mine".into(),
            phase: "dancing".into(),
        };
        assert!(decide(&request, &journal("mine").variables(), now).is_err());
    }
}
