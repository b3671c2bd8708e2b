//! What people are told of a round of checks.

use dokku_deploy::{
    audit::{AuditEntry, Origin},
    dashboard::{Alarm, Board, Row, Seen},
};

use super::checks::Finding;
use crate::{actor, failure::Failure, invocation::Invocation, origin, publish::tell_each};

/// What people are to be told of findings, decided on the board that is written: who checks at the same
/// moment elsewhere may have told it.
pub struct Alarms {
    actor: String,
    host: String,
    findings: Vec<Finding>,
    news: Vec<AuditEntry>,
}

impl Alarms {
    /// Of these findings.
    pub fn of(findings: Vec<Finding>, invocation: &Invocation<'_>) -> Result<Self, Failure> {
        Ok(Self {
            actor: actor::name(None)?,
            // Without a host (`--no-host`) the apps are of no host that is known here.
            host: invocation
                .target()
                .map_or_else(|_| String::new(), |target| target.to_string()),
            findings,
            news: Vec::new(),
        })
    }

    /// Puts them onto a board that is about to be written. Asked again, the earlier answer is nothing.
    pub fn put(&mut self, board: &mut Board) {
        self.news = raise(board, &self.findings, || {
            origin::begin(&self.actor, &self.host, None)
        });
    }

    /// Tells them, once the board is written.
    pub fn tell(&self, invocation: &Invocation<'_>) {
        tell_each(&self.news, invocation);
    }
}

/// Decides what is to be told, and notes on the board that it is told from now on. The board has to be
/// written before anybody is told: else the next round tells it again.
fn raise(board: &mut Board, findings: &[Finding], origin: impl Fn() -> Origin) -> Vec<AuditEntry> {
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
