//! `audit-log.json` and `audit-report.md`: the record for people and for the dashboard.

use std::fmt::Write;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AuditEntry, KEPT, Status, cut, merge};
use crate::{clock::stamp, visible::is_hostile};

/// Rows of the report.
const ROWS: usize = 50;

/// `audit-log.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AuditLog {
    /// Newest first, at most 1000.
    #[serde(default)]
    pub entries: Vec<AuditEntry>,
    /// Numbers of the entries that are kept.
    #[serde(default)]
    pub stats: Stats,
    /// How far the host's own log had come, for each host that was asked: what `audit verify --known`
    /// compares with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chains: Vec<Chained>,
}

/// Deploys by result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Deploys and previews.
    pub total_deploys: usize,
    /// Those that went well.
    pub successful: usize,
    /// All others.
    pub failed: usize,
}

/// The end of a host's chained log when it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Chained {
    /// The host.
    pub host: String,
    /// When it was seen: UTC, RFC 3339.
    pub at: String,
    /// The number of its last entry.
    pub seq: u64,
    /// The hash of its last entry.
    pub hash: String,
}

impl Stats {
    /// Counts.
    pub fn of(entries: &[AuditEntry]) -> Self {
        let deploys = entries.iter().filter(|entry| entry.action.is_deploy());
        let (mut total_deploys, mut successful) = (0, 0);
        for entry in deploys {
            total_deploys += 1;
            successful += usize::from(entry.status == Status::Success);
        }
        Self {
            total_deploys,
            successful,
            failed: total_deploys - successful,
        }
    }
}

impl AuditLog {
    /// Both logs as one. Like [`merge()`], in any order; of each host the end that was seen last is
    /// noted.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let mut chains = [self.chains, other.chains].concat();
        chains.sort();
        chains.reverse();
        chains.dedup_by(|older, newer| older.host == newer.host);
        chains.reverse();
        let entries = merge(self.entries, other.entries);
        Self {
            stats: Stats::of(&entries),
            entries,
            chains,
        }
    }
}

/// The text of `audit-log.json`.
pub fn log_file(log: &AuditLog) -> String {
    // Texts and numbers always have a form in JSON.
    let mut text = serde_json::to_string_pretty(log).unwrap_or_default();
    text.push('\n');
    text
}

/// The text of `audit-report.md`.
pub fn report(log: &AuditLog, now: Timestamp) -> String {
    let Stats {
        total_deploys,
        successful,
        failed,
    } = Stats::of(&log.entries);
    let mut text = format!(
        "# Audit report\n\nGenerated {}\n\n## Statistics\n\n| | |\n| --- | --- |\n| Deploys | {total_deploys} |\n| Successful | {successful} |\n| Failed | {failed} |\n| Entries | {} of at most {KEPT} |\n",
        stamp(now),
        log.entries.len(),
    );
    text.push_str("\n## Last entries\n\n| Time | Action | App | Environment | Status | By | Commit | Note |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for entry in log.entries.iter().take(ROWS) {
        let cells = [
            &entry.timestamp,
            entry.action.as_str(),
            &entry.app_name,
            &entry.environment,
            entry.status.as_str(),
            &entry.actor,
            &entry.commit.sha,
            &entry.note,
        ];
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {} |", cells.map(cell).join(" | "));
    }
    for chain in &log.chains {
        let _ = write!(
            text,
            "\nThe log on {} had {} entries, the last with the hash `{}`.\n",
            cell(&chain.host),
            chain.seq,
            cell(&chain.hash),
        );
    }
    text
}

/// A text in a table of Markdown: as it is, whatever it holds. Letters, digits and plain signs stand
/// for themselves, everything that Markdown or HTML could take for its own is written as a number.
fn cell(text: &str) -> String {
    let mut shown = String::new();
    for c in cut(text, 200).chars() {
        match c {
            c if c.is_alphanumeric() || " .,:-+/()'%…→".contains(c) => shown.push(c),
            c if c.is_control() || is_hostile(c) => shown.push('\u{fffd}'),
            c => {
                let _ = write!(shown, "&#{};", u32::from(c));
            }
        }
    }
    shown
}
