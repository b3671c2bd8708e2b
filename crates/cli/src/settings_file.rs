//! `~/.dokku-cli`, a fragment of shell that is read here and never executed.
//!
//! It holds lines such as `DOKKU_HOST="dokku.example.com"` and `ALIAS_PROD="myapp-production"`.

pub mod edit;

use std::{
    io,
    path::{Path, PathBuf},
};

/// What the file says. Empty values count as not given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Whether there is such a file.
    pub exists: bool,
    lines: Lines,
}

/// What stands in the file's lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Lines {
    /// All settings in the order of the file, the last of a name counts.
    values: Vec<Line>,
    /// Aliases that cannot be ones, by line and name.
    odd_aliases: Vec<(usize, String)>,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    /// From 1.
    number: usize,
    name: String,
    value: String,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadSettingsFile {
    /// It is there but cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not understood.
    #[error("{}:{line}: {why}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
}

/// The settings that this program knows, besides `ALIAS_…`.
pub const KNOWN: [&str; 5] = [
    "DOKKU_HOST",
    "SSH_KEY",
    "BASE_DOMAIN",
    "OUTPUT_FORMAT",
    "QUIET_MODE",
];

/// What the name of every alias begins with.
const ALIAS: &str = "ALIAS_";

impl SettingsFile {
    /// Reads the file; a missing one is empty. `home` stands in for `~` and `$HOME`.
    pub fn read(path: &Path, home: &str) -> Result<Self, BadSettingsFile> {
        let text = match fs_err::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self {
                    path: path.to_owned(),
                    ..Self::default()
                });
            }
            Err(source) => {
                return Err(BadSettingsFile::Unreadable {
                    path: path.to_owned(),
                    source: io::Error::new(source.kind(), source.kind().to_string()),
                });
            }
        };
        let lines = parse(&text, home).map_err(|(line, why)| BadSettingsFile::Line {
            path: path.to_owned(),
            line,
            why,
        })?;
        Ok(Self {
            path: path.to_owned(),
            exists: true,
            lines,
        })
    }

    /// A setting, unless it is missing or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.with_line(name).map(|(_, value)| value)
    }

    /// A setting with the number of its line, unless it is missing or empty.
    pub fn with_line(&self, name: &str) -> Option<(usize, &str)> {
        self.lines
            .values
            .iter()
            .rev()
            .find(|line| line.name == name)
            .map(|line| (line.number, line.value.as_str()))
            .filter(|(_, value)| !value.is_empty())
    }

    /// The app behind an alias; upper and lower case are one. Aliases do not chain.
    pub fn alias(&self, name: &str) -> Option<&str> {
        if !is_alias_name(name) {
            return None;
        }
        self.get(&alias_key(name))
    }

    /// All aliases with their apps, in lower case and in the order of the file.
    pub fn aliases(&self) -> Vec<(String, &str)> {
        let mut all: Vec<(String, &str)> = Vec::new();
        for Line { name, value, .. } in &self.lines.values {
            if let Some(name) = name.strip_prefix(ALIAS) {
                let name = name.to_ascii_lowercase();
                all.retain(|(known, _)| *known != name);
                if !value.is_empty() {
                    all.push((name, value));
                }
            }
        }
        all
    }

    /// Aliases in the file whose names no alias may have, with their lines; they mean nothing.
    pub fn odd_aliases(&self) -> &[(usize, String)] {
        &self.lines.odd_aliases
    }

    /// Names in the file that mean nothing to this program: perhaps misspelt.
    pub fn unknown(&self) -> Vec<&str> {
        self.lines
            .values
            .iter()
            .map(|line| line.name.as_str())
            .filter(|name| !KNOWN.contains(name) && !name.starts_with(ALIAS))
            .collect()
    }
}

/// The setting that an alias is.
pub fn alias_key(name: &str) -> String {
    format!("{ALIAS}{}", name.to_ascii_uppercase())
}

/// Whether an alias may have this name: it becomes part of a shell variable's.
pub fn is_alias_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

type Fault = (usize, String);

fn parse(text: &str, home: &str) -> Result<Lines, Fault> {
    let mut lines = Lines::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fault = |why: &str| (index + 1, why.to_owned());
        let assignment = line.strip_prefix("export ").map_or(line, str::trim_start);
        let (name, value) = assignment
            .split_once('=')
            .ok_or_else(|| fault("expected NAME=\"value\": this file is read, not executed"))?;
        if let Some(alias) = name.strip_prefix(ALIAS)
            && !is_alias_name(alias)
        {
            lines.odd_aliases.push((index + 1, alias.to_owned()));
            continue;
        }
        let is_name = !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            return Err(fault(
                "the name before = may only hold letters, digits and underscores",
            ));
        }
        let value = word(value, home).map_err(fault)?;
        lines.values.push(Line {
            number: index + 1,
            name: name.to_owned(),
            value,
        });
    }
    Ok(lines)
}

