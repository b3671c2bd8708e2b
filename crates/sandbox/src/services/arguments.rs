//! Arguments of the datastore plugins: bash's `getopts` after the service's name.

use std::collections::BTreeMap;
use std::io::Write;

use crate::commands::{Call, Failure};
use crate::io::Io;

/// Long and short name of each option that takes a value.
const VALUED: &[(&str, char)] = &[
    ("alias", 'a'),
    ("config-options", 'c'),
    ("custom-env", 'C'),
    ("database", 'd'),
    ("image-version", 'I'),
    ("initial-network", 'N'),
    ("image", 'i'),
    ("memory", 'm'),
    ("password", 'p'),
    ("post-create-network", 'P'),
    ("post-start-network", 'S'),
    ("querystring", 'q'),
    ("restart-apps", 'R'),
    ("root-password", 'r'),
    ("shm-size", 's'),
    ("user", 'u'),
];

/// The options of `create`, `link` and their like.
#[derive(Debug, Default)]
pub struct Options {
    values: BTreeMap<&'static str, String>,
    is_no_restart: bool,
}

impl Options {
    /// Parses the words after the positional arguments; the first word that is no option ends
    /// them. A wrong option is complained of and passed over, as the real plugins do.
    pub fn parse(words: &[String], io: &mut Io) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let known = VALUED.iter().find(|(long, short)| {
                word.strip_prefix("--") == Some(long)
                    || word.strip_prefix('-') == Some(short.to_string().as_str())
            });
            match known {
                Some((long, short)) => match words.next() {
                    Some(value) => drop(options.values.insert(long, value.clone())),
                    None => writeln!(io.stderr, "option requires an argument -- {short}")?,
                },
                None if word == "--no-restart" || word == "-n" => options.is_no_restart = true,
                None if word == "--" || !word.starts_with('-') => break,
                None => writeln!(
                    io.stderr,
                    "illegal option -- {}",
                    word.trim_start_matches('-')
                )?,
            }
        }
        Ok(options)
    }

    /// The value of an option, empty if it was not given.
    pub fn value(&self, long: &str) -> &str {
        self.values.get(long).map_or("", String::as_str)
    }

    /// Whether linked apps are left running as they are.
    pub fn is_no_restart(&self, call: &Call) -> bool {
        self.is_no_restart
            || self.value("restart-apps") == "false"
            || call.flags.exported.contains("--no-restart")
    }
}

/// A positional argument of the plugin; empty if there is none. Global flags stay where they
/// stand, unlike in the core plugins.
pub fn positional(call: &Call, index: usize) -> &str {
    call.words.get(index + 1).map_or("", String::as_str)
}

/// The app that a verb names at `index`, or `--app`.
pub fn app(call: &Call, index: usize) -> &str {
    match positional(call, index) {
        "" => call.flags.app.as_deref().unwrap_or_default(),
        named => named,
    }
}

/// The words after the first `count` positional ones.
pub fn rest(call: &Call, count: usize) -> &[String] {
    call.words.get(count + 1..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> (Options, String) {
        let (mut io, _, err) = Io::captured(b"");
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        (Options::parse(&words, &mut io).unwrap(), err.text())
    }

    #[test]
    fn long_and_short_options_are_read() {
        let (options, complaints) = parse(&["--password", "s3cret", "-a", "BLUE", "-n"]);
        assert_eq!(
            (options.value("password"), options.value("alias")),
            ("s3cret", "BLUE")
        );
        assert!(options.is_no_restart);
        assert_eq!(complaints, "");
    }

    #[test]
    fn a_wrong_option_is_complained_of_and_a_plain_word_ends_them() {
        let (options, complaints) = parse(&["--nope", "word", "--password", "late"]);
        assert_eq!(options.value("password"), "");
        assert_eq!(complaints, "illegal option -- nope\n");
    }
}
