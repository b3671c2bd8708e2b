//! What a restore that was killed has left: a record on this machine, held locked by the process of
//! the restore, so that the next one knows that the other is dead and what it was doing.

use std::{
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::PathBuf,
};

use dokku_deploy::{
    app::AppName,
    clock::stamp,
    flows::restore::{Restored, Wish},
};
use fs_err::{self as fs, os::unix::fs::OpenOptionsExt};
use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{failure::Failure, invocation::Invocation, ui::Ui};

/// The record of one app on one host.
pub struct Record<'a> {
    ui: &'a Ui,
    file: fs::File,
    path: PathBuf,
    left: Option<State>,
    state: Option<State>,
    /// Whether it stays for the next run.
    is_kept: bool,
}

/// How far a restore is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    app: String,
    service: String,
    file: String,
    since: Timestamp,
    /// The lock's fingerprint.
    lock: String,
    /// What it is doing.
    doing: String,
    way_back: Option<String>,
    is_app_stopped: bool,
}

impl<'a> Record<'a> {
    /// Opens the record, unless another restore of this app runs on this machine; tells what a
    /// killed one left.
    pub fn open(host: &str, app: &AppName, invocation: &Invocation<'a>) -> Result<Self, Failure> {
        let directory = invocation.state_directory()?;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(|error| {
                Failure::internal(format!("cannot make {}: {error}", directory.display()))
            })?;
        let digest = Sha256::digest(format!("{host}\n{app}"));
        let short = u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default());
        let path = directory.join(format!("restore-{short:016x}.json"));
        let mut file = loop {
            let file = fs::OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)?;
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                return Err(Failure::refused(format!(
                    "another restore of {app} is under way on this machine; nothing was changed"
                )));
            }
            // Another one may have ended, and removed it, before it was locked.
            if file.metadata()?.nlink() > 0 {
                break file;
            }
        };
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let left: Option<State> = if text.trim().is_empty() {
            None
        } else {
            serde_json::from_str(&text)
                .inspect_err(|error| {
                    invocation.ui.warning(&format!(
                        "{} tells of a restore that did not end, and cannot be read: {error}",
                        path.display()
                    ));
                })
                .ok()
        };
        if let Some(left) = &left {
            left.tell(invocation.ui);
        }
        Ok(Self {
            ui: invocation.ui,
            file,
            path,
            is_kept: left.is_some(),
            left,
            state: None,
        })
    }

    /// The lock that a killed restore holds.
    pub fn left_lock(&self) -> Option<String> {
        self.left.as_ref().map(|left| left.lock.clone())
    }

    /// Whether a killed restore had stopped the app.
    pub fn is_left_stopped(&self) -> bool {
        self.left.as_ref().is_some_and(|left| left.is_app_stopped)
    }

    /// A restore begins: it holds the lock with this fingerprint.
    pub fn begin(&mut self, wish: &Wish, lock: String) {
        self.state = Some(State {
            app: wish.app.to_string(),
            service: wish.database.name.to_string(),
            file: wish.file.name.clone(),
            since: Timestamp::now(),
            lock,
            doing: "copying the present data".to_owned(),
            way_back: None,
            is_app_stopped: self.is_left_stopped(),
        });
        self.is_kept = true;
        self.write();
    }

    /// The present data is in this file.
    pub fn keep(&mut self, way_back: &str) {
        if let Some(state) = &mut self.state {
            state.way_back = Some(way_back.to_owned());
        }
        self.write();
    }

    /// What is being done from now on.
    pub fn note(&mut self, what: &str) {
        if let Some(state) = &mut self.state {
            what.clone_into(&mut state.doing);
            state.is_app_stopped |= what == "stopping the app";
        }
        self.write();
    }

    /// A record that cannot be written costs the next run what it would have told, no more.
    fn write(&mut self) {
        let Some(state) = &self.state else { return };
        let written = serde_json::to_vec(state)
            .map_err(std::io::Error::other)
            .and_then(|text| {
                self.file.rewind()?;
                self.file.set_len(0)?;
                self.file.write_all(&text)?;
                self.file.sync_all()
            });
        if let Err(error) = written {
            self.ui.warning(&format!(
                "cannot note in {} how far this is: {error}",
                self.path.display()
            ));
        }
    }

    /// The restore has ended. What could not be cleaned up stays on record, and so does what a
    /// killed one left where this one could not even begin.
    pub fn end(&mut self, restored: &Restored) {
        self.is_kept = if self.state.is_some() {
            restored.is_unclean
        } else {
            self.left.is_some()
        };
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Err(error) = fs::remove_file(&self.path) {
            self.ui
                .warning(&format!("a record of this restore stays: {error}"));
        }
    }
}

impl State {
    fn tell(&self, ui: &Ui) {
        ui.warning(&format!(
            "a restore of {} of {} from {} that began {} did not end; it was {}",
            self.service,
            self.app,
            self.file,
            stamp(self.since),
            self.doing
        ));
        if let Some(way_back) = &self.way_back {
            ui.warning(&format!(
                "what was there before it is in {way_back}: dokku-cli db {} restore {way_back} {}",
                self.app, self.service
            ));
        }
        if self.is_app_stopped {
            ui.warning(&format!(
                "it had stopped {}, which is started at the end of this one",
                self.app
            ));
        }
    }
}
