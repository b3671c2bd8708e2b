//! The scalars of settings files: amounts, times, names.

use std::time::Duration;

use super::{
    amount::{cpu, memory, time},
    cron,
    read::Text,
};
use crate::app::Environment;

/// Declares a text with a rule: a newtype around what `parse` returns, its schema included.
macro_rules! text {
    ($(#[$meta:meta])* $name:ident($inner:ty): $expected:literal, $schema:tt, $parse:expr $(, number: $number:literal)?) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub(super) struct $name(pub $inner);

        impl Text for $name {
            const EXPECTED: &'static str = $expected;
            $(const MAY_BE_NUMBER: bool = $number;)?
            fn parse(text: &str) -> Result<Self, Option<String>> {
                let parse: fn(&str) -> Result<$inner, Option<String>> = $parse;
                parse(text).map(Self)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

text!(
    /// Memory as Docker takes it; kept as written.
    Memory(String): "an amount of memory with its unit, such as 512m or 1g",
    { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?[bkmgBKMG]$", "examples": ["512m", "1g"] },
    memory
);
text!(
    /// A number of processors; kept as written.
    Cpu(String): "a number of processors above 0, such as 0.5 or 2",
    { "type": ["number", "string"], "pattern": "^[0-9]+(\\.[0-9]+)?$", "exclusiveMinimum": 0, "maximum": 1024, "examples": [0.5, 2] },
    cpu, number: true
);
text!(
    /// A time above zero: seconds as a number, or `90s`, `2m`, `1h30m`; at most a day.
    Time(Duration): "a time above 0 and up to 24h, such as 30 (seconds), 90s, 2m or 1h30m",
    { "type": ["integer", "string"], "pattern": "^([0-9]+h)? ?([0-9]+m)? ?([0-9]+s?)?$", "minimum": 1, "maximum": 86400, "examples": [30, "2m", "1h30m"] },
    |text| time(text).filter(|t| !t.is_zero() && t.as_secs() <= 86_400).ok_or(None), number: true
);
text!(
    /// As [`Time`], but may be zero.
    Wait(Duration): "a time up to 24h, such as 0, 5 (seconds), 30s or 2m",
    { "type": ["integer", "string"], "pattern": "^([0-9]+h)? ?([0-9]+m)? ?([0-9]+s?)?$", "minimum": 0, "maximum": 86400, "examples": [5, "30s"] },
    |text| time(text).filter(|t| t.as_secs() <= 86_400).ok_or(None), number: true
);
text!(
    /// The name of a host, in lower case.
    Domain(String): "a domain name such as www.example.com",
    { "type": "string", "pattern": "^(\\*\\.)?([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\\.)+[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$", "maxLength": 253, "examples": ["www.example.com"] },
    |text| domain(text).map_err(Some)
);
text!(
    /// One line that is not empty.
    Line(String): "a text of one line, not empty",
    { "type": "string", "minLength": 1 },
    |text| if text.trim().is_empty() || text.contains(char::is_control) { Err(None) } else { Ok(text.trim().to_owned()) }
);
text!(
    /// A command for a shell; may have several lines.
    Command(String): "a command, not empty and without NUL",
    { "type": "string", "minLength": 1 },
    |text| if text.trim().is_empty() || text.contains('\0') { Err(None) } else { Ok(text.to_owned()) }
);
text!(
    /// The path of a URL.
    UrlPath(String): "a path that begins with `/`, such as /health",
    { "type": "string", "pattern": "^/[^\\s#]*$", "examples": ["/health"] },
    |text| {
        let is_path = text.starts_with('/')
            && text.chars().all(|c| c.is_ascii_graphic() && c != '#');
        if is_path { Ok(text.to_owned()) } else { Err(None) }
    }
);
text!(
    /// A URL of http or https.
    Url(String): "a URL that begins with https:// or http://",
    { "type": "string", "format": "uri", "pattern": "^https?://" },
    |text| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_url = rest.is_some_and(|r| !r.is_empty() && !r.starts_with(['/', ':', '?', '#']))
            && text.chars().all(|c| c.is_ascii_graphic());
        if is_url { Ok(text.to_owned()) } else { Err(None) }
    }
);
text!(
    /// The name of an HTTP header, in lower case.
    HeaderName(String): "the name of an HTTP header, such as X-Version",
    { "type": "string", "pattern": "^[A-Za-z0-9-]+$", "examples": ["X-Version"] },
    |text| {
        let is_name = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if is_name { Ok(text.to_ascii_lowercase()) } else { Err(None) }
    }
);
text!(
    /// Keys from the outside in.
    JsonPath(String): "the keys that lead to a value in a JSON answer, joined by dots, such as build.commit",
    { "type": "string", "pattern": "^[^.\\s]+(\\.[^.\\s]+)*$", "examples": ["version", "build.commit"] },
    |text| {
        let is_path = text.split('.').all(|key| !key.is_empty() && !key.contains(char::is_whitespace));
        if is_path { Ok(text.to_owned()) } else { Err(None) }
    }
);
text!(
    /// A public key that backups are encrypted for.
    Recipient(String): "a public key of age: age1…",
    { "type": "string", "pattern": "^age1[0-9a-z]{20,}$" },
    |text| {
        let is_age = text.strip_prefix("age1").is_some_and(|key| {
            key.len() >= 20 && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        });
        if super::fault::is_secret(text) {
            Err(Some("this is the secret identity: keep it out of files and give the public key".to_owned()))
        } else if is_age {
            Ok(text.to_owned())
        } else {
            Err(None)
        }
    }
);
text!(
    /// A repository of GitHub.
    Repository(String): "a repository such as owner/name",
    { "type": "string", "pattern": "^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$" },
    |text| match text.split_once('/') {
        Some((owner, name)) if is_word(owner, "-") && is_word(name, "-_.") => Ok(text.to_owned()),
        _ => Err(None),
    }
);
text!(
    /// A branch of git.
    Branch(String): "the name of a git branch",
    { "type": "string", "minLength": 1 },
    |text| if is_branch(text) { Ok(text.to_owned()) } else { Err(None) }
);
text!(
    /// A time table of five fields.
    Cron(String): "a cron time of five fields, such as \"0 9 * * 1-5\"",
    { "type": "string", "examples": ["0 9 * * 1-5"] },
    |text| if cron::is_valid(text) { Ok(text.to_owned()) } else { Err(None) }
);
text!(
    /// A time of day.
    TimeOfDay(String): "a time of day in quotes, such as \"02:30\"",
    { "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$" },
    |text| match text.split_once(':') {
        Some((h, m)) if h.len() == 2 && m.len() == 2
            && h.parse::<u8>().is_ok_and(|h| h < 24) && m.parse::<u8>().is_ok_and(|m| m < 60) => Ok(text.to_owned()),
        _ => Err(None),
    }
);

impl Text for Environment {
    const EXPECTED: &'static str = "production, staging, development or preview";
    fn parse(text: &str) -> Result<Self, Option<String>> {
        text.parse().map_err(|_| None)
    }
    fn known() -> Vec<&'static str> {
        Self::ALL.iter().map(|e| e.as_str()).collect()
    }
}

/// Whether `text` is made of ASCII letters, digits and `others`, and not empty.
pub(super) fn is_word(text: &str, others: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// The parts of git's rule for branch names that matter here.
pub(super) fn is_branch(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(['-', '/', '.'])
        && !text.ends_with(['/', '.'])
        && !text.contains("..")
        && !text.contains("//")
        && !text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c))
}

/// A domain name in lower case, `*.` in front allowed; otherwise what is wrong with it.
pub fn domain(text: &str) -> Result<String, String> {
    if text.contains("://") || text.contains('/') {
        return Err("give the name alone, without https:// and path".to_owned());
    }
    if text.contains(':') {
        return Err("give the name alone, without a port".to_owned());
    }
    let name = text.to_ascii_lowercase();
    let labels: Vec<&str> = name
        .strip_prefix("*.")
        .unwrap_or(&name)
        .split('.')
        .collect();
    if name.len() > 253 {
        return Err("a domain name has at most 253 characters".to_owned());
    }
    if let Some(label) = labels.iter().find(|l| l.is_empty() || l.len() > 63) {
        let length = label.len();
        return Err(format!(
            "each part between dots has 1 to 63 characters, not {length}"
        ));
    }
    if !labels
        .iter()
        .all(|l| is_word(l, "-") && !l.starts_with('-') && !l.ends_with('-'))
    {
        let hint = if text.is_ascii() {
            ""
        } else {
            "; write other letters as xn--… (Punycode)"
        };
        return Err(format!(
            "each part between dots is made of letters, digits and inner hyphens{hint}"
        ));
    }
    let is_address = labels.iter().all(|l| l.bytes().all(|c| c.is_ascii_digit()));
    if is_address || labels.len() < 2 {
        return Err("a domain name has at least two parts and is no address".to_owned());
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_names_of_several_parts() {
        assert_eq!(domain("WWW.Example.com"), Ok("www.example.com".into()));
        assert!(domain("*.example.com").is_ok());
        for bad in [
            "",
            "localhost",
            "https://a.b",
            "a.b/c",
            "a.b:80",
            "a..b",
            "-a.b",
            "a-.b",
            "a_b.c",
            "10.0.0.1",
            "bücher.de",
            "a b.c",
            "a.*.b",
            &"a.".repeat(140),
        ] {
            assert!(domain(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn branches_follow_gits_rule() {
        for good in ["main", "feature/x", "release-1.0"] {
            assert!(is_branch(good), "{good}");
        }
        for bad in [
            "", "-x", "a b", "a..b", "/a", "a/", "a:b", "a~1", "*", "a\\b",
        ] {
            assert!(!is_branch(bad), "{bad}");
        }
    }
}