/// Reads one word as a shell would, as far as a plain assignment goes.
fn word(text: &str, home: &str) -> Result<String, &'static str> {
    let mut value = String::new();
    let mut rest = text;
    if rest == "~" || rest.starts_with("~/") {
        value.push_str(home);
        rest = rest.get(1..).unwrap_or_default();
    }
    let mut quote: Option<char> = None;
    while let Some(letter) = rest.chars().next() {
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some('\''), letter) => value.push(letter),
            (None, '"' | '\'') => quote = Some(letter),
            (None, ' ' | '\t') => {
                let comment = rest.trim_start();
                if comment.is_empty() || comment.starts_with('#') {
                    return Ok(value);
                }
                return Err("a value with blanks has to stand in quotes");
            }
            (None, ';' | '&' | '|' | '<' | '>' | '(' | ')') => {
                return Err("commands are not run from this file; put the value into quotes");
            }
            (_, '`') => return Err("commands are not run from this file"),
            (_, '\\') => {
                let next = rest.chars().next().ok_or("the value ends in a backslash")?;
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
                if quote.is_some() && !"$`\"\\".contains(next) {
                    value.push('\\');
                }
                value.push(next);
            }
            (_, '$') => {
                let after = ["{HOME}", "HOME"]
                    .into_iter()
                    .find_map(|name| rest.strip_prefix(name))
                    .filter(|after| {
                        !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                            || rest.starts_with('{')
                    })
                    .ok_or("of all variables only $HOME is known in this file")?;
                value.push_str(home);
                rest = after;
            }
            (_, letter) => value.push(letter),
        }
    }
    if quote.is_some() {
        return Err("the closing quote is missing");
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SettingsFile, Fault> {
        parse(text, "/home/me").map(|lines| SettingsFile {
            lines,
            ..SettingsFile::default()
        })
    }

    #[test]
    fn the_file_is_read_as_the_shell_read_it() {
        let file = read(
            "# Dokku CLI\nDOKKU_HOST=\"dokku.example.com\"\nSSH_KEY=\"$HOME/my keys/id\" # mine\n\
             export BASE_DOMAIN='example.com'\n\nQUIET_MODE=\nALIAS_PROD=\"myapp\"\nALIAS_prod=\"other\"\nALIAS_X=~/y\n",
        )
        .unwrap();
        assert_eq!(file.get("DOKKU_HOST"), Some("dokku.example.com"));
        assert_eq!(file.get("SSH_KEY"), Some("/home/me/my keys/id"));
        assert_eq!(file.get("BASE_DOMAIN"), Some("example.com"));
        assert_eq!(file.get("QUIET_MODE"), None);
        assert_eq!(file.alias("X"), Some("/home/me/y"));
        assert_eq!(
            file.aliases(),
            [("prod".to_owned(), "other"), ("x".to_owned(), "/home/me/y")]
        );
    }

    #[test]
    fn an_alias_is_found_in_any_case_and_the_last_line_counts() {
        let file = read("ALIAS_PROD=\"one\"\nALIAS_PROD=two").unwrap();
        for name in ["prod", "Prod", "PROD"] {
            assert_eq!(file.alias(name), Some("two"), "{name}");
        }
        assert_eq!(file.alias("pr/od"), None);
        assert_eq!(file.alias("other"), None);
    }

    #[test]
    fn quotes_and_backslashes_mean_what_they_mean_to_a_shell() {
        let value = |text: &str| word(text, "/h").unwrap();
        assert_eq!(value(r#""a \"b\" \x""#), r#"a "b" \x"#);
        assert_eq!(value(r"a\ b"), "a b");
        assert_eq!(value(r"'$HOME ~ \'"), r"$HOME ~ \");
        assert_eq!(value("\"~/x\""), "~/x");
        assert_eq!(value("${HOME}x"), "/hx");
        assert_eq!(value("a#b"), "a#b");
    }

    #[test]
    fn what_would_have_to_be_executed_is_refused_with_its_line() {
        for line in [
            "if true; then",
            "DOKKU_HOST=$(hostname)",
            "DOKKU_HOST=`id`",
            "DOKKU_HOST=\"$OTHER\"",
            "DOKKU_HOST=\"$HOMER\"",
            "DOKKU_HOST=a b",
            "DOKKU_HOST=a; id",
            "DOKKU_HOST=\"a",
            "=x",
            "1A=x",
        ] {
            assert_eq!(
                read(&format!("# one\n{line}\n")).unwrap_err().0,
                2,
                "{line}"
            );
        }
    }

    #[test]
    fn an_alias_that_cannot_be_one_is_told_with_its_line_and_the_others_count() {
        let file = read("ALIAS_A=b\nALIAS_MY-APP=$(id)\nexport ALIAS_=x\n").unwrap();
        assert_eq!(
            file.odd_aliases(),
            [(2, "MY-APP".to_owned()), (3, String::new())]
        );
        assert_eq!(file.aliases(), [("a".to_owned(), "b")]);
        assert_eq!(file.unknown(), Vec::<&str>::new());
    }

    #[test]
    fn misspelt_names_are_reported() {
        let file = read("DOKKU_HSOT=x\nALIAS_A=b").unwrap();
        assert_eq!(file.unknown(), ["DOKKU_HSOT"]);
    }
}
