//! Locking and unlocking apps: observe, decide, write, verify.
//!
//! Where the host has this system's plugin, a lock is one compare-and-set there, under a file
//! lock: of any number of people who lock at once exactly one wins. The plugin runs the same
//! functions with [`Rivals::Excluded`].
//!
//! Without the plugin a lock is written with an id of its own and read back, at once and again
//! [`SECOND_LOOK_AFTER`] later. Of several people whose writes all fall into that time the last
//! writer is the holder and the others are told so. What this cannot see: somebody who found the
//! app unlocked and writes later than that second look. Then both believe to be the holder, and the
//! app is locked in the name of the later one; it is never unlocked by such a race.

mod all;
mod course;
mod error;
mod release;
mod status;
mod take;
mod way;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::{
    all::{Group, groups, lockable},
    error::LockError,
    release::{Unlock, unlock},
    status::{look, status, statuses},
    take::{Lock, lock, wait_and_lock},
    way::{Way, way},
};
use crate::{clock::Clock, host::Host, interrupt::Interrupts};

/// When a lock that was written is read back for the second time.
pub const SECOND_LOOK_AFTER: Duration = Duration::from_secs(1);

/// How often an app is looked at that is waited for.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Everything outside that locking needs.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The Dokku host.
    pub host: &'a dyn Host,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Ctrl-C and SIGTERM.
    pub interrupts: &'a dyn Interrupts,
}

/// Who else may write a lock at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rivals {
    /// Nobody who locks by this system: the caller holds a file lock on the host.
    Excluded,
    /// Anybody.
    Possible,
}
