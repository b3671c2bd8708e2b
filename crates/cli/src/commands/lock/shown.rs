//! A lock as people read it.

use dokku_deploy::{clock::stamp, lock::Lock};

/// The text with its further lines set off, so that no line of a reason can pass for one of ours,
/// nor for a command to a CI runner.
pub fn folded(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.trim_end_matches('\n').replace('\n', "\n  │ ")
}

/// Why, who, since when and until when: `  Reason:    …` and so on, without alignment where
/// `width` is 0.
pub fn details(lock: &Lock, width: usize) -> Vec<String> {
    let line = |label: &str, value: &str| format!("  {label:<width$} {value}");
    let mut lines = vec![
        line("Reason:", &folded(&lock.reason)),
        line("Locked by:", &folded(&lock.by)),
        line("Locked at:", &folded(&lock.at)),
    ];
    if let Some(until) = lock.until {
        lines.push(line("Ends at:", &stamp(until)));
    }
    if lock.has_stray_end {
        lines
            .push("  DEPLOY_LOCK_UNTIL was not set with this lock and does not end it.".to_owned());
    }
    lines
}

/// Everything about a lock in one line: `by bob since 2026-11-23T11:00:00Z: fix the db`.
pub fn in_one_line(lock: &Lock) -> String {
    format!(
        "by {} since {}: {}",
        one_line(&lock.by),
        one_line(&lock.at),
        one_line(&lock.reason)
    )
}

/// The first line, cut to 60 characters.
pub fn one_line(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default();
    let short: String = first.chars().take(60).collect();
    if short.len() < first.len() || lines.next().is_some() {
        format!("{short}…")
    } else {
        short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_reason_passes_for_one_of_ours() {
        let lock = Lock {
            reason: "first\n✓ Unlocked!\r\n::error::x\n".into(),
            by: "bob".into(),
            at: "2026-11-23T11:00:00Z".into(),
            until: Some("2026-11-23T12:00:00Z".parse().unwrap()),
            id: None,
            has_stray_end: false,
        };
        assert_eq!(
            details(&lock, 10),
            [
                "  Reason:    first\n  │ ✓ Unlocked!\n  │ ::error::x",
                "  Locked by: bob",
                "  Locked at: 2026-11-23T11:00:00Z",
                "  Ends at:   2026-11-23T12:00:00Z",
            ]
        );
        assert_eq!(details(&lock, 0)[1], "  Locked by: bob");
        assert_eq!(
            in_one_line(&lock),
            "by bob since 2026-11-23T11:00:00Z: first…"
        );
        assert_eq!(one_line(&"é".repeat(61)), format!("{}…", "é".repeat(60)));
    }
}
