//! `--for` and `--until`.

use std::time::Duration;

use dokku_deploy::plugin_protocol::End;
use jiff::{Timestamp, ZonedDateTime, civil};

use crate::failure::Failure;

/// When the lock is to end. `now` carries the time zone of whoever asks.
pub fn read(
    lasting: Option<Duration>,
    until: Option<&str>,
    now: &ZonedDateTime,
) -> Result<Option<End>, Failure> {
    let end = match (lasting, until) {
        (Some(lasting), _) => {
            // A lock ends at a whole second.
            let seconds = lasting.as_secs() + u64::from(lasting.subsec_nanos() > 0);
            Some(End::ForSeconds(seconds))
        }
        (None, Some(text)) => Some(End::Until(moment(text, now)?)),
        (None, None) => None,
    };
    if let Some(end) = end {
        end.after(now.timestamp())
            .map_err(|error| Failure::usage(error.to_string()))?;
    }
    Ok(end)
}

fn moment(text: &str, now: &ZonedDateTime) -> Result<Timestamp, Failure> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let local = text
        .parse::<civil::DateTime>()
        .or_else(|_| {
            text.parse::<civil::Time>()
                .map(|time| now.date().to_datetime(time))
        })
        .map_err(|_| {
            Failure::usage(format!("--until: {text:?} is no time"))
                .hint("Write 2026-11-24T18:00:00Z, 2026-11-24T18:00 (local time) or 18:00 (today).")
        })?;
    let zoned = local
        .to_zoned_datetime(now.time_zone().clone())
        .map_err(|error| Failure::usage(format!("--until: {error}")))?;
    let time = zoned.timestamp();
    if time <= now.timestamp() {
        return Err(Failure::usage(format!(
            "--until: {} is past; it is {} now",
            zoned.strftime("%Y-%m-%d %H:%M"),
            now.strftime("%Y-%m-%d %H:%M")
        ))
        .hint("For another day give the date too, as in 2026-11-24T18:00."));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(text: &str) -> Result<String, String> {
        let now: ZonedDateTime = "2026-11-23T12:00:00[Europe/Berlin]".parse().unwrap();
        match read(None, Some(text), &now) {
            Ok(Some(End::Until(time))) => Ok(time.to_string()),
            Ok(other) => panic!("{other:?}"),
            Err(failure) => Err(failure.message),
        }
    }

    #[test]
    fn times_are_read_with_and_without_a_zone() {
        for (text, time) in [
            ("2026-11-24T18:00:00Z", "2026-11-24T18:00:00Z"),
            ("2026-11-24T18:00:00+02:00", "2026-11-24T16:00:00Z"),
            ("2026-11-24T18:00", "2026-11-24T17:00:00Z"),
            ("2026-11-24 18:00", "2026-11-24T17:00:00Z"),
            ("18:00", "2026-11-23T17:00:00Z"),
            ("2026-07-01T18:00", ""),
        ] {
            match until(text) {
                Ok(read) => assert_eq!(read, time, "{text}"),
                Err(why) => assert!(time.is_empty() && why.contains("is past"), "{why}"),
            }
        }
    }

    #[test]
    fn the_past_and_what_is_no_time_are_refused() {
        for (text, why) in [
            ("11:59", "2026-11-23 11:59 is past"),
            ("12:00", "is past"),
            ("2026-11-23T10:59:59Z", "is past"),
            ("", "is no time"),
            ("soon", "is no time"),
            ("25:00", "is no time"),
        ] {
            let error = until(text).unwrap_err();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_duration_ends_at_a_whole_second() {
        let now = ZonedDateTime::now();
        assert_eq!(
            read(Some(Duration::from_millis(1500)), None, &now),
            Ok(Some(End::ForSeconds(2)))
        );
        assert!(read(Some(Duration::from_secs(u64::MAX)), None, &now).is_err());
        assert_eq!(read(None, None, &now), Ok(None));
    }
}
