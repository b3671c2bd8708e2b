//! Dokku's own word splitting: what the forced command makes of one line.
//!
//! A real host never runs a shell on the client's words. The forced command scans the whitespace-split line for
//! global flags, then splits it again with `printf %s "$LINE" | xargs -n 1` (or on plain whitespace for verbs
//! with "git" in them) and reads the result line by line. Both steps are modelled here, `/bin/echo`'s own options included.

/// A line as Dokku understands it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// The words, global flags in front removed; the first is the verb.
    pub words: Vec<String>,
    /// Flags picked out of anywhere in the line.
    pub flags: GlobalFlags,
    /// What `xargs` says on stderr about a quote that is not closed.
    pub complaint: Option<String>,
}

/// The flags that Dokku takes from anywhere in a line, quoted or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GlobalFlags {
    /// `--quiet`: no headers.
    pub quiet: bool,
    /// `--trace`: `set -x`.
    pub trace: bool,
    /// `--force`: destroys without asking.
    pub force: bool,
    /// `--app NAME`: replaces the app; may be empty.
    pub app: Option<String>,
    /// Every raw word that begins with `--`, as exported in `DOKKU_GLOBAL_FLAGS`.
    pub exported: String,
}

impl GlobalFlags {
    /// The scan over a list of words, adding to what is set.
    fn scan<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
        let mut exported = Vec::new();
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            match word {
                "--quiet" => self.quiet = true,
                "--trace" => self.trace = true,
                "--force" => self.force = true,
                "--app" => {
                    let name = words.next().unwrap_or_default();
                    self.app = Some(name.to_owned());
                    exported.push(word.to_owned());
                    continue;
                }
                _ => {}
            }
            if word.starts_with("--") {
                exported.push(word.to_owned());
            }
        }
        if self.exported.is_empty() {
            self.exported = exported.join(" ");
        }
    }
}

/// Splits a raw line as the forced command does.
pub fn understand(raw: &str) -> Line {
    let plain: Vec<&str> = raw
        .split([' ', '\t', '\n'])
        .filter(|word| !word.is_empty())
        .collect();
    let mut flags = GlobalFlags::default();
    flags.scan(plain.iter().copied());
    let verb = without_leading_flags(plain.iter().map(|word| (*word).to_owned()).collect())
        .into_iter()
        .next();
    let (words, complaint) = if verb.is_some_and(|verb| verb.contains("git")) {
        (plain.iter().map(|word| (*word).to_owned()).collect(), None)
    } else {
        let (words, complaint) = xargs(raw.as_bytes());
        (through_echo(&words), complaint)
    };
    flags.scan(words.iter().map(String::as_str));
    Line {
        words: without_leading_flags(words),
        flags,
        complaint,
    }
}

/// Words that were split already, as in a call of `dokku` on the host itself: leading flags removed, all flags seen.
pub fn without_flags(words: &[String]) -> (Vec<String>, GlobalFlags) {
    let mut flags = GlobalFlags::default();
    flags.scan(words.iter().map(String::as_str));
    (without_leading_flags(words.to_vec()), flags)
}

/// Dokku drops flags (and the value of `--app`) that stand before the verb, only if the very first word is one.
fn without_leading_flags(words: Vec<String>) -> Vec<String> {
    if !words.first().is_some_and(|word| word.starts_with("--")) {
        return words;
    }
    let mut words = words.into_iter().peekable();
    let mut kept = Vec::new();
    while let Some(word) = words.peek() {
        if word == "--version" {
            kept.extend(words.next());
        } else if word == "--app" {
            words.next();
            words.next();
        } else if word.starts_with("--") {
            words.next();
        } else {
            break;
        }
    }
    kept.extend(words);
    kept
}

/// GNU `xargs -n 1` reading `input`: the arguments in order, and the complaint about an unmatched quote.
pub fn xargs(input: &[u8]) -> (Vec<Vec<u8>>, Option<String>) {
    enum State {
        Space,
        Word,
        Quote(u8),
        Backslash,
    }
    let mut words = Vec::new();
    let mut word: Vec<u8> = Vec::new();
    let mut state = State::Space;
    let mut is_cut = false;
    for &byte in input {
        match state {
            State::Space if is_space(byte) => {}
            State::Space | State::Word => match byte {
                b'\n' | b' ' | b'\t' => {
                    words.push(std::mem::take(&mut word));
                    state = State::Space;
                }
                b'\\' => state = State::Backslash,
                b'\'' | b'"' => state = State::Quote(byte),
                _ => {
                    word.push(byte);
                    state = State::Word;
                }
            },
            State::Quote(_) if byte == b'\n' => {
                is_cut = true;
                break;
            }
            State::Quote(quote) if byte == quote => state = State::Word,
            State::Quote(_) => word.push(byte),
            State::Backslash => {
                word.push(byte);
                state = State::Word;
            }
        }
    }
    match state {
        // At the end of the input an empty word is dropped before the quote is looked at.
        State::Quote(quote) if is_cut || !word.is_empty() => {
            let kind = if quote == b'"' { "double" } else { "single" };
            let complaint = format!(
                "xargs: unmatched {kind} quote; by default quotes are special to xargs unless you use the -0 option\n"
            );
            return (words, Some(complaint));
        }
        _ if !word.is_empty() => words.push(word),
        _ => {}
    }
    if words.is_empty() {
        // Without any input xargs still runs echo once, which prints an empty line.
        words.push(Vec::new());
    }
    (words, None)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// What remains of arguments that are printed by `/bin/echo`, one at a time, and read back line by line.
fn through_echo(words: &[Vec<u8>]) -> Vec<String> {
    let mut text = Vec::new();
    for word in words {
        match word.as_slice() {
            b"--help" => text.extend_from_slice(ECHO_HELP.as_bytes()),
            b"--version" => text.extend_from_slice(ECHO_VERSION.as_bytes()),
            option if is_echo_option(option) => {
                if !option.contains(&b'n') {
                    text.push(b'\n');
                }
            }
            word => {
                // Bash drops NUL bytes when it reads lines.
                text.extend(word.iter().copied().filter(|byte| *byte != 0));
                text.push(b'\n');
            }
        }
    }
    let text = String::from_utf8_lossy(&text);
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    lines.pop();
    lines
}

fn is_echo_option(word: &[u8]) -> bool {
    word.len() > 1
        && word[0] == b'-'
        && word[1..]
            .iter()
            .all(|byte| matches!(byte, b'n' | b'e' | b'E'))
}

const ECHO_HELP: &str = include_str!("words/echo-help.txt");
const ECHO_VERSION: &str = include_str!("words/echo-version.txt");

#[cfg(test)]
mod tests;
