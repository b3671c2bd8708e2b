//! How many sessions may use the one connection at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// OpenSSH's server allows ten sessions a connection unless its settings say otherwise.
const MOST: usize = 8;

/// Seats on the connection.
#[derive(Debug)]
pub struct Seats {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug)]
struct State {
    taken: usize,
    limit: usize,
}

/// A seat; it is free again when this is dropped.
#[derive(Debug)]
pub struct Seat<'a>(&'a Seats);

impl Default for Seats {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                taken: 0,
                limit: MOST,
            }),
            freed: Condvar::new(),
        }
    }
}

impl Seats {
    /// How many may sit at once.
    pub const MOST: usize = MOST;

    /// Waits for a free seat.
    pub fn take(&self) -> Seat<'_> {
        let mut state = self.lock();
        while state.taken >= state.limit {
            state = self
                .freed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.taken += 1;
        Seat(self)
    }

    /// The host refused a session to the holder of a seat: there are fewer than was thought.
    /// `false` if the seat was the only one taken, so that waiting cannot help.
    pub fn shrink(&self) -> bool {
        let mut state = self.lock();
        if state.taken <= 1 {
            return false;
        }
        state.limit = state.limit.min(state.taken - 1);
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.lock().taken -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_session_shrinks_the_room_to_those_who_sit() {
        let seats = Seats::default();
        let taken: Vec<_> = (0..3).map(|_| seats.take()).collect();
        assert!(seats.shrink());
        assert_eq!(seats.lock().limit, 2);
        drop(taken);
        let only = seats.take();
        assert!(!seats.shrink());
        drop(only);
        assert_eq!(seats.lock().taken, 0);
    }
}
