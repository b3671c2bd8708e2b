//! One recorded answer of a real host.

use serde::Deserialize;
use serde_json::Value;

/// A line of the fixture.
#[derive(Debug, Deserialize)]
pub struct Recording {
    pub id: String,
    argv: Argv,
    stdin_note: String,
    pub exit: Value,
    pub stdout: Stream,
    pub stderr: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Argv {
    Words(Vec<String>),
    Line(String),
}

/// A stream's text, or what was kept of a binary one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Stream {
    Text(String),
    Binary { b64_head: String, len: usize },
}

/// What was done.
pub enum Action {
    /// A line over ssh.
    Line(String),
    /// `git` with these words.
    Git(Vec<String>),
}

impl Recording {
    pub fn all() -> Vec<Self> {
        include_str!("../fixtures/transcripts.jsonl")
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub fn action(&self) -> Action {
        match &self.argv {
            Argv::Words(words) if words.first().is_some_and(|word| word == "git") => {
                Action::Git(words[1..].to_vec())
            }
            Argv::Words(words) => Action::Line(words.join(" ")),
            Argv::Line(line) => Action::Line(line.clone()),
        }
    }

    /// What was sent on stdin, from the note about it; nothing for `/dev/null`.
    pub fn stdin(&self) -> Vec<u8> {
        match self.stdin_note.split_once(" bytes: b") {
            // Only the head of the long one was kept; the sandbox gives back whatever it gets.
            Some(("2048", _)) => (0..=255).cycle().take(2048).collect(),
            Some((_, literal)) => python_bytes(literal),
            None => Vec::new(),
        }
    }
}

/// The bytes of a Python literal such as `'a\n'`.
fn python_bytes(literal: &str) -> Vec<u8> {
    let inner = &literal[1..literal.len() - 1];
    let mut bytes = Vec::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        let byte = match character {
            '\\' => match characters.next().unwrap() {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            },
            other => other,
        };
        bytes.push(u8::try_from(byte).unwrap());
    }
    bytes
}
