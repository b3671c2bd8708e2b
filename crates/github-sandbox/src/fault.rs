//! What goes wrong on demand.

use crate::http::{Answer, Request};

/// One way for a request to go wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// A status with GitHub's message.
    Status(u16, &'static str),
    /// The secondary rate limit: 403 with `Retry-After` in seconds.
    RetryAfter(u64),
    /// 429 with `Retry-After` in seconds.
    TooMany(u64),
    /// The primary rate limit: 403, nothing left, reset at this time in seconds since 1970.
    ResetAt(i64),
    /// 200 with something else than JSON.
    Nonsense,
    /// The connection ends without an answer, and nothing is done.
    HangUp,
    /// What was asked is done, and the connection ends without an answer.
    HangUpAfter,
}

impl Fault {
    pub(crate) fn answer(&self) -> Answer {
        match self {
            Self::Status(status, message) => Answer::message(*status, message),
            Self::RetryAfter(seconds) | Self::TooMany(seconds) => {
                let is_new = matches!(self, Self::TooMany(_));
                let mut answer = Answer::message(
                    if is_new { 429 } else { 403 },
                    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
                );
                answer.headers.push(("retry-after", seconds.to_string()));
                answer
            }
            Self::ResetAt(time) => {
                let mut answer = Answer::message(403, "API rate limit exceeded");
                answer
                    .headers
                    .push(("x-ratelimit-remaining", "0".to_owned()));
                answer.headers.push(("x-ratelimit-reset", time.to_string()));
                answer
            }
            Self::Nonsense => Answer {
                status: 200,
                headers: vec![("content-type", "text/html".to_owned())],
                body: b"<html>Unicorn!</html>".to_vec(),
            },
            Self::HangUp | Self::HangUpAfter => Answer::nothing(),
        }
    }
}

/// Faults that wait for their request.
#[derive(Debug, Default)]
pub struct Faults(Vec<(String, usize, Fault)>);

impl Faults {
    /// The next `times` requests whose line (`POST /repos/acme/shop/statuses/…`) begins with
    /// `beginning` go wrong.
    pub fn add(&mut self, beginning: &str, times: usize, fault: Fault) {
        self.0.push((beginning.to_owned(), times, fault));
    }

    /// Everything is in order again.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn take(&mut self, request: &Request) -> Option<Fault> {
        let line = request.line();
        let (_, left, fault) = self
            .0
            .iter_mut()
            .find(|(beginning, left, _)| *left > 0 && line.starts_with(beginning.as_str()))?;
        *left -= 1;
        Some(fault.clone())
    }
}
