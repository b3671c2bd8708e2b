//! The heartbeat of scheduled backups, as healthchecks.io takes it: `URL/start`, `URL`, `URL/fail`.

use std::time::Duration;

use crate::http;

/// How long whoever listens may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// A run begins.
    Start,
    /// It ended, and every backup is good.
    Success,
    /// It ended otherwise.
    Fail,
}

/// Tells it. The address is a secret of a kind and not part of the error.
pub fn beat(url: &str, beat: Beat) -> Result<(), String> {
    let end = match beat {
        Beat::Start => "/start",
        Beat::Success => "",
        Beat::Fail => "/fail",
    };
    let sent = http::builder()
        .timeout(PATIENCE)
        .build()
        .and_then(|client| {
            client
                .get(format!("{}{end}", url.trim_end_matches('/')))
                .send()
        })
        .and_then(reqwest::blocking::Response::error_for_status);
    sent.map(drop)
        .map_err(|error| format!("the heartbeat was not taken: {}", error.without_url()))
}
