//! Two versions of the record become one: whoever wrote what, and in whichever order.

use std::{cmp::Ordering, collections::BTreeMap};

use super::AuditEntry;

/// How many entries the data branch keeps.
pub const KEPT: usize = 1000;

/// The entries of both, each id once, newest first, at most [`KEPT`].
///
/// Commutative, associative and idempotent, so that any number of writers who merge in any order
/// end with the same file. Of two entries with one id the newer stays, of two of one second the one
/// that says more.
pub fn merge(
    one: impl IntoIterator<Item = AuditEntry>,
    other: impl IntoIterator<Item = AuditEntry>,
) -> Vec<AuditEntry> {
    newest(one.into_iter().chain(other), KEPT)
}

/// Each id once, newest first, at most so many.
pub(super) fn newest(
    entries: impl IntoIterator<Item = AuditEntry>,
    most: usize,
) -> Vec<AuditEntry> {
    let mut by_id: BTreeMap<String, AuditEntry> = BTreeMap::new();
    for entry in entries {
        match by_id.get(&entry.id) {
            Some(present) if says_more(present, &entry) != Ordering::Less => {}
            _ => {
                by_id.insert(entry.id.clone(), entry);
            }
        }
    }
    let mut entries: Vec<AuditEntry> = by_id.into_values().collect();
    entries.sort_by(|one, other| (when(other), &other.id).cmp(&(when(one), &one.id)));
    entries.truncate(most);
    entries
}

/// The second of an entry; one whose time cannot be read is older than all.
fn when(entry: &AuditEntry) -> i64 {
    entry.time().map_or(i64::MIN, jiff::Timestamp::as_second)
}

fn says_more(one: &AuditEntry, other: &AuditEntry) -> Ordering {
    let text = |entry| serde_json::to_string(entry).unwrap_or_default();
    when(one).cmp(&when(other)).then_with(|| {
        let (one, other) = (text(one), text(other));
        (one.len(), one).cmp(&(other.len(), other))
    })
}
