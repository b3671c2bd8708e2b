//! What every command has in common: the options before or after its name, and how times are written.
#![allow(
    clippy::doc_markdown,
    reason = "the texts here are the help that people read"
)]

use std::time::Duration;

use clap::Args;

/// The version as people see it.
pub const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// Options that every command takes, before or after its name.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The Dokku host: HOST, USER@HOST or HOST:PORT [env: DOKKU_HOST]
    #[arg(long, global = true, value_name = "HOST")]
    pub host: Option<String>,
    /// The ssh key to use instead of ssh's own choice [env: SSH_KEY]
    #[arg(long, global = true, value_name = "FILE")]
    pub ssh_key: Option<String>,
    /// The domain under which apps get theirs [env: BASE_DOMAIN]
    #[arg(long, global = true, value_name = "DOMAIN")]
    pub base_domain: Option<String>,
    /// How long the host may be silent before it counts as unreachable, such as 15s [env: DOKKU_TIMEOUT]
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub connect_timeout: Option<Duration>,
    /// Print one machine-readable result on standard output (what `logs`, `run` and `shell` pass on
    /// stays as it is) [env: OUTPUT_FORMAT=json]
    #[arg(long, global = true)]
    pub json: bool,
    /// Print results, warnings and errors only [env: QUIET_MODE=true]
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Tell more about what is being done
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// Reads a time such as `90`, `90s`, `2m`, `1h 30m` or `2d`; a bare number is seconds, a day 24 hours.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time such as 90s, 2m, \"1h 30m\" or 2d");
    let time = if let Ok(seconds) = text.trim().parse::<u32>() {
        Duration::from_secs(seconds.into())
    } else {
        let span: jiff::Span = text.parse().map_err(|_| wrong())?;
        span.to_duration(jiff::SpanRelativeTo::days_are_24_hours())
            .and_then(Duration::try_from)
            .map_err(|_| wrong())?
    };
    if time.is_zero() {
        return Err("it has to be longer than nothing".to_owned());
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_mins(90)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5h"), Ok(Duration::from_mins(90)));
        assert_eq!(duration("2d 1h"), Ok(Duration::from_hours(49)));
        assert_eq!(duration("1w"), Ok(Duration::from_hours(7 * 24)));
        for wrong in ["", "soon", "-5s", "0", "0s", "1.5x", "1mo", "1y"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }
}
