//! Dokku's commands and answers, one file for each of Dokku's plugins.
//!
//! Builders mirror Dokku's verbs (`config::import` is `config:import`) and return a
//! [`DokkuCommand`](crate::command::DokkuCommand); readers take the [`Answer`]. What Dokku writes on
//! standard error is interpreted here and nowhere else. "Does not exist" is a value that readers
//! return; anything unexpected is a [`HostError`]. All of it was recorded on a Dokku 0.38.27;
//! where older versions differ, Dokku's source was read and the place says so.

pub mod apps;
pub mod aside;
pub mod builder;
pub mod builds;
pub mod capabilities;
pub mod census;
pub mod certs;
pub mod checks;
pub mod cleanup;
pub mod config;
pub mod datastore;
pub mod deploy_system;
pub mod domains;
pub mod entry_point;
pub mod git;
pub mod http_auth;
pub mod letsencrypt;
pub mod logs;
pub mod plugin;
pub mod ports;
pub mod proxy;
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

/// What became of a creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New,
    /// There was one of that name already; nothing changed.
    Taken,
}

/// Reads the answer to a creation; `taken` is how Dokku's complaint ends where the name is in use.
fn created(answer: &Answer, taken: &str) -> Result<Created, HostError> {
    if answer.is_ok() {
        Ok(Created::New)
    } else if answer.complaint().ends_with(taken) {
        Ok(Created::Taken)
    } else {
        Err(answer.refused())
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{entry_point::EntryPoint, *};
    use crate::{
        app::AppName,
        command::DokkuCommand,
        host::{Answer, HostError},
        service::{ServiceKind, ServiceName},
    };

    /// Whether a reader made something of an answer, for every reader of an app's state.
    fn read_all(answer: &Answer) -> Vec<(&'static str, Result<bool, HostError>)> {
        fn some<T>(read: Result<Option<T>, HostError>) -> Result<bool, HostError> {
            read.map(|value| value.is_some())
        }
        vec![
            ("apps:exists", apps::read_exists(answer)),
            ("builder:report", some(builder::read_detected(answer))),
            ("builds:list", some(builds::read_list(answer))),
            ("certs:report", some(certs::read(answer))),
            ("checks:report", some(checks::read(answer))),
            ("config:export", some(config::read_export(answer))),
            ("domains:report", some(domains::read(answer))),
            ("git:report", some(git::read_report(answer))),
            ("letsencrypt:active", some(letsencrypt::read_active(answer))),
            ("logs", some(logs::read(answer))),
            ("ports:report", some(ports::read(answer))),
            ("ps:inspect", some(ps::read_inspect(answer))),
            ("ps:report", some(ps::read_report(answer))),
            ("ps:scale", some(ps::read_scale(answer))),
            ("resource:report", some(resource::read(answer))),
            ("run:detached", some(run::read_detached(answer))),
            ("run:list", some(run::read_list(answer))),
            ("urls", some(urls::read(answer))),
            ("app-links", some(datastore::read_app_links(answer))),
        ]
    }

    fn commands(app: &AppName) -> Vec<DokkuCommand> {
        let kind = ServiceKind::Postgres;
        let service = ServiceName::of(kind, app);
        vec![
            apps::create(app),
            apps::destroy(app),
            config::export(app),
            config::unset(app, &["A"]),
            domains::report(app, report::Form::Json),
            ports::report(app),
            ps::inspect(app),
            ps::set_skip_deploy(app),
            git::report(app, report::Form::Text),
            git::set_deploy_branch(app, "main"),
            builder::report(app),
            run::run(app, &run::Invocation::of("a b", EntryPoint::Plain).unwrap()),
            run::run(
                app,
                &run::Invocation::of("a b", EntryPoint::Herokuish).unwrap(),
            ),
            run::stop(app, "x.run.1"),
            urls::urls(app),
            logs::bare(app, 9),
            datastore::create(kind, &service, &datastore::Image::default()),
            datastore::link(kind, &service, app),
        ]
    }

    #[test]
    fn every_reader_tells_a_missing_app_from_a_failure() {
        let missing = recorded::recorded("config-export-missing");
        let denied = recorded::recorded("cmd-fail-user-auth");
        let lost = recorded::answer(255, "", "");
        for (verb, read) in read_all(&missing) {
            assert_eq!(read, Ok(false), "{verb}");
        }
        for failure in [denied, lost] {
            for (verb, read) in read_all(&failure) {
                assert!(
                    matches!(read, Err(HostError::Refused { .. })),
                    "{verb}: {read:?}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn no_answer_is_taken_for_a_missing_app_but_dokkus_own(
            status in prop::sample::select(vec![0, 1, 2, 20, 127, 137, 255]),
            stdout in r#"\PC{0,40}|[\[{"a:,}\]]{0,12}|=====> a\n       A: b\n"#,
            stderr in r"\PC{0,40}",
        ) {
            let answer = recorded::answer(status, &stdout, &stderr);
            for (verb, read) in read_all(&answer) {
                prop_assert_ne!(read, Ok(false), "{}", verb);
            }
        }

        #[test]
        fn every_app_can_be_named_in_every_command(name in "[a-z0-9][a-z0-9.-]{0,40}") {
            for command in commands(&AppName::new(&name).unwrap()) {
                let line = command.wire();
                prop_assert!(line.is_ok(), "{:?}", line);
            }
        }
    }
}
