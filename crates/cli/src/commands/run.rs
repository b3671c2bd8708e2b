//! `dokku-cli run`: a command in a fresh container of the app.

use clap::Args;
use dokku_deploy::{
    app::AppName,
    command::DokkuCommand,
    dokku::{
        entry_point::{self, EntryPoint},
        run as in_container,
    },
};

use super::{
    app_command::{code, pass_on},
    with_host,
};
use crate::{failure::Failure, invocation::Invocation};

/// What `run` takes.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The app
    pub app: String,
    /// The command and its words; a single word with blanks is a script for `sh`
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<String>,
}

/// Runs the command; its exit code is ours.
pub fn run(arguments: &RunArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let app = invocation.app(Some(&arguments.app))?;
    with_host(invocation, |host, interrupts| {
        let find = || entry_point::find(&app, host).map_err(Failure::from);
        let command = command(&app, &arguments.command, find)?;
        invocation.ui.info(&format!("Running command in {app}..."));
        pass_on(&command, host, interrupts, invocation.ui).map(code)
    })
}

/// The words as they are, where neither Dokku nor the image alters them; otherwise a script that
/// says the same, in the form that the image takes: `find` tells it, and is asked only if it matters.
fn command(
    app: &AppName,
    words: &[String],
    find: impl FnOnce() -> Result<EntryPoint, Failure>,
) -> Result<DokkuCommand, Failure> {
    if let [script] = words
        && script.contains(char::is_whitespace)
    {
        let script = in_container::Invocation::of(script, find()?)?;
        return Ok(in_container::run(app, &script));
    }
    let plain = DokkuCommand::on("run", app).args(words.iter().map(String::as_str));
    let first_is_flag = words.first().is_some_and(|word| word.starts_with('-'));
    let is_sendable = !first_is_flag && plain.wire().is_ok();
    if is_sendable && entry_point::is_kept_by_all(words) {
        return Ok(plain);
    }
    let entry_point = find()?;
    if is_sendable && entry_point == EntryPoint::Plain {
        return Ok(plain);
    }
    let script: Vec<String> = words
        .iter()
        .map(|word| format!("'{}'", word.replace('\'', r"'\''")))
        .collect();
    let script = in_container::Invocation::of(&script.join(" "), entry_point)?;
    Ok(in_container::run(app, &script))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire_to(entry_point: EntryPoint, words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        command(&AppName::new("shop").unwrap(), &words, || Ok(entry_point))
            .unwrap()
            .wire()
            .unwrap()
    }

    #[test]
    fn words_stay_words_and_scripts_go_to_the_shell() {
        let wire = |words: &[&str]| wire_to(EntryPoint::Plain, words);
        assert_eq!(wire(&["rake", "db:migrate"]), "run shop rake db:migrate");
        assert_eq!(wire(&["echo", "a b"]), "run shop echo 'a b'");
        assert_eq!(wire(&["ls -l | wc"]), "run shop sh -c 'ls -l | wc'");
        assert_eq!(
            wire(&["ls", "--help"]),
            r"run shop sh -c ''\''ls'\'' '\''--help'\'''"
        );
    }

    #[test]
    fn under_herokuish_only_plain_words_stay_words() {
        let wire = |words: &[&str]| wire_to(EntryPoint::Herokuish, words);
        assert_eq!(wire(&["rake", "db:migrate"]), "run shop rake db:migrate");
        for words in [["echo", "*"], ["echo", "$HOME"], ["ls -l", "|"]] {
            assert!(wire(&words).starts_with("run shop bash -c "), "{words:?}");
        }
        assert!(wire(&["ls -l | wc"]).starts_with("run shop bash -c "));
    }

    #[test]
    fn the_image_is_not_asked_about_where_it_does_not_matter() {
        let words = ["rake", "db:migrate"].map(str::to_owned);
        let asked = || Err(Failure::internal("asked".to_owned()));
        let app = AppName::new("shop").unwrap();
        assert!(command(&app, &words, asked).is_ok());
        assert!(command(&app, &["ls -l".to_owned()], asked).is_err());
    }
}
