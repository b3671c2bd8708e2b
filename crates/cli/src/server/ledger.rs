//! What the plugin remembers of an app between its calls.

use std::{collections::BTreeMap, io, io::Write, path::PathBuf};

use dokku_deploy::{lock, store::Variables};
use serde::{Deserialize, Serialize};

use super::{
    place::{Place, is_path_part},
    turn::Turn,
};

/// The memory of an app, held by one process at a time.
#[derive(Debug)]
pub struct Ledger {
    directory: PathBuf,
    app: String,
    stored: Memory,
    /// What is remembered; [`Ledger::save`] keeps it.
    pub memory: Memory,
    _turn: Turn,
}

/// What is remembered of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Memory {
    /// The variables of the lock that was last seen in force, as stored; `None` while unlocked.
    pub lock: Option<BTreeMap<String, String>>,
    /// That lock is being removed on purpose: if its variables are gone, they are not to come back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_unlocking: bool,
    /// The commit of the last deploy that was let through.
    pub allowed: Option<String>,
    /// A refused commit that Dokku had made the app's branch point to already.
    pub refused: Option<Refused>,
}

/// A refused commit on the app's branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The commit.
    pub commit: String,
    /// The branch.
    pub branch: String,
    /// Where the branch was before.
    pub before: Before,
}

/// Where a branch was before a refused commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Before {
    /// It did not exist.
    Nowhere,
    /// At this commit.
    At(String),
    /// Nobody knows: `git:sync` had moved it, and no deploy was recorded before.
    Unknown,
}

impl Ledger {
    /// Waits for its turn and reads what is remembered.
    pub fn open(place: &Place, app: &str) -> io::Result<Self> {
        if !is_path_part(app) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{app:?} is not the name of an app"),
            ));
        }
        let directory = place.data().join("apps");
        let turn = Turn::wait(&directory.join(format!("{app}.turn")))?;
        let path = directory.join(format!("{app}.json"));
        let stored = match fs_err::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{}: {error}; remove the file to forget it", path.display()),
                )
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Memory::default(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            directory,
            app: app.to_owned(),
            memory: stored.clone(),
            stored,
            _turn: turn,
        })
    }

    /// The app.
    pub fn app(&self) -> &str {
        &self.app
    }

    /// Whether this system is itself changing variables of the app right now: what Dokku reports of
    /// that is no news.
    pub fn is_writing(place: &Place, app: &str) -> io::Result<bool> {
        let path = place.data().join("apps").join(format!("{app}.writing"));
        Ok(path.exists() && Turn::take(&path)?.is_none())
    }

    /// Held while this system changes variables of the app.
    pub fn writing(&self) -> io::Result<Turn> {
        Turn::wait(&self.directory.join(format!("{}.writing", self.app)))
    }

    /// Keeps what is remembered, if it has changed.
    pub fn save(&mut self) -> io::Result<()> {
        if self.memory == self.stored {
            return Ok(());
        }
        // Nobody else writes it: it is our turn. A killed write leaves a file that the next one replaces.
        let new = self.directory.join(format!("{}.json.new", self.app));
        let mut file = fs_err::File::create(&new)?;
        file.write_all(&serde_json::to_vec(&self.memory)?)?;
        file.sync_data()?;
        fs_err::rename(new, self.directory.join(format!("{}.json", self.app)))?;
        self.stored = self.memory.clone();
        Ok(())
    }
}

/// The variables of a lock, as stored, to be remembered.
pub fn lock_variables(variables: &Variables) -> BTreeMap<String, String> {
    lock::KEYS
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), variables.text(key)?.to_owned())))
        .collect()
}
