//! One deploy of an app at a time, and what a killed one left.
//!
//! The journal is a handful of variables of the app (`DEPLOY_RUN_*`). It is taken by writing and
//! reading back, kept fresh while the deploy runs and removed at its end. What it says is enough
//! for the next run to put back what a killed one changed.

mod unrecorded;

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    clock::stamp,
    secret::Secret,
    store::{seal, unseal},
};

pub use self::unrecorded::{RunEntry, Unrecorded};

/// A journal without a sign of life for this long belongs to a run that is gone.
pub const EXPIRES_AFTER: Duration = Duration::from_mins(15);

/// How often a running deploy shows that it lives.
pub const BEAT_EVERY: Duration = Duration::from_mins(2);

const ID: &str = "DEPLOY_RUN_ID";
const PHASE: &str = "DEPLOY_RUN_PHASE";
const STARTED: &str = "DEPLOY_RUN_STARTED";
const ALIVE: &str = "DEPLOY_RUN_ALIVE";
const BY: &str = "DEPLOY_RUN_BY";
const COMMIT: &str = "DEPLOY_RUN_COMMIT";
const PREVIOUS: &str = "DEPLOY_RUN_PREVIOUS";
const UNDO: &str = "DEPLOY_RUN_UNDO";
const ENTRY: &str = "DEPLOY_RUN_ENTRY";
const OWED: &str = "DEPLOY_RUN_OWED";

/// All variables of a journal, for removing it.
pub const KEYS: [&str; 10] = [
    ID, PHASE, STARTED, ALIVE, BY, COMMIT, PREVIOUS, UNDO, ENTRY, OWED,
];

/// How far a deploy has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Services, variables, domains; nothing is pushed yet.
    Preparing,
    /// The push is under way; Dokku switches by itself when the build is good.
    Building,
    /// `skip-deploy` is set: what is pushed is built and does not go live.
    Holding,
    /// The new image is built; release tasks run in it; `skip-deploy` is set.
    Tasks,
    /// `skip-deploy` is cleared and the new image goes live.
    Switching,
    /// The new version serves and is being verified.
    Checking,
    /// After a failure, the previous version is put back.
    Restoring,
}

impl Phase {
    const ALL: [Self; 7] = [
        Self::Preparing,
        Self::Building,
        Self::Holding,
        Self::Tasks,
        Self::Switching,
        Self::Checking,
        Self::Restoring,
    ];

    /// The phase of a word in a journal.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }

    /// The word in the journal and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Building => "building",
            Self::Holding => "holding",
            Self::Tasks => "tasks",
            Self::Switching => "switching",
            Self::Checking => "checking",
            Self::Restoring => "restoring",
        }
    }

    /// Whether the run may have left Dokku's `skip-deploy` set.
    pub fn may_hold(self) -> bool {
        matches!(
            self,
            Self::Holding | Self::Tasks | Self::Switching | Self::Restoring
        )
    }
}

/// The values that variables had before a run changed them; `None`: the key was not there.
pub type Undo = BTreeMap<String, Option<Secret>>;

/// A deploy under way, or what it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// Unique for each run.
    pub id: String,
    /// How far it has come.
    pub phase: Phase,
    /// When it began.
    pub started: Timestamp,
    /// Its last sign of life.
    pub alive: Timestamp,
    /// Who runs it.
    pub by: String,
    /// The commit that it deploys.
    pub commit: String,
    /// The commit on the app's deploy branch before, where known.
    pub previous: Option<String>,
    /// Variables to put back if it fails.
    pub undo: Undo,
    /// The one entry of the record that it ends in, whoever writes it.
    pub entry: Option<RunEntry>,
    /// The runs that it has taken over, oldest first: their ends may not be recorded yet.
    pub owed: Vec<Unrecorded>,
}

