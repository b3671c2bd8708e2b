//! The rule for cron times.

/// Lowest and highest number and the names of each field: minute, hour, day, month, weekday.
const FIELDS: [(u8, u8, &[&str]); 5] = [
    (0, 59, &[]),
    (0, 23, &[]),
    (1, 31, &[]),
    (
        1,
        12,
        &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    ),
    (0, 7, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

/// Whether `text` is a cron time of five fields: `*`, numbers, names, ranges, lists, steps.
pub(super) fn is_valid(text: &str) -> bool {
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    fields.len() == FIELDS.len()
        && fields
            .iter()
            .zip(FIELDS)
            .all(|(field, rule)| field.split(',').all(|part| is_part(part, rule)))
}

fn is_part(part: &str, rule: (u8, u8, &[&str])) -> bool {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (part, None),
    };
    let is_step = step.is_none_or(|s| number(s).is_some_and(|n| (1..=rule.1).contains(&n)));
    let is_range = range == "*"
        || match range.split_once('-') {
            Some((from, to)) => match (value(from, rule), value(to, rule)) {
                (Some(from), Some(to)) => from <= to,
                _ => false,
            },
            None => value(range, rule).is_some(),
        };
    is_step && is_range
}

fn value(text: &str, (low, high, names): (u8, u8, &[&str])) -> Option<u8> {
    let by_name = names
        .iter()
        .position(|name| name.eq_ignore_ascii_case(text));
    let value = match by_name {
        Some(at) => u8::try_from(at).ok()?.checked_add(low)?,
        None => number(text)?,
    };
    (low..=high).contains(&value).then_some(value)
}

fn number(text: &str) -> Option<u8> {
    let is_number = text.len() <= 2 && text.bytes().all(|c| c.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_fields_in_their_ranges_are_a_time() {
        for good in [
            "* * * * *",
            "0 9 * * 1-5",
            "*/15 0-6,22,23 1 JAN-mar sun",
            "09 05 31 12 7",
            "0-59/2 * * * mon,wed",
        ] {
            assert!(is_valid(good), "{good}");
        }
        for bad in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "5-1 * * * *",
            "*/0 * * * *",
            "a * * * *",
            "1, * * * *",
            "-1 * * * *",
            "1-2-3 * * * *",
            "@daily",
            "* * * jan/ *",
            "+1 * * * *",
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
    }
}
