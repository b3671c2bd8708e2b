//! Commands for a Dokku host, as data, and the one function that quotes them for the wire.
//!
//! Dokku's forced command does not run a shell: it splits the line again with `xargs -n 1` (verbs
//! that contain "git" are split on blanks only) and picks global flags out of anywhere. What can
//! be carried through that, and what cannot, was recorded on a Dokku 0.38.27; [`DokkuCommand::wire`]
//! refuses what cannot, before anything is sent.

use std::fmt;

use crate::{
    app::AppName,
    secret::{SHOWN, Secret},
};

/// Longest line that may be sent, in bytes: Linux limits one string of a process' environment,
/// here `SSH_ORIGINAL_COMMAND=…`, to 128 KiB.
pub const LONGEST_LINE: usize = 131_000;

/// One call of Dokku: a verb (`config:set`), words and perhaps input.
///
/// Secrets never become words, where the host's process list would show them: they travel as input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DokkuCommand {
    verb: String,
    quiet: bool,
    words: Vec<Word>,
    input: Option<Secret>,
    is_confidential: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    /// Written by this program: sent as it is.
    Flag(String),
    /// From settings, people or hosts: quoted, and refused where Dokku would alter it.
    Data(String),
    /// A key and a value that people must not see; only for hosts that take it no other way.
    Masked(String, Secret),
    /// The same without a key, and quoted: from outside.
    Secret(Secret),
}

/// Why a command cannot be sent: Dokku would receive something else than was meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{verb}` cannot carry {word:?} over Dokku's ssh: {why}")]
pub struct Unsendable {
    /// The verb of the command.
    pub verb: String,
    /// The word in question, cut to 80 characters.
    pub word: String,
    /// What would happen to it.
    pub why: &'static str,
}

impl DokkuCommand {
    /// A command without words. `verb` is this program's own text.
    pub fn new(verb: impl Into<String>) -> Self {
        Self {
            verb: verb.into(),
            quiet: false,
            words: Vec::new(),
            input: None,
            is_confidential: false,
        }
    }

    /// A command whose first word is an app.
    pub fn on(verb: impl Into<String>, app: &AppName) -> Self {
        Self::new(verb).arg(app.as_str())
    }

