//! What strangers may not read is not in the files at all.

use serde_json::Value;

/// Stands where an address was.
const HIDDEN: &str = "[hidden]";

/// Leaves reasons of locks and e-mail addresses out of `apps.json`.
pub fn hide_private(apps: &mut Value) {
    let rows = apps.get_mut("apps").and_then(Value::as_array_mut);
    for row in rows.into_iter().flatten() {
        if let Some(lock) = row.get_mut("lock").and_then(Value::as_object_mut) {
            lock.remove("reason");
        }
    }
    hide_addresses(apps);
}

/// Leaves e-mail addresses out of every text, wherever it stands.
pub fn hide_addresses(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('@') => *text = without_addresses(text),
        Value::Array(items) => items.iter_mut().for_each(hide_addresses),
        Value::Object(object) => {
            if object.keys().any(|key| key.contains('@')) {
                let pairs = std::mem::take(object).into_iter();
                object.extend(pairs.map(|(key, value)| (without_addresses(&key), value)));
            }
            object.values_mut().for_each(hide_addresses);
        }
        _ => {}
    }
}

fn without_addresses(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || c.is_control() || "<>()[]{},;:\"'`|\\".contains(c);
    let mut shown = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_end) {
        let word = piece.trim_end_matches(is_end);
        if is_address(word) {
            shown.push_str(HIDDEN);
            shown.push_str(&piece[word.len()..]);
        } else {
            shown.push_str(piece);
        }
    }
    shown
}

/// `somebody@a.domain`; `package@1.2` is none, for no domain ends in a number.
fn is_address(word: &str) -> bool {
    word.match_indices('@').any(|(at, _)| {
        let (local, domain) = (&word[..at], &word[at + 1..]);
        let domain = domain.trim_end_matches(|c: char| !c.is_alphanumeric());
        let domain = domain
            .split(['/', '?', '#', '&', '='])
            .next()
            .unwrap_or_default();
        !local.is_empty()
            && domain.rsplit_once('.').is_some_and(|(before, last)| {
                !before.is_empty()
                    && last.chars().count() > 1
                    && last.chars().all(char::is_alphabetic)
            })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_are_hidden_wherever_they_stand() {
        for (text, shown) in [
            ("ada@example.com", "[hidden]"),
            ("Ada <ada@example.com>", "Ada <[hidden]>"),
            (
                "by ada.l+x@mail.example.co.uk, and bob",
                "by [hidden], and bob",
            ),
            ("mail ada@example.com.", "mail [hidden]"),
            ("https://ada:pw@example.com/x", "https://ada:[hidden]"),
            ("jürgen@müller.de", "[hidden]"),
            ("bump @types/node@20.1.2", "bump @types/node@20.1.2"),
            ("@ada thanks", "@ada thanks"),
            ("a @ b", "a @ b"),
            ("@", "@"),
        ] {
            assert_eq!(without_addresses(text), shown, "{text}");
        }
    }

    #[test]
    fn a_public_file_has_no_reason_and_no_address_in_any_field() {
        let mut apps = json!({
            "apps": [{
                "name": "shop",
                "last_deploy_by": "ada@example.com",
                "lock": {"reason": "fire the vendor", "by": "bob@example.com", "at": "2026"},
                "of_another_program": {"deep": ["eve@example.com"], "zoe@example.com": 1},
            }],
            "beside": "eve@example.com",
        });
        hide_private(&mut apps);
        let text = apps.to_string();
        assert!(!text.contains("@example"), "{text}");
        assert!(!text.contains("vendor"), "{text}");
        assert_eq!(apps["apps"][0]["lock"]["at"], "2026");
    }
}
