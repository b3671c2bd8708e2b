//! What an image does with the words of `run` before they become a process.

use std::sync::LazyLock;

/// The builder whose images have an entry point of their own.
const HEROKUISH: &str = "herokuish";

/// What Dokku puts before the words there: herokuish's program, as its source has it. Everything
/// that it does besides is left out.
static EXEC: LazyLock<[String; 4]> =
    LazyLock::new(|| ["bash", "-c", r#"exec $(eval echo "$@")"#, "/exec"].map(str::to_owned));

/// The command with which an image of `builder` starts these words.
pub fn command(builder: &str, words: Vec<String>) -> Vec<String> {
    if builder == HEROKUISH {
        [EXEC.as_slice(), &words].concat()
    } else {
        words
    }
}

/// A command as a list of containers shows it.
pub fn shown(command: &[String]) -> String {
    match command.strip_prefix(EXEC.as_slice()) {
        Some(words) => format!("/exec {}", words.join(" ")),
        None => command.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_herokuish_comes_in_between() {
        let words = ["sh", "-c", "exit 3"].map(str::to_owned).to_vec();
        assert_eq!(command("dockerfile", words.clone()), words);
        assert_eq!(shown(&words), "sh -c exit 3");
        let taken = command("herokuish", words);
        assert_eq!(shown(&taken), "/exec sh -c exit 3");
        let status = std::process::Command::new(&taken[0])
            .args(&taken[1..])
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(0), "`sh -c exit` is what is left");
    }
}