    /// Adds a flag, or another word that this program wrote itself; it must be of plain
    /// characters. Flags are the only words that may begin with `--`.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.words.push(Word::Flag(flag.to_owned()));
        self
    }

    /// Adds a word from outside.
    #[must_use]
    pub fn arg(mut self, word: impl Into<String>) -> Self {
        self.words.push(Word::Data(word.into()));
        self
    }

    /// Adds words from outside.
    #[must_use]
    pub fn args<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words
            .extend(words.into_iter().map(|word| Word::Data(word.into())));
        self
    }

    /// Adds one word of two parts, both of plain characters, of which only `shown` is ever
    /// displayed. The host's process list does show it while the command runs.
    #[must_use]
    pub fn masked(mut self, shown: &str, value: Secret) -> Self {
        self.words.push(Word::Masked(shown.to_owned(), value));
        self
    }

    /// Adds a word from outside that is never displayed, for hosts that take a secret no other way. The
    /// lists of processes of both machines do show it while the command runs.
    #[must_use]
    pub fn secret(mut self, word: Secret) -> Self {
        self.words.push(Word::Secret(word));
        self
    }

    /// Marks the command as one whose answer holds secrets: neither its output nor its input is
    /// shown or logged, however talkative the program was asked to be.
    #[must_use]
    pub fn confidential(mut self) -> Self {
        self.is_confidential = true;
        self
    }

    /// Whether what the command answers must not be seen.
    pub fn is_confidential(&self) -> bool {
        self.is_confidential
    }

    /// Asks Dokku to leave headers and the echo of values out of its answer.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Gives the command its standard input.
    #[must_use]
    pub fn input(mut self, input: Secret) -> Self {
        self.input = Some(input);
        self
    }

    /// The verb, such as `config:set`.
    pub fn verb(&self) -> &str {
        &self.verb
    }

    /// What the command reads on its standard input.
    pub fn stdin(&self) -> Option<&Secret> {
        self.input.as_ref()
    }

    /// The line to send. Only masked words are secret in it: messages show the command's
    /// `Display` instead.
    ///
    /// It may begin with `--quiet`, which OpenSSH takes for an option of its own unless `--` stands
    /// before the destination (`ssh -- dokku@host '--quiet apps:list'`).
    pub fn wire(&self) -> Result<String, Unsendable> {
        self.line(|value| Some(value.expose().to_owned()))
    }

    /// The words for Dokku's own program on its host, where nothing is quoted. What could not be
    /// sent over ssh is refused here too: Dokku would alter it all the same.
    pub fn words(&self) -> Result<Vec<String>, Unsendable> {
        self.wire()?;
        let mut words = Vec::new();
        if self.quiet {
            words.push("--quiet".to_owned());
        }
        words.push(self.verb.clone());
        words.extend(self.words.iter().map(|word| match word {
            Word::Flag(text) | Word::Data(text) => text.clone(),
            Word::Masked(shown, value) => format!("{shown}{}", value.expose()),
            Word::Secret(value) => value.expose().to_owned(),
        }));
        Ok(words)
    }

    fn line(&self, reveal: impl Fn(&Secret) -> Option<String>) -> Result<String, Unsendable> {
        let mut line = String::new();
        if self.quiet {
            line.push_str("--quiet ");
        }
        line.push_str(&self.verb);
        let is_git = self.verb.contains("git");
        for (index, word) in self.words.iter().enumerate() {
            let quoted = match word {
                Word::Flag(flag) if is_echo_option(flag) && !is_git => {
                    Err("it is swallowed as an option of echo")
                }
                Word::Flag(flag) if is_plain(flag) => Ok(flag.clone()),
                Word::Flag(_) => Err("a flag may only hold plain characters"),
                Word::Data(data) if is_git => quote_for_git(data),
                Word::Data(data) => quote(data, index + 1 == self.words.len()),
                Word::Masked(shown, value) => {
                    let is_sendable = value.expose().is_empty() || is_plain(value.expose());
                    if is_plain(shown) && is_sendable {
                        Ok(format!("{shown}{}", reveal(value).unwrap_or_else(dots)))
                    } else {
                        Err("a masked word may only hold plain characters")
                    }
                }
                Word::Secret(value) => match reveal(value) {
                    Some(_) if is_git => Err("commands of git carry no secret"),
                    Some(value) => quote(&value, index + 1 == self.words.len()),
                    None => Ok(dots()),
                },
            }
            .map_err(|why| self.unsendable(word.text(), why))?;
            line.push(' ');
            line.push_str(&quoted);
        }
        if line.len() > LONGEST_LINE {
            let shown: String = self.words.iter().map(Word::text).collect();
            return Err(self.unsendable(&shown, "the whole command is longer than 128 KiB"));
        }
        Ok(line)
    }

    fn unsendable(&self, word: &str, why: &'static str) -> Unsendable {
        Unsendable {
            verb: self.verb.clone(),
            word: word.chars().take(80).collect(),
            why,
        }
    }
}

impl Word {
    fn text(&self) -> &str {
        match self {
            Self::Flag(text) | Self::Data(text) | Self::Masked(text, _) => text,
            Self::Secret(_) => SHOWN,
        }
    }
}

/// The command for people to read: the line that is sent with its masked words as dots, or nearly
/// that where it cannot be sent.
impl fmt::Display for DokkuCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Ok(line) = self.line(|_| None) {
            return f.write_str(&line);
        }
        f.write_str(&self.verb)?;
        self.words
            .iter()
            .try_for_each(|word| write!(f, " {:?}", word.text()))
    }
}

fn dots() -> String {
    SHOWN.to_owned()
}

/// Whether Dokku takes `word` as it is, unquoted.
pub(crate) fn is_plain(word: &str) -> bool {
    !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c))
}

/// Whether `/bin/echo`, which Dokku runs for every word, takes it as an option of its own.
fn is_echo_option(word: &str) -> bool {
    word == "--help"
        || word == "--version"
        || word
            .strip_prefix('-')
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| "neE".contains(c)))
}

fn quote(word: &str, is_last: bool) -> Result<String, &'static str> {
    if word.contains('\n') {
        return Err("a line break ends the word there");
    }
    if word.contains('\0') {
        return Err("a NUL byte cannot be part of a word");
    }
    if word.is_empty() && is_last {
        return Err("an empty last word is lost");
    }
    if is_echo_option(word) {
        return Err("it is swallowed as an option of echo");
    }
    // Dokku looks for its global flags in the line as split on blanks, quotes or not; and with a
    // third-party user-auth plugin a piece that begins with `--` must not hold a quote.
    let mut pieces = word.split([' ', '\t']);
    let first = pieces.next().unwrap_or_default();
    if pieces.any(|piece| piece.starts_with("--")) {
        return Err("a part of it that begins with -- is read as a flag of Dokku");
    }
    if ["--app", "--force", "--quiet", "--trace"].contains(&first) {
        return Err("it is read as a global flag of Dokku");
    }
    if is_plain(word) {
        return Ok(word.to_owned());
    }
    Ok(format!("'{}'", word.replace('\'', r"'\''")))
}

