//! Dokku's commands and answers, one file for each of Dokku's plugins.
//!
//! Builders mirror Dokku's verbs (`config::import` is `config:import`) and return a
//! [`DokkuCommand`](crate::command::DokkuCommand); readers take the [`Answer`]. What Dokku writes on
//! standard error is interpreted here and nowhere else. "Does not exist" is a value that readers
//! return; anything unexpected is a [`HostError`]. All of it was recorded on a Dokku 0.38.27;
//! where older versions differ, Dokku's source was read and the place says so.

pub mod apps;
pub mod builder;
pub mod builds;
pub mod capabilities;
pub mod certs;
pub mod checks;
pub mod config;
pub mod datastore;
pub mod domains;
pub mod git;
pub mod letsencrypt;
pub mod logs;
pub mod plugin;
pub mod ports;
pub mod ps;
pub mod report;
pub mod resource;
pub mod run;
pub mod urls;
pub mod version;

use crate::host::{Answer, HostError};

/// Exit status of every command about an app that does not exist.
const NO_SUCH_APP: i32 = 20;

/// Whether this answer says that the app it asks about does not exist.
pub fn is_app_missing(answer: &Answer) -> bool {
    answer.status == NO_SUCH_APP && answer.complaint().ends_with("does not exist")
}

/// Whether this answer says that the host does not know the command: the plugin is not installed
/// or too old.
pub fn is_unknown_command(answer: &Answer) -> bool {
    answer.status != 0 && answer.complaint().contains("is not a dokku command")
}

/// The text of an answer about an app; `None` when Dokku says that the app does not exist.
fn text_unless_missing(answer: &Answer) -> Result<Option<&str>, HostError> {
    if is_app_missing(answer) {
        return Ok(None);
    }
    text(answer).map(Some)
}

/// The text of an answer that has to be a success.
fn text(answer: &Answer) -> Result<&str, HostError> {
    if answer.is_ok() {
        answer.text()
    } else {
        Err(answer.refused())
    }
}

/// The answer of a command that changes something and has nothing to tell: `()` when it succeeded.
pub fn done(answer: &Answer) -> Result<(), HostError> {
    if answer.is_ok() {
        Ok(())
    } else {
        Err(answer.refused())
    }
}

/// Lines that are data: no blank ones, no headers (`=====> …`, `-----> …`).
fn data_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| {
        !line.is_empty() && !line.starts_with("=====>") && !line.starts_with("----->")
    })
}

/// `true` and `false` as Dokku writes them.
fn is_true(word: &str) -> Option<bool> {
    match word {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod recorded;
