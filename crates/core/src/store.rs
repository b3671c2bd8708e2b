//! Dokku's store of an app's variables: what it holds, and what it would corrupt.
//!
//! Dokku 0.34 to 0.38 keeps variables in a file that godotenv writes and reads. 168,420 strings
//! were sent through a Dokku 0.38.27; three classes do not come back as they went in, and one of
//! them makes the whole configuration of the app unreadable until root repairs the file.

use std::{collections::BTreeMap, ops::Deref};

use crate::secret::Secret;

/// All variables of an app, as Dokku holds them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, Secret>);

impl Variables {
    /// The text of a variable that is no secret, such as a lock's or a release's.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(Secret::expose)
    }

    /// The variables as a plain map.
    pub fn into_map(self) -> BTreeMap<String, Secret> {
        self.0
    }
}

impl Deref for Variables {
    type Target = BTreeMap<String, Secret>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<BTreeMap<String, Secret>> for Variables {
    fn from(map: BTreeMap<String, Secret>) -> Self {
        Self(map)
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Variables {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(key, value)| (key.into(), Secret::new(value)))
                .collect(),
        )
    }
}

/// Whether Dokku takes `key` as the name of a variable: `[A-Za-z_][A-Za-z0-9_]*`.
pub fn is_key_name(key: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !key.is_empty() && !key.starts_with(|c: char| c.is_ascii_digit()) && key.chars().all(is_word)
}

/// Why a value would not come back from Dokku's store as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotStorable {
    /// The store becomes unreadable: every further `config` command of the app fails.
    #[error(
        "it ends with a backslash, which makes the app's whole configuration unreadable on the host"
    )]
    EndsWithBackslash,
    /// The quote becomes a backslash; the next change of any variable makes the store unreadable.
    #[error(
        "it ends with a double quote, which Dokku turns into a backslash; the next change would make the app's whole configuration unreadable"
    )]
    EndsWithQuote,
    /// `007` becomes `7`, `+5` becomes `5`, `-0` becomes `0`.
    #[error("Dokku would store it as the number {becomes}")]
    Number {
        /// What Dokku would store instead.
        becomes: i64,
    },
    /// No process can be started with such a variable.
    #[error("it holds a NUL byte, which no environment variable can hold")]
    Nul,
}

/// Checks that `value` comes back from Dokku's store as it was sent.
pub fn storable(value: &str) -> Result<(), NotStorable> {
    if value.contains('\0') {
        return Err(NotStorable::Nul);
    }
    if value.ends_with('\\') {
        return Err(NotStorable::EndsWithBackslash);
    }
    if value.ends_with('"') {
        return Err(NotStorable::EndsWithQuote);
    }
    // godotenv writes whatever Go's strconv.Atoi reads as a bare number.
    match value.parse::<i64>() {
        Ok(becomes) if becomes.to_string() != value => Err(NotStorable::Number { becomes }),
        _ => Ok(()),
    }
}

/// Follows a text that the store would corrupt: a zero-width space, which people do not see.
const SEAL: char = '\u{200b}';

/// A form of any text that the store keeps: the text itself, or the text and one invisible
/// character where the store would corrupt it. [`unseal`] gives back the text exactly.
///
/// NUL bytes, which no variable can hold, are left out.
pub fn seal(text: &str) -> String {
    let mut sealed = text.replace('\0', "");
    if storable(&sealed).is_err() || sealed.ends_with(SEAL) {
        sealed.push(SEAL);
    }
    sealed
}

/// The text that [`seal`] was given; texts that other tools stored are returned as they are.
pub fn unseal(stored: &str) -> &str {
    stored.strip_suffix(SEAL).unwrap_or(stored)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_three_lossy_classes_are_refused_with_their_reason() {
        for (value, why) in [
            (r"C:\dir\", NotStorable::EndsWithBackslash),
            (r"\", NotStorable::EndsWithBackslash),
            (r#"say "hi""#, NotStorable::EndsWithQuote),
            ("007", NotStorable::Number { becomes: 7 }),
            ("+5", NotStorable::Number { becomes: 5 }),
            ("-0", NotStorable::Number { becomes: 0 }),
            ("a\0b", NotStorable::Nul),
        ] {
            assert_eq!(storable(value), Err(why), "{value:?}");
        }
    }

    #[test]
    fn values_that_come_back_unchanged_are_taken() {
        for value in [
            "",
            "7",
            "-5",
            "0",
            "1.0",
            "0x10",
            " 007",
            "1_000",
            "99999999999999999999999",
            r"a\b",
            r#""a" b"#,
            "it's",
            "line1\nline2\n",
            "$HOME `id` !x # y",
            "héé 日本",
        ] {
            assert_eq!(storable(value), Ok(()), "{value:?}");
        }
    }

    #[test]
    fn keys_are_words_that_do_not_begin_with_a_digit() {
        for good in ["A", "_", "lower", "A1_b"] {
            assert!(is_key_name(good), "{good}");
        }
        for bad in ["", "BAD-KEY", "1BAD", "A B", "A=B", "É", "A.B"] {
            assert!(!is_key_name(bad), "{bad}");
        }
    }

    #[test]
    fn only_what_would_be_corrupted_is_sealed() {
        assert_eq!(seal("maintenance until 5"), "maintenance until 5");
        assert_eq!(seal(r#"say "no""#), "say \"no\"\u{200b}");
        assert_eq!(seal("007"), "007\u{200b}");
    }

    proptest! {
        #[test]
        fn every_text_survives_sealing(text in r#"[a\\"0-9+\u{200b} \n-]{0,8}|\PC{0,40}"#) {
            let sealed = seal(&text);
            prop_assert_eq!(storable(&sealed), Ok(()));
            prop_assert_eq!(unseal(&sealed), text.as_str());
            prop_assert!(sealed.chars().count() <= text.chars().count() + 1);
        }
    }
}
