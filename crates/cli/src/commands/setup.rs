//! `dokku-cli setup`: the settings file, by question and answer.

use dokku_deploy::{dokku::version, host::Host};

use super::with_host;
use crate::{
    exit_codes, failure::Failure, invocation::Invocation, settings_file::edit, target::Target,
};

/// The settings, with the words of their questions.
const QUESTIONS: [(&str, &str); 3] = [
    ("DOKKU_HOST", "Dokku host"),
    ("SSH_KEY", "SSH key path"),
    ("BASE_DOMAIN", "Base domain"),
];

/// Asks for the settings, writes them down, and tries the connection. Aliases and whatever else
/// the file holds stay.
pub fn run(invocation: &Invocation) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let flags = &invocation.global;
    ui.header("Dokku CLI Setup");
    let given = [&flags.host, &flags.ssh_key, &flags.base_domain];
    let mut answers = Vec::new();
    for ((name, question), flag) in QUESTIONS.into_iter().zip(given) {
        let present = invocation.setting(flag.as_deref(), name)?;
        let answer = match flag {
            Some(given) => Some(given.clone()),
            None => ui.ask(question, present.as_deref())?,
        };
        if let Some(answer) = answer {
            if answer.chars().any(char::is_control) {
                return Err(Failure::usage(format!(
                    "the answer for {name} holds control characters"
                )));
            }
            if name == "DOKKU_HOST" {
                Target::parse(&answer)?;
            }
            answers.push((name, answer));
        }
    }
    if !answers.iter().any(|(name, _)| *name == "DOKKU_HOST") {
        return Err(Failure::usage("there is no host to write down")
            .hint("Answer the question at a terminal, or give it as --host."));
    }
    invocation.edit_file(|text| {
        answers.iter().fold(text.to_owned(), |text, (name, value)| {
            edit::with(&text, name, Some(value))
        })
    })?;
    ui.success(&format!(
        "Configuration saved to {}",
        invocation.file_path()?.display()
    ));
    ui.info("Testing connection...");
    // A fresh look at the file that has just been written.
    let fresh = Invocation::new(invocation.global, ui);
    let version = with_host(&fresh, |host, _| {
        Ok(version::read(&host.ask(&version::ask())?, host.name())?)
    })?;
    if ui.is_json() {
        ui.json(&serde_json::json!({
            "file": invocation.file_path()?,
            "dokku_version": version.to_string(),
        }))?;
    }
    ui.success(&format!("Connected to Dokku {version}!"));
    Ok(exit_codes::OK)
}