fn quote_for_git(word: &str) -> Result<String, &'static str> {
    if word.is_empty() {
        return Err("an empty word is lost in commands of git");
    }
    if word.contains(|c: char| c.is_whitespace() || c.is_control() || "'\"\\*?[".contains(c)) {
        return Err(
            "commands of git know no quoting: blanks, quotes, backslashes and wildcards cannot be carried",
        );
    }
    if word.starts_with("--") {
        return Err("it is read as a flag of Dokku");
    }
    Ok(word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(words: &[&str]) -> Result<String, &'static str> {
        DokkuCommand::new("run")
            .args(words.iter().copied())
            .wire()
            .map_err(|e| e.why)
    }

    #[test]
    fn plain_words_travel_bare_and_others_in_single_quotes() {
        assert_eq!(
            wire(&["myapp", "KEY=a/b:c@d"]).unwrap(),
            "run myapp KEY=a/b:c@d"
        );
        assert_eq!(
            wire(&["a b", "it's", "$HOME", "`id`", ""]),
            Err("an empty last word is lost")
        );
        assert_eq!(
            wire(&["a b", "it's", "", "$HOME;`id`"]).unwrap(),
            r"run 'a b' 'it'\''s' '' '$HOME;`id`'"
        );
        assert_eq!(wire(&["héé 日本"]).unwrap(), "run 'héé 日本'");
    }

    #[test]
    fn what_dokku_would_alter_is_refused() {
        for word in [
            "two\nlines",
            "nul\0",
            "-n",
            "-neE",
            "-e",
            "--help",
            "--version",
            "--app",
            "--force",
            "--quiet",
            "--trace",
            "x --app other",
            "please --force this",
            "ls --all",
            "",
        ] {
            assert!(wire(&["myapp", word]).is_err(), "{word:?}");
        }
        let flag = DokkuCommand::new("postgres:info").flag("--version");
        assert!(flag.wire().is_err());
        for word in ["-x", "-nx", "--help-me", "-", "--", "a-n", "--all"] {
            assert!(wire(&["myapp", word]).is_ok(), "{word:?}");
        }
    }

    #[test]
    fn verbs_with_git_know_no_quoting() {
        let set = |word: &str| DokkuCommand::new("git:set").arg(word).wire();
        assert_eq!(set("main").unwrap(), "git:set main");
        for word in ["a b", "it's", r"a\b", "*", "", "--x"] {
            assert!(set(word).is_err(), "{word:?}");
        }
    }

    #[test]
    fn a_line_over_the_kernels_limit_is_refused() {
        let command = DokkuCommand::new("run").arg("x".repeat(LONGEST_LINE));
        assert_eq!(command.wire().unwrap_err().word.len(), 80);
    }

    #[test]
    fn masked_words_are_sent_and_not_shown() {
        let command = DokkuCommand::new("config:set").masked("KEY=", Secret::new("aGkK"));
        assert_eq!(command.wire().unwrap(), "config:set KEY=aGkK");
        assert_eq!(command.to_string(), "config:set KEY=••••");
        let bad = DokkuCommand::new("config:set").masked("KEY=", Secret::new("a b"));
        assert!(bad.wire().is_err());
        for shown in [
            bad.to_string(),
            format!("{bad:?}"),
            bad.wire().unwrap_err().to_string(),
        ] {
            assert!(!shown.contains("a b"), "{shown}");
        }
        let large =
            DokkuCommand::new("config:set").masked("K=", Secret::new("x".repeat(LONGEST_LINE)));
        assert!(!large.wire().unwrap_err().to_string().contains("xx"));
        assert!(!large.is_confidential() && large.confidential().is_confidential());
    }

    #[test]
    fn input_is_never_part_of_the_line_or_of_debug_output() {
        let command = DokkuCommand::new("config:import")
            .quiet()
            .flag("--no-restart")
            .arg("myapp")
            .flag("-")
            .input(Secret::new("TOKEN=hunter2"));
        assert_eq!(
            command.wire().unwrap(),
            "--quiet config:import --no-restart myapp -"
        );
        assert!(!format!("{command:?} {command}").contains("hunter2"));
    }
}
