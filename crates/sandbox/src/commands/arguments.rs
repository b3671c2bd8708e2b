//! Flags of a single command, parsed as Dokku's Go plugins do (pflag): anywhere among the arguments, `--` ends them.

use std::collections::BTreeMap;

use super::{Call, Failure};
use crate::host::SandboxHost;

/// A command's arguments, flags picked out.
#[derive(Debug, Default)]
pub struct Arguments {
    /// What is not a flag, in order.
    pub positional: Vec<String>,
    flags: BTreeMap<String, String>,
}

impl Arguments {
    /// Parses; `switches` are flags without a value, `valued` take one (`--format json` or `--format=json`).
    ///
    /// An unknown flag is exit code 2 with pflag's words.
    pub fn parse(call: &Call, switches: &[&str], valued: &[&str]) -> Result<Self, Failure> {
        Self::parse_words(&call.args, switches, valued)
    }

    /// The same over a list of words.
    pub fn parse_words(
        words: &[String],
        switches: &[&str],
        valued: &[&str],
    ) -> Result<Self, Failure> {
        let mut parsed = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some(flag) = word.strip_prefix("--") else {
                parsed.positional.push(word.clone());
                continue;
            };
            if flag.is_empty() {
                parsed.positional.extend(words.cloned());
                break;
            }
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (flag, None),
            };
            if switches.contains(&name) {
                parsed
                    .flags
                    .insert(name.to_owned(), value.unwrap_or_else(|| "true".to_owned()));
            } else if valued.contains(&name) {
                let value = value
                    .or_else(|| words.next().cloned())
                    .ok_or_else(|| usage(&format!("flag needs an argument: --{name}")))?;
                parsed.flags.insert(name.to_owned(), value);
            } else if !matches!(name, "quiet" | "trace" | "force" | "app") {
                return Err(usage(&format!("unknown flag: --{name}")));
            } else if name == "app" && value.is_none() {
                // Its value has been put in front of the arguments already.
                words.next();
            }
        }
        Ok(parsed)
    }

    /// Whether a switch was given.
    pub fn has(&self, switch: &str) -> bool {
        self.flags.get(switch).is_some_and(|value| value != "false")
    }

    /// The value of a flag.
    pub fn value(&self, flag: &str) -> Option<&str> {
        self.flags.get(flag).map(String::as_str)
    }

    /// The positional argument at `index`, empty if there is none.
    pub fn at(&self, index: usize) -> &str {
        self.positional.get(index).map_or("", String::as_str)
    }
}

fn usage(message: &str) -> Failure {
    Failure {
        lines: vec![message.to_owned()],
        code: 2,
    }
}

/// The name has Dokku's form, or the failure that says so.
pub fn check_app_name(name: &str) -> Result<(), Failure> {
    if name.is_empty() {
        return Err(Failure::new("Please specify an app to run the command on"));
    }
    let is_first_good =
        name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
    let is_rest_good = name.bytes().all(|byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
    });
    if is_first_good && is_rest_good {
        return Ok(());
    }
    Err(Failure::new(
        "App name must begin with lowercase alphanumeric character, and may only contain lowercase alphanumerics, dots, and hyphens",
    ))
}

/// The app is named, has a valid name and exists; otherwise Dokku's failure (exit code 20 for a missing app).
pub fn check_app(host: &SandboxHost, name: &str) -> Result<(), Failure> {
    check_app_name(name)?;
    if host.has_visible_app(name) {
        Ok(())
    } else {
        Err(Failure::no_such_app(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, Failure> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Arguments::parse_words(&words, &["no-restart"], &["format"])
    }

    #[test]
    fn flags_stand_before_or_after_the_app() {
        for words in [
            ["--no-restart", "myapp", "--format", "json"],
            ["myapp", "--format", "json", "--no-restart"],
        ] {
            let arguments = parse(&words).unwrap();
            assert_eq!(
                (
                    arguments.at(0),
                    arguments.value("format"),
                    arguments.has("no-restart")
                ),
                ("myapp", Some("json"), true)
            );
        }
        assert_eq!(
            parse(&["--", "--no-restart"]).unwrap().positional,
            ["--no-restart"]
        );
    }

    #[test]
    fn an_unknown_flag_is_exit_code_two() {
        assert_eq!(parse(&["--nope"]).unwrap_err().code, 2);
    }

    #[test]
    fn app_names_follow_dokkus_rule() {
        for good in ["a", "my-app.x", "0a"] {
            check_app_name(good).unwrap();
        }
        for bad in ["my_app", "-a", "A", "a/b", ""] {
            check_app_name(bad).unwrap_err();
        }
    }
}
