//! `APP ACTION …` and `ACTION APP …`: the words of commands that people write in either order.

use crate::{failure::Failure, invocation::Invocation};

/// What the words say.
#[derive(Debug, PartialEq, Eq)]
pub struct Words<'w> {
    /// The app; none: that of the repository.
    pub app: Option<&'w str>,
    /// One of the actions; none: look only.
    pub action: Option<&'w str>,
    /// All further words.
    pub others: &'w [String],
}

impl<'w> Words<'w> {
    /// Reads the words of `verb`, whose actions need `least` further words each.
    pub fn read(
        verb: &str,
        words: &'w [String],
        actions: &[&str],
        least: usize,
        invocation: &Invocation,
    ) -> Result<Self, Failure> {
        let file = invocation.file()?;
        Self::split(verb, words, actions, least, |word| {
            file.alias(word).is_some()
        })
    }

    fn split(
        verb: &str,
        words: &'w [String],
        actions: &[&str],
        least: usize,
        is_alias: impl Fn(&str) -> bool,
    ) -> Result<Self, Failure> {
        let is_action = |word: &str| actions.contains(&word);
        let Some((first, rest)) = words.split_first() else {
            return Ok(Self {
                app: None,
                action: None,
                others: &[],
            });
        };
        let (app, action, others) = if is_action(first) && !is_alias(first) {
            // `domains add APP DOMAIN`, or in a repository `domains add DOMAIN`.
            match rest.split_first() {
                Some((app, others)) if others.len() >= least => {
                    (Some(app.as_str()), Some(first.as_str()), others)
                }
                _ => (None, Some(first.as_str()), rest),
            }
        } else {
            match rest.split_first() {
                Some((action, others)) if is_action(action) => {
                    (Some(first.as_str()), Some(action.as_str()), others)
                }
                Some((unknown, _)) => {
                    return Err(Failure::usage(format!("Unknown {verb} action: {unknown}"))
                        .hint(format!("Known are: {}", actions.join(", "))));
                }
                None => (Some(first.as_str()), None, rest),
            }
        };
        if action.is_some() && others.len() < least {
            return Err(Failure::usage(format!(
                "`{verb} {}` lacks what it is about",
                action.unwrap_or_default()
            ))
            .hint(format!("`dokku-cli {verb} --help` shows what it takes.")));
        }
        Ok(Self {
            app,
            action,
            others,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (Option<String>, Option<String>, Vec<String>);

    fn read(line: &str, least: usize) -> Result<Read, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let actions = ["add", "remove"];
        Words::split("domains", &words, &actions, least, |word| word == "remove")
            .map(|read| {
                (
                    read.app.map(str::to_owned),
                    read.action.map(str::to_owned),
                    read.others.to_vec(),
                )
            })
            .map_err(|failure| failure.message)
    }

    fn of(app: &str, action: &str, others: &[&str]) -> Read {
        let given = |word: &str| Some(word.to_owned()).filter(|word| !word.is_empty());
        let others = others.iter().map(|&word| word.to_owned()).collect();
        (given(app), given(action), others)
    }

    #[test]
    fn app_and_action_come_in_either_order() {
        for (line, expected) in [
            ("", of("", "", &[])),
            ("shop", of("shop", "", &[])),
            ("shop add a.b", of("shop", "add", &["a.b"])),
            ("add shop a.b c.d", of("shop", "add", &["a.b", "c.d"])),
            ("add a.b", of("", "add", &["a.b"])),
            // An alias is an app, whatever else its name means.
            ("remove add a.b", of("remove", "add", &["a.b"])),
        ] {
            assert_eq!(read(line, 1).unwrap(), expected, "{line}");
        }
        assert_eq!(read("add", 0).unwrap(), of("", "add", &[]));
        assert_eq!(read("add shop", 0).unwrap(), of("shop", "add", &[]));
    }

    #[test]
    fn what_is_missing_or_unknown_is_said() {
        assert_eq!(
            read("shop ad a.b", 1).unwrap_err(),
            "Unknown domains action: ad"
        );
        for line in ["add", "shop add"] {
            assert_eq!(
                read(line, 1).unwrap_err(),
                "`domains add` lacks what it is about",
                "{line}"
            );
        }
    }
}
