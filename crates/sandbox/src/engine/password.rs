//! Passwords that cannot be printed by accident.

use std::fmt;

use rand::RngExt;
use serde::{Deserialize, Serialize};

/// A password. `Debug` hides it; [`Password::expose`] is the only way to read it, serde's record
/// of a service (a file that only its owner can read) aside.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// Wraps a given password.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A random one of `bytes` bytes, in hexadecimal digits.
    pub fn random(bytes: usize) -> Self {
        Self(random_hex(bytes))
    }

    /// The password itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(••••)")
    }
}

/// Random hexadecimal digits, two for each byte.
pub fn random_hex(bytes: usize) -> String {
    let mut random = rand::rng();
    let digits = (0..2 * bytes).filter_map(|_| char::from_digit(random.random_range(0..16), 16));
    digits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown_by_debug() {
        let shown = format!("{:?}", Some(Password::new("s3cret")));
        assert!(!shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn random_passwords_have_the_plugins_length_and_differ() {
        let (one, two) = (Password::random(16), Password::random(16));
        assert_eq!(one.expose().len(), 32);
        assert_ne!(one, two);
    }
}
