//! Why GitHub did not do what was asked.

use std::time::Duration;

/// Every kind is told apart, because different things follow from them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitHubError {
    /// There is no such thing, or the token may not see it. Alone it never means "gone".
    #[error("{what}: GitHub knows no such thing, or the token may not see it (404)")]
    NotFound {
        /// The request, such as `GET /repos/acme/shop`.
        what: String,
    },
    /// The token is wrong or has expired.
    #[error("{what}: GitHub does not accept the token (401): {why}")]
    Unauthorized {
        /// The request.
        what: String,
        /// GitHub's words.
        why: String,
    },
    /// The token may not do this.
    #[error("{what}: the token may not do this (403): {why}")]
    Forbidden {
        /// The request.
        what: String,
        /// GitHub's words.
        why: String,
    },
    /// Too many requests, and the wait is longer than can be waited.
    #[error("{what}: GitHub's rate limit is used up for another {} s", .wait.as_secs())]
    RateLimited {
        /// The request.
        what: String,
        /// How long it will be so.
        wait: Duration,
    },
    /// The request itself is at fault.
    #[error("{what}: GitHub refused it ({status}): {why}")]
    Refused {
        /// The request.
        what: String,
        /// The HTTP status.
        status: u16,
        /// GitHub's words.
        why: String,
    },
    /// GitHub is out of order.
    #[error("{what}: GitHub is out of order ({status}), after {tries} tries")]
    Broken {
        /// The request.
        what: String,
        /// The HTTP status.
        status: u16,
        /// How often it was tried.
        tries: u32,
    },
    /// There was no answer.
    #[error("{what}: GitHub cannot be reached, after {tries} tries: {why}")]
    Unreachable {
        /// The request.
        what: String,
        /// The cause.
        why: String,
        /// How often it was tried.
        tries: u32,
    },
    /// The answer is not what GitHub documents.
    #[error("{what}: GitHub's answer is not understood: {why}")]
    Unparsable {
        /// The request.
        what: String,
        /// The cause.
        why: String,
    },
}

impl GitHubError {
    /// Whether the request may have been carried out although no answer says so.
    pub fn is_uncertain(&self) -> bool {
        matches!(
            self,
            Self::Broken { .. } | Self::Unreachable { .. } | Self::Unparsable { .. }
        )
    }
}
