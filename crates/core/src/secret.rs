//! Values that must not be seen: passwords, tokens, variables of an app.

use std::fmt;

use zeroize::Zeroize;

/// How a secret is shown wherever a person could see it.
pub const SHOWN: &str = "••••";

/// A text that is neither printed, logged nor serialised. It is wiped when dropped.
///
/// There is one way to its content, [`Secret::expose`], so that every use can be found by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text; the caller should not keep a copy.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The content, for the place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHOWN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHOWN)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_in_text() {
        let secret = Secret::new("hunter2");
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "•••• •••• Some(••••)"
        );
        assert_eq!(secret.expose(), "hunter2");
    }
}
