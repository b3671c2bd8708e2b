//! The full name of a repository.

use std::fmt;

/// `OWNER/NAME`, checked: it becomes part of addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RepositoryName {
    owner: String,
    name: String,
}

impl RepositoryName {
    /// Reads `OWNER/NAME`.
    pub fn parse(text: &str) -> Option<Self> {
        let (owner, name) = text.split_once('/')?;
        let is_word = |word: &str| {
            !word.is_empty()
                && word.len() <= 100
                && word != "."
                && word != ".."
                && word
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        (is_word(owner) && is_word(name)).then(|| Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The account that owns it.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Its name alone, after which apps are named.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The beginning of every address below it.
    pub(super) fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        [&["repos", &self.owner, &self.name], rest].concat()
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_two_plain_parts() {
        let name = RepositoryName::parse("acme/shop.js").unwrap();
        assert_eq!((name.owner(), name.name()), ("acme", "shop.js"));
        for wrong in [
            "acme", "/shop", "acme/", "a/b/c", "acme/..", "a b/c", "a/b?c", "",
        ] {
            assert_eq!(RepositoryName::parse(wrong), None, "{wrong}");
        }
    }
}