/// A journal that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the deploy journal of the app cannot be read ({key}: {why})")]
pub struct BadJournal {
    /// The variable in question.
    pub key: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl Journal {
    /// Reads the journal out of an app's variables.
    pub fn of(variables: &BTreeMap<String, Secret>) -> Result<Option<Self>, BadJournal> {
        let Some(id) = variables.get(ID) else {
            return Ok(None);
        };
        let text = |key: &'static str| {
            variables
                .get(key)
                .map(Secret::expose)
                .ok_or_else(|| BadJournal {
                    key,
                    why: "missing".into(),
                })
        };
        let time = |key: &'static str| {
            text(key)?.parse::<Timestamp>().map_err(|error| BadJournal {
                key,
                why: error.to_string(),
            })
        };
        let phase = text(PHASE)?;
        let phase = Phase::named(phase).ok_or_else(|| BadJournal {
            key: PHASE,
            why: format!("unknown phase {phase:?}"),
        })?;
        Ok(Some(Self {
            id: id.expose().to_owned(),
            phase,
            started: time(STARTED)?,
            alive: time(ALIVE)?,
            by: unseal(text(BY)?).to_owned(),
            commit: text(COMMIT)?.to_owned(),
            previous: variables
                .get(PREVIOUS)
                .map(|sha| sha.expose().to_owned())
                .filter(|sha| !sha.is_empty()),
            undo: read_undo(text(UNDO)?)?,
            entry: read_entry(variables)?,
            owed: read_owed(variables)?,
        }))
    }

    /// The variables that hold this journal.
    pub fn variables(&self) -> BTreeMap<String, Secret> {
        let mut variables = BTreeMap::new();
        let mut put = |key: &str, value: String| {
            variables.insert(key.to_owned(), Secret::new(value));
        };
        put(ID, self.id.clone());
        put(PHASE, self.phase.as_str().to_owned());
        put(STARTED, stamp(self.started));
        put(ALIVE, stamp(self.alive));
        put(BY, seal(&self.by));
        put(COMMIT, self.commit.clone());
        put(PREVIOUS, self.previous.clone().unwrap_or_default());
        put(UNDO, write_undo(&self.undo));
        let entry = self.entry.as_ref().map(ToString::to_string);
        put(ENTRY, entry.unwrap_or_default());
        put(OWED, write_owed(&self.owed));
        variables
    }

    /// The variables of a sign of life in `phase`.
    pub fn beat(phase: Phase, now: Timestamp) -> BTreeMap<String, Secret> {
        BTreeMap::from([
            (PHASE.to_owned(), Secret::new(phase.as_str())),
            (ALIVE.to_owned(), Secret::new(stamp(now))),
        ])
    }

    /// Whether the run that wrote it is gone, judged by its last sign of life.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        let silent = now.duration_since(self.alive);
        silent > jiff::SignedDuration::try_from(EXPIRES_AFTER).unwrap_or(jiff::SignedDuration::MAX)
    }

    /// Whether `variables` still hold this very run.
    pub fn is_held_in(&self, variables: &BTreeMap<String, Secret>) -> bool {
        variables.get(ID).is_some_and(|id| id.expose() == self.id)
    }

    /// Adds what an earlier, unfinished run had changed: its older values win.
    pub fn inherit(&mut self, earlier: &Self) {
        for (key, value) in &earlier.undo {
            self.undo.insert(key.clone(), value.clone());
        }
        if earlier.phase != Phase::Preparing {
            self.previous.clone_from(&earlier.previous);
        }
    }

    /// The runs whose ends are to be recorded by whoever takes this one over: those that it owes, and
    /// itself. `is_live`: whether what it deployed serves, where that is known; `release`: the last
    /// one that is recorded.
    pub fn unrecorded(&self, is_live: Option<bool>, release: Option<u64>) -> Vec<Unrecorded> {
        let own = self.entry.as_ref().map(|entry| Unrecorded {
            entry: entry.clone(),
            by: self.by.clone(),
            commit: self.commit.clone(),
            previous: self.previous.clone(),
            release,
            started: self.started,
            alive: self.alive,
            phase: self.phase,
            is_live,
        });
        self.owed.iter().cloned().chain(own).collect()
    }
}

/// What has to be set and unset so that `now` is as `undo` says it was.
pub fn differing(
    undo: &Undo,
    now: &BTreeMap<String, Secret>,
) -> (BTreeMap<String, Secret>, Vec<String>) {
    let mut set = BTreeMap::new();
    let mut unset = Vec::new();
    for (key, before) in undo {
        match before {
            Some(value) if now.get(key) != Some(value) => {
                set.insert(key.clone(), value.clone());
            }
            None if now.contains_key(key) => unset.push(key.clone()),
            _ => {}
        }
    }
    (set, unset)
}

/// A variable of a journal; empty where a version of this program that did not know it wrote the journal.
fn text_or_empty<'v>(variables: &'v BTreeMap<String, Secret>, key: &str) -> &'v str {
    variables.get(key).map(Secret::expose).unwrap_or_default()
}

fn read_entry(variables: &BTreeMap<String, Secret>) -> Result<Option<RunEntry>, BadJournal> {
    match text_or_empty(variables, ENTRY) {
        "" => Ok(None),
        text => RunEntry::read(text).map(Some).ok_or_else(|| BadJournal {
            key: ENTRY,
            why: format!("{text:?} names no entry"),
        }),
    }
}

fn write_owed(owed: &[Unrecorded]) -> String {
    if owed.is_empty() {
        return String::new();
    }
    STANDARD.encode(serde_json::json!(owed).to_string())
}

fn read_owed(variables: &BTreeMap<String, Secret>) -> Result<Vec<Unrecorded>, BadJournal> {
    let bad = |why: String| BadJournal { key: OWED, why };
    match text_or_empty(variables, OWED) {
        "" => Ok(Vec::new()),
        text => {
            let bytes = STANDARD.decode(text).map_err(|e| bad(e.to_string()))?;
            serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))
        }
    }
}

