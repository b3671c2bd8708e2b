//! What people are told of a round of checks.

use dokku_deploy::{
    audit::{AuditEntry, Origin},
    dashboard::{Alarm, Board, Row, Seen},
};

use super::checks::Finding;

/// Decides what is to be told, and notes on the board that it is told from now on. The board has to be
/// written before anybody is told: else the next round tells it again.
pub fn raise(
    board: &mut Board,
    findings: &[Finding],
    origin: impl Fn() -> Origin,
) -> Vec<AuditEntry> {
    let mut entries = Vec::new();
    for finding in findings {
        let seen = Seen {
            url: &finding.url,
            at: finding.at,
            fault: finding.fault.as_deref(),
            expires: finding.expires,
        };
        let row = board.apps.row(&finding.app);
        let before = Alarm::of(row);
        let (after, news) = before.clone().after(seen);
        entries.extend(
            news.iter()
                .map(|news| news.entry(&finding.app, row, seen, &origin())),
        );
        if after != before {
            let row = Row::default().with_alarm(&after, finding.at);
            board.apps.add(&finding.app, row);
        }
    }
    for entry in &entries {
        board.add_entry(entry);
    }
    entries
}
