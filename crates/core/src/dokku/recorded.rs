//! Answers that a real Dokku 0.38.27 gave, for tests.

use crate::{app::AppName, host::Answer};

#[derive(serde::Deserialize)]
struct Transcript {
    id: String,
    argv: serde_json::Value,
    exit: serde_json::Value,
    stdout: serde_json::Value,
    stderr: String,
}

/// One JSON object on each line: `id`, `argv`, `exit`, `stdout`, `stderr`.
const TRANSCRIPTS: &str = include_str!("../../../sandbox/tests/fixtures/transcripts.jsonl");

/// The recorded answer with this id.
pub(crate) fn recorded(id: &str) -> Answer {
    let wanted = format!("\"id\": \"{id}\"");
    let compact = format!("\"id\":\"{id}\"");
    let transcript: Transcript = TRANSCRIPTS
        .lines()
        .filter(|line| line.contains(&wanted) || line.contains(&compact))
        .map(|line| serde_json::from_str::<Transcript>(line).unwrap())
        .find(|transcript| transcript.id == id)
        .unwrap_or_else(|| panic!("no transcript {id}"));
    let command = match &transcript.argv {
        serde_json::Value::Array(words) => words
            .iter()
            .map(|word| word.as_str().unwrap())
            .collect::<Vec<_>>()
            .join(" "),
        other => other.as_str().unwrap().to_owned(),
    };
    Answer {
        command,
        status: i32::try_from(transcript.exit.as_i64().unwrap()).unwrap(),
        stdout: transcript.stdout.as_str().unwrap().into(),
        stderr: transcript.stderr.into(),
    }
}

/// An answer that was not recorded.
pub(crate) fn answer(status: i32, stdout: &str, stderr: &str) -> Answer {
    Answer {
        command: "the command".to_owned(),
        status,
        stdout: stdout.into(),
        stderr: stderr.into(),
    }
}

/// A name that is one.
pub(crate) fn app(name: &str) -> AppName {
    AppName::new(name).unwrap()
}
