//! Time as an argument.

use std::time::Duration;

use jiff::Timestamp;

/// The time, as the domain sees it. The program passes the real one, tests their own.
pub trait Clock: Sync {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment; never goes back. For measuring and for deadlines.
    fn elapsed(&self) -> Duration;
    /// Waits for `duration`, or less when the person interrupts.
    fn wait(&self, duration: Duration);
}

/// A time as it is stored and shown everywhere: UTC, RFC 3339, whole seconds, `Z`.
pub fn stamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_has_whole_seconds_and_a_z() {
        let time: Timestamp = "2026-11-23T10:20:30.987+02:00".parse().unwrap();
        assert_eq!(stamp(time), "2026-11-23T08:20:30Z");
    }
}
