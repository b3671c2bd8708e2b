//! Whether the disk of the host takes what is restored.

use super::{Observed, Refusal, Wish};
use crate::dump::Engine;

/// Data are seldom more than so many times as large as their dump, which may be compressed.
const GROWTH: u64 = 8;

/// Refuses what cannot fit; what to tell where the room is not known. `is_beside`: the data come
/// beside those that are there.
pub(super) fn check_room(
    wish: &Wish,
    observed: &Observed,
    is_beside: bool,
) -> Result<Option<String>, Refusal> {
    let needed = needed(wish, observed, is_beside);
    match observed.free {
        Ok(free) if free < needed => Err(Refusal::NoRoom {
            file: wish.file.name.clone(),
            needed,
            free,
        }),
        Ok(_) => Ok(None),
        Err(ref why) => Ok(Some(format!(
            "how much room the disk of the host has is not known: {why}"
        ))),
    }
}

/// About the bytes that it takes. The present data are the best guess at how large the data of a
/// dump become; without them it is the dump itself.
fn needed(wish: &Wish, observed: &Observed, is_beside: bool) -> u64 {
    let dump = wish.file.dump.size;
    // PostgreSQL keeps the present data until the others are there.
    if is_beside || wish.database.engine == Engine::Postgres {
        let most = dump.saturating_mul(GROWTH);
        return dump.max(observed.census.size.min(most));
    }
    dump
}
