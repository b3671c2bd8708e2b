//! `dokku-cli run`: a command in a fresh container of the app.

use clap::Args;
use dokku_deploy::{
    app::AppName,
    command::{DokkuCommand, Unsendable},
    dokku::run as in_container,
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
    let command = command(&app, &arguments.command)?;
    invocation.ui.info(&format!("Running command in {app}..."));
    with_host(invocation, |host, interrupts| {
        pass_on(&command, host, interrupts, invocation.ui).map(code)
    })
}

/// The words as they are, where Dokku leaves them alone; otherwise a script that says the same.
fn command(app: &AppName, words: &[String]) -> Result<DokkuCommand, Unsendable> {
    if let [script] = words
        && script.contains(char::is_whitespace)
    {
        return Ok(in_container::run(
            app,
            &in_container::Invocation::of(script)?,
        ));
    }
    let plain = DokkuCommand::on("run", app).args(words.iter().map(String::as_str));
    let first_is_flag = words.first().is_some_and(|word| word.starts_with('-'));
    if !first_is_flag && plain.wire().is_ok() {
        return Ok(plain);
    }
    let script: Vec<String> = words
        .iter()
        .map(|word| format!("'{}'", word.replace('\'', r"'\''")))
        .collect();
    Ok(in_container::run(
        app,
        &in_container::Invocation::of(&script.join(" "))?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        command(&AppName::new("shop").unwrap(), &words)
            .unwrap()
            .wire()
            .unwrap()
    }

    #[test]
    fn words_stay_words_and_scripts_go_to_the_shell() {
        assert_eq!(wire(&["rake", "db:migrate"]), "run shop rake db:migrate");
        assert_eq!(wire(&["echo", "a b"]), "run shop echo 'a b'");
        assert_eq!(wire(&["ls -l | wc"]), "run shop sh -c 'ls -l | wc'");
        assert_eq!(
            wire(&["ls", "--help"]),
            r"run shop sh -c ''\''ls'\'' '\''--help'\'''"
        );
    }
}
