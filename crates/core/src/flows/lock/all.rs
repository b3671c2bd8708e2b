//! Locking every production app, and undoing that.

use crate::{
    app::{AppName, Environment},
    lock::{Lock, Seen, Status},
};

/// The apps that `lock --all` is about: those of production, judged by their names and whether
/// they have a base app. Previews, `-staging` and `-dev` are not.
pub fn lockable(statuses: &[Status]) -> impl Iterator<Item = &Status> {
    statuses.iter().filter(|status| {
        status.base.is_none() && Environment::of_app(&status.app) == Environment::Production
    })
}

/// The locks that one run of `lock --all` set and that are still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What these locks have in common.
    pub id: String,
    /// Each app with its lock.
    pub locks: Vec<(AppName, Lock)>,
}

impl Group {
    /// When the run was, as the first of its locks says.
    pub fn at(&self) -> &str {
        self.locks.first().map_or("", |(_, lock)| lock.at.as_str())
    }

    /// Who ran it, as the first of its locks says.
    pub fn by(&self) -> &str {
        self.locks.first().map_or("", |(_, lock)| lock.by.as_str())
    }
}

/// The runs of `lock --all` of which locks are left, the newest first.
pub fn groups(statuses: &[Status]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for status in statuses {
        let (Seen::Locked(lock) | Seen::Expired(lock)) = &status.lock else {
            continue;
        };
        let Some(id) = lock.group() else { continue };
        let entry = (status.app.clone(), lock.clone());
        match groups.iter_mut().find(|group| group.id == id) {
            Some(group) => group.locks.push(entry),
            None => groups.push(Group {
                id: id.to_owned(),
                locks: vec![entry],
            }),
        }
    }
    groups.sort_by(|one, other| other.at().cmp(one.at()));
    groups
}
