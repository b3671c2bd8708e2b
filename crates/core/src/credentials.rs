//! The name and the password that visitors of an app are asked for (HTTP basic authentication).

use crate::secret::Secret;

/// A name and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: Secret,
}

/// What cannot be asked of visitors. Never shows the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCredentials {
    /// The name would mean something else to those who store or compare it.
    #[error(
        "the name holds other characters than letters, digits, `_`, `-`, `.` and `@`, or does not begin with a letter or digit"
    )]
    User,
    /// There is no password.
    #[error("the password is empty")]
    NoPassword,
    /// The password cannot be typed, or would be taken for an option where it is hashed.
    #[error("the password begins with `-`, or holds a line break or another control character")]
    Password,
}

impl Credentials {
    /// Takes what can be asked of visitors.
    pub fn new(user: &str, password: Secret) -> Result<Self, BadCredentials> {
        let is_good = |c: char| c.is_ascii_alphanumeric() || "_-.@".contains(c);
        if !user.starts_with(|first: char| first.is_ascii_alphanumeric())
            || !user.chars().all(is_good)
        {
            return Err(BadCredentials::User);
        }
        let text = password.expose();
        if text.is_empty() {
            return Err(BadCredentials::NoPassword);
        }
        if text.starts_with('-') || text.contains(char::is_control) {
            return Err(BadCredentials::Password);
        }
        Ok(Self {
            user: user.to_owned(),
            password,
        })
    }

    /// The name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password.
    pub fn password(&self) -> &Secret {
        &self.password
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_taken_for_something_else_is_refused_and_never_shown() {
        let new = |user: &str, password: &str| Credentials::new(user, Secret::new(password));
        for user in ["", "-x", "a:b", "a b", "a/b", ".*", "ä", "a\n"] {
            assert_eq!(new(user, "x"), Err(BadCredentials::User), "{user:?}");
        }
        assert_eq!(new("a", ""), Err(BadCredentials::NoPassword));
        for password in ["-m", "two\nlines", "tab\t"] {
            assert_eq!(new("a", password), Err(BadCredentials::Password));
        }
        let good = new("ada@example.com", "it's: a $(long) pass word é").unwrap();
        assert_eq!(good.user(), "ada@example.com");
        assert!(!format!("{good:?}").contains("long"));
    }
}
