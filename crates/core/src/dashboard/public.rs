//! What strangers may not read is not in the files at all.

use serde_json::Value;

/// Stands where an address was.
const HIDDEN: &str = "[hidden]";

/// What strangers may know of a lock. Other keys, of whatever writer, may hold its reason.
const LOCK: [&str; 5] = ["by", "at", "until", "locked_by", "locked_at"];

/// Leaves reasons of locks and e-mail addresses out of a file, wherever they stand.
pub fn hide_private(file: &mut Value) {
    hide_reasons(file);
    hide_addresses(file);
}

fn hide_reasons(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide_reasons),
        Value::Object(object) => {
            object.retain(|key, _| !is_reason_of_lock(key));
            if let Some(Value::Object(lock)) = object.get_mut("lock") {
                lock.retain(|key, value| LOCK.contains(&key.as_str()) && !is_nested(value));
            }
            object.values_mut().for_each(hide_reasons);
        }
        _ => {}
    }
}

/// `lock_reason`, `DEPLOY_LOCK_REASON`, `lockReason` and their like.
fn is_reason_of_lock(key: &str) -> bool {
    let key = key.to_lowercase();
    key.contains("lock") && key.contains("reason")
}

fn is_nested(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

fn hide_addresses(value: &mut Value) {
    match value {
        Value::String(text) if holds_at(text) => *text = without_addresses(text),
        Value::Array(items) => items.iter_mut().for_each(hide_addresses),
        Value::Object(object) => {
            if object.keys().any(|key| holds_at(key)) {
                let pairs = std::mem::take(object).into_iter();
                object.extend(pairs.map(|(key, value)| (without_addresses(&key), value)));
            }
            object.values_mut().for_each(hide_addresses);
        }
        _ => {}
    }
}

/// As it is, or as it stands in a web address.
fn holds_at(text: &str) -> bool {
    text.contains('@') || text.contains("%40")
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
    let at_signs = word.match_indices('@').chain(word.match_indices("%40"));
    at_signs.into_iter().any(|(at, sign)| {
        let (local, domain) = (&word[..at], &word[at + sign.len()..]);
        let domain = domain.trim_end_matches(|c: char| !c.is_alphanumeric());
        let domain = domain
            .split(['/', '?', '#', '&', '='])
            .next()
            .unwrap_or_default();
        !local.is_empty()
            && domain.rsplit_once('.').is_some_and(|(before, last)| {
                !before.is_empty()
                    && last.chars().count() > 1
                    && (last.chars().all(char::is_alphabetic) || last.starts_with("xn--"))
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
            ("ada@xn--mller-kva.xn--p1ai", "[hidden]"),
            ("https://ci.test/u/ada%40example.com/7", "https:[hidden]"),
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
                "lock": {
                    "reason": "fire the vendor", "by": "bob@example.com", "at": "2026",
                    "note": "the vendor", "until": {"because": "the vendor"},
                },
                "deploy_lock_reason": "the vendor",
                "uptime": {"reason": "status 503"},
                "of_another_program": {"deep": ["eve@example.com"], "zoe@example.com": 1},
            }],
            "beside": "eve@example.com",
        });
        hide_private(&mut apps);
        let text = apps.to_string();
        assert!(!text.contains("@example"), "{text}");
        assert!(!text.contains("vendor"), "{text}");
        assert_eq!(apps["apps"][0]["lock"]["at"], "2026");
        assert_eq!(apps["apps"][0]["uptime"]["reason"], "status 503");
    }
}
