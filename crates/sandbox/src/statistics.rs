//! What the sandbox has seen, so that tests can count instead of assume.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Counters since the start or the last reset.
#[derive(Default)]
pub struct Statistics(Mutex<Counts>);

/// A copy of the counters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// TCP connections to the SSH port.
    pub connections: u64,
    /// Connections whose key was accepted.
    pub handshakes: u64,
    /// Keys that were refused.
    pub refused_keys: u64,
    /// Session channels opened.
    pub sessions: u64,
    /// Raw command lines in the order in which they arrived.
    pub commands: Vec<String>,
}

impl Statistics {
    /// Changes the counters.
    pub fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The counters now.
    pub fn counts(&self) -> Counts {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Starts counting from nought; answers what was counted before.
    pub fn reset(&self) -> Counts {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