fn write_undo(undo: &Undo) -> String {
    let map: serde_json::Map<_, _> = undo
        .iter()
        .map(|(key, value)| {
            let value = value.as_ref().map(Secret::expose);
            (key.clone(), serde_json::json!(value))
        })
        .collect();
    STANDARD.encode(serde_json::Value::Object(map).to_string())
}

fn read_undo(text: &str) -> Result<Undo, BadJournal> {
    let bad = |why: String| BadJournal { key: UNDO, why };
    let bytes = STANDARD.decode(text).map_err(|e| bad(e.to_string()))?;
    let map: BTreeMap<String, Option<String>> =
        serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
    Ok(map
        .into_iter()
        .map(|(key, value)| (key, value.map(Secret::new)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        Journal {
            id: "r-1".into(),
            phase: Phase::Tasks,
            started: "2026-11-23T10:00:00Z".parse().unwrap(),
            alive: "2026-11-23T10:05:00Z".parse().unwrap(),
            by: "ada".into(),
            commit: "a".repeat(40),
            previous: Some("b".repeat(40)),
            undo: Undo::from([
                ("NEW".into(), None),
                ("TEXT".into(), Some(Secret::new("two\nlines \"quoted\" \\"))),
            ]),
            entry: RunEntry::read("deploy audit-1795435200-abcdef"),
            owed: Vec::new(),
        }
    }

    #[test]
    fn who_takes_a_run_over_owes_its_entry_and_those_that_it_owed() {
        let first = journal();
        let mut second = Journal {
            id: "r-2".into(),
            entry: RunEntry::read("rollback audit-1795435260-000001"),
            owed: first.unrecorded(Some(false), Some(7)),
            ..journal()
        };
        second = Journal::of(&second.variables()).unwrap().unwrap();
        let owed = second.unrecorded(None, Some(7));
        let ids: Vec<&str> = owed.iter().map(|one| one.entry.id.as_str()).collect();
        assert_eq!(ids, ["audit-1795435200-abcdef", "audit-1795435260-000001"]);
        assert_eq!((owed[0].is_live, owed[1].is_live), (Some(false), None));
    }

    #[test]
    fn a_journal_of_a_version_that_named_no_entry_is_read() {
        let mut old = journal().variables();
        old.remove(ENTRY);
        old.remove(OWED);
        let journal = Journal::of(&old).unwrap().unwrap();
        assert_eq!(journal.entry, None);
        assert_eq!(journal.unrecorded(None, None), []);
    }

    #[test]
    fn a_name_that_dokkus_store_would_corrupt_is_kept_whole() {
        for by in ["Ada \"the Countess\"", "007", r"ada\"] {
            let journal = Journal {
                by: by.to_owned(),
                ..journal()
            };
            let variables = journal.variables();
            for (key, value) in &variables {
                assert_eq!(crate::store::storable(value.expose()), Ok(()), "{key}");
            }
            assert_eq!(Journal::of(&variables).unwrap().unwrap().by, by);
        }
    }

    #[test]
    fn a_journal_survives_the_variables() {
        let written = journal();
        assert_eq!(Journal::of(&written.variables()).unwrap(), Some(written));
        assert_eq!(Journal::of(&BTreeMap::new()).unwrap(), None);
        assert!(
            journal()
                .variables()
                .keys()
                .all(|key| KEYS.contains(&key.as_str()))
        );
    }

    #[test]
    fn it_expires_after_fifteen_minutes_of_silence() {
        let journal = journal();
        assert!(!journal.is_expired("2026-11-23T10:20:00Z".parse().unwrap()));
        assert!(journal.is_expired("2026-11-23T10:20:01Z".parse().unwrap()));
        // A clock that runs behind the host's does not make it old.
        assert!(!journal.is_expired("2026-11-23T09:00:00Z".parse().unwrap()));
    }

    #[test]
    fn an_unreadable_journal_is_an_error_and_not_absence() {
        for (key, value) in [(ENTRY, "deploy ../x"), (OWED, "%%%"), (OWED, "e30K")] {
            let mut variables = journal().variables();
            variables.insert(key.to_owned(), Secret::new(value));
            assert_eq!(Journal::of(&variables).unwrap_err().key, key);
        }
        for (key, value) in [(PHASE, "dancing"), (ALIVE, "yesterday"), (UNDO, "%%%")] {
            let mut variables = journal().variables();
            variables.insert(key.to_owned(), Secret::new(value));
            assert_eq!(Journal::of(&variables).unwrap_err().key, key);
            variables.remove(key);
            assert_eq!(Journal::of(&variables).unwrap_err().key, key);
        }
    }

    #[test]
    fn what_an_unfinished_run_changed_is_inherited_with_its_oldest_values() {
        let mut next = journal();
        next.undo = Undo::from([("TEXT".into(), Some(Secret::new("newer")))]);
        next.previous = Some("c".repeat(40));
        next.inherit(&journal());
        assert_eq!(next.undo["TEXT"], journal().undo["TEXT"]);
        assert_eq!(next.undo["NEW"], None);
        assert_eq!(next.previous, Some("b".repeat(40)));
    }
}
