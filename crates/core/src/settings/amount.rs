//! Amounts of memory, processors and time, as people write them.

use std::time::Duration;

/// Memory as Docker takes it, in lower case; the error guesses what was meant.
pub(super) fn memory(text: &str) -> Result<String, Option<String>> {
    strict_memory(text).map_err(|why| {
        why.or_else(|| {
            let short: String = text.to_ascii_lowercase().split_whitespace().collect();
            let short = short.strip_suffix('b').unwrap_or(&short);
            let short = short.strip_suffix('i').unwrap_or(short);
            let unit = if is_decimal(short) { "m" } else { "" };
            let guess = strict_memory(&format!("{short}{unit}")).ok()?;
            Some(format!("did you mean {guess}?"))
        })
    })
}

fn strict_memory(text: &str) -> Result<String, Option<String>> {
    let unit = text.chars().last().map(|c| c.to_ascii_lowercase());
    let factor = match unit {
        Some('b') => 1.0,
        Some('k') => 1024.0,
        Some('m') => 1024.0 * 1024.0,
        Some('g') => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(None),
    };
    let amount = &text[..text.len() - 1];
    if !is_decimal(amount) {
        return Err(None);
    }
    let bytes = amount.parse::<f64>().map_err(|_| None)? * factor;
    if bytes < 6.0 * 1024.0 * 1024.0 {
        return Err(Some("Docker gives a container 6m at least".to_owned()));
    }
    if bytes > 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0 {
        return Err(Some("this is more than any machine has".to_owned()));
    }
    Ok(text.to_ascii_lowercase())
}

pub(super) fn cpu(text: &str) -> Result<String, Option<String>> {
    let number = text.parse::<f64>().ok().filter(|_| is_decimal(text));
    match number {
        Some(n) if n > 0.0 && n <= 1024.0 => Ok(text.to_owned()),
        _ => Err(None),
    }
}

/// Digits with at most one point between them.
fn is_decimal(text: &str) -> bool {
    let is_digits =
        |t: &str| !t.is_empty() && t.len() < 16 && t.bytes().all(|c| c.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, part)) => is_digits(whole) && is_digits(part),
        None => is_digits(text),
    }
}

/// `90`, `90s`, `2m`, `1h30m`, `1h 30m`: units from large to small, each once.
pub(super) fn time(text: &str) -> Option<Duration> {
    let mut seconds: u64 = 0;
    let mut digits = String::new();
    let mut largest = u64::MAX;
    for c in text.trim().chars() {
        match c {
            '0'..='9' => digits.push(c),
            'h' | 'm' | 's' => {
                let unit = match c {
                    'h' => 3600,
                    'm' => 60,
                    _ => 1,
                };
                if unit >= largest {
                    return None;
                }
                largest = unit;
                let count: u64 = digits.parse().ok()?;
                seconds = seconds.checked_add(count.checked_mul(unit)?)?;
                digits.clear();
            }
            ' ' if digits.is_empty() => {}
            _ => return None,
        }
    }
    if digits.is_empty() {
        return (largest != u64::MAX).then(|| Duration::from_secs(seconds));
    }
    // A bare number is seconds, but not after a unit: 1h30 means something else to many.
    (largest == u64::MAX)
        .then(|| digits.parse().ok())
        .flatten()
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_have_units_from_large_to_small() {
        let seconds = |text: &str| time(text).map(|t| t.as_secs());
        assert_eq!(seconds("90"), Some(90));
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("2m"), Some(120));
        assert_eq!(seconds("1h30m"), Some(5400));
        assert_eq!(seconds("1h 30m"), Some(5400));
        for bad in [
            "",
            "m",
            "1h30",
            "30s2m",
            "1m1m",
            "-5",
            "1.5m",
            "5d",
            "99999999999999999999h",
            "1 0",
        ] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn memory_has_a_unit_and_the_error_says_what_was_meant() {
        assert_eq!(memory("512m"), Ok("512m".into()));
        assert_eq!(memory("1.5G"), Ok("1.5g".into()));
        assert_eq!(memory("512"), Err(Some("did you mean 512m?".into())));
        assert_eq!(memory("512MB"), Err(Some("did you mean 512m?".into())));
        assert_eq!(memory("1Gi"), Err(Some("did you mean 1g?".into())));
        assert_eq!(memory("1 GiB"), Err(Some("did you mean 1g?".into())));
        assert_eq!(
            memory("5m"),
            Err(Some("Docker gives a container 6m at least".into()))
        );
        for bad in ["", "m", "lots", "-1g", "1e3m", "0m", "99999999g", "é", "ib"] {
            assert!(memory(bad).is_err(), "{bad}");
        }
    }
}
