//! The chained log as entries of the record: what people and the dashboard read.

use std::{collections::BTreeSet, io};

use dokku_deploy::{
    app::{AppName, Environment},
    audit::{self, Action, AuditEntry, Origin, Status, key},
    plugin_protocol::{AuditAnswer, AuditRequest},
};

use super::{
    Entry, Event, hash,
    log::{CURRENT, segments},
};
use crate::server::place::Place;

/// The newest entries that fit, newest first, and how far the log has come.
pub fn read(place: &Place, request: &AuditRequest) -> io::Result<AuditAnswer> {
    let mut answer = AuditAnswer::default();
    // Who asked for a lock and was stopped says so before the lock is set, and what the gate refuses is
    // told again by the program that was deploying: the later word counts.
    let mut seen = BTreeSet::new();
    let mut paths = match segments(&place.data()) {
        Ok(paths) => paths,
        // Nothing was ever recorded.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(answer),
        Err(error) => return Err(error),
    };
    paths.push(place.data().join(CURRENT));
    for path in paths.iter().rev() {
        let bytes = match fs_err::read(path) {
            Ok(bytes) => bytes,
            // Retired or not begun.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        // What follows the last line break is a write that was killed.
        lines.pop();
        for line in lines.into_iter().rev() {
            let entry: Entry = serde_json::from_slice(line).map_err(|error| {
                let why = format!("{}: {error}; `audit verify` says more", path.display());
                io::Error::new(io::ErrorKind::InvalidData, why)
            })?;
            let digest = hash(line);
            if answer.hash.is_empty() {
                answer.seq = entry.seq;
                answer.hash.clone_from(&digest);
            }
            if request.since.is_some_and(|since| entry.time < since) {
                return Ok(answer);
            }
            let Some(shown) = as_entry(&entry, &digest) else {
                continue;
            };
            if !seen.insert(shown.id.clone()) || !request.takes(&shown) {
                continue;
            }
            if answer.entries.len() >= request.limit {
                answer.is_cut = true;
                return Ok(answer);
            }
            answer.entries.push(shown);
        }
    }
    Ok(answer)
}

/// An entry of the log as one of the record; `None` for what only holds the log together.
pub fn as_entry(entry: &Entry, digest: &str) -> Option<AuditEntry> {
    let happening = &entry.happening;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (action, status) = match happening.event {
        Event::Recorded => {
            let mut shown = *happening.entry.clone()?;
            shown.set(key::SSH_KEY, entry.key.name.as_str());
            return Some(shown);
        }
        Event::Checkpoint | Event::Retired => return None,
        Event::Lock => (Action::Lock, Status::Success),
        Event::Unlock => (Action::Unlock, Status::Success),
        Event::Denied => (Action::Deploy, Status::Refused),
        Event::Allowed => (Action::DeployAllowed, Status::Success),
        Event::Restored => (Action::LockRestored, Status::Success),
        Event::BreakGlass => (Action::BreakGlass, Status::Success),
        Event::Override | Event::Permitted => (Action::Permit, Status::Success),
        Event::Rollback => (Action::ImageRollback, Status::Success),
    };
    let origin = Origin {
        time: entry.time,
        actor: match &happening.by {
            Some(by) => by.clone(),
            None => entry.key.name.clone(),
        },
        ..Origin::default()
    };
    let mut shown = AuditEntry::of_host(action, status, &origin).note(&text(&happening.reason));
    shown.app_name = text(&happening.app);
    if let Ok(app) = AppName::new(&shown.app_name) {
        Environment::of_app(&app)
            .as_str()
            .clone_into(&mut shown.environment);
    }
    shown.id = match &happening.id {
        Some(id) => id.clone(),
        None => audit::id(
            entry.time,
            u32::from_str_radix(digest.get(..6).unwrap_or_default(), 16).unwrap_or_default(),
        ),
    };
    if let Some(commit) = &happening.commit {
        shown.set_commit(commit, "", &origin);
    }
    shown.set(key::SOURCE, text(&happening.source));
    shown.set(key::SSH_KEY, entry.key.name.as_str());
    if happening.event == Event::Unlock {
        let was = std::mem::take(&mut shown.note);
        shown.set(key::LOCK_REASON, was);
    }
    Some(shown)
}
