//! The network beside the Dokku host: asking an app's URL, posting JSON.

use std::time::Duration;

use crate::credentials::Credentials;

/// One question to a URL. Redirects are reported, not followed: [`ask`](crate::health::ask) does that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Absolute `http://` or `https://` URL. Its host is sent as `Host` (and SNI).
    pub url: String,
    /// Host name or address (without port) to connect to instead of looking the URL's host up.
    pub connect_to: Option<String>,
    /// The name and the password that are sent along, where the app asks for them.
    pub credentials: Option<Credentials>,
    /// Time for the whole exchange.
    pub timeout: Duration,
}

/// What a URL answered. `body` holds at most the first 64 KiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeAnswer {
    /// HTTP status, 100 to 599.
    pub status: u16,
    /// Header names (lower case) and values, in the order of the answer.
    pub headers: Vec<(String, String)>,
    /// Beginning of the body.
    pub body: Vec<u8>,
    /// From the first byte sent to the last byte read.
    pub took: Duration,
}

/// Why a URL gave no answer at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// The host's name has no address (yet).
    #[error("{host} does not resolve: {why}")]
    Unresolved {
        /// The name that was looked up.
        host: String,
        /// The resolver's words.
        why: String,
    },
    /// Nothing there, refused, reset, or TLS failed.
    #[error("{url} cannot be reached: {why}")]
    Unreachable {
        /// The URL asked.
        url: String,
        /// The cause in words.
        why: String,
    },
    /// No complete answer in time.
    #[error("{url} gave no answer within {} s", .after.as_secs())]
    TimedOut {
        /// The URL asked.
        url: String,
        /// The time given.
        after: Duration,
    },
}

/// The door to the network.
pub trait Net: Sync {
    /// Asks once. `Err` only when there is no HTTP answer.
    fn probe(&self, probe: &Probe) -> Result<ProbeAnswer, NetError>;
}
