//! Several apps at once: those that are not settled yet are asked about in one parallel round.

use std::convert::Infallible;

use serde::de::DeserializeOwned;

use crate::{
    app::AppName,
    command::DokkuCommand,
    dokku::{config, deploy_system},
    host::{Answer, Host, HostError},
    store::Variables,
};

use super::error::LockError;

/// How far one app has come: settled, or with work left.
pub(super) enum Course<W, R> {
    Over(R),
    Open(W),
}

/// Asks about all open ones at once and lets `judge` take each on with its answer.
pub(super) fn ask_open<W, V, R>(
    courses: Vec<Course<W, R>>,
    host: &dyn Host,
    command: impl Fn(&W) -> DokkuCommand,
    judge: impl Fn(W, Result<Answer, HostError>) -> Course<V, R>,
) -> Vec<Course<V, R>> {
    let commands: Vec<DokkuCommand> = courses
        .iter()
        .filter_map(|course| match course {
            Course::Open(work) => Some(command(work)),
            Course::Over(_) => None,
        })
        .collect();
    let mut answers = if commands.is_empty() {
        Vec::new().into_iter()
    } else {
        host.ask_all(&commands).into_iter()
    };
    let mut asked = commands.iter();
    courses
        .into_iter()
        .map(|course| match course {
            Course::Over(result) => Course::Over(result),
            Course::Open(work) => {
                let command = asked.next().map(ToString::to_string).unwrap_or_default();
                judge(work, next_answer(&mut answers, &command))
            }
        })
        .collect()
}

/// Asks the plugin about each open one, all at once; its answers are the results.
pub(super) fn by_plugin<W, R: DeserializeOwned>(
    courses: Vec<Course<&W, Result<R, LockError>>>,
    host: &dyn Host,
    app: impl Fn(&W) -> &AppName,
    command: impl Fn(&W) -> DokkuCommand,
) -> Vec<Result<R, LockError>> {
    results(ask_open(
        courses,
        host,
        |wish| command(wish),
        |wish, answer| {
            let read = |answer: Answer| {
                deploy_system::read(&answer, host.name())
                    .map_err(|error| LockError::of_plugin(error, app(wish), host.name()))
            };
            Course::Over(answer.map_err(LockError::from).and_then(read))
        },
    ))
}

/// The next of several answers. That there is one for each question is a host's promise.
pub(super) fn next_answer(
    answers: &mut impl Iterator<Item = Result<Answer, HostError>>,
    command: &str,
) -> Result<Answer, HostError> {
    answers.next().unwrap_or_else(|| {
        Err(HostError::Unparsable {
            command: command.to_owned(),
            expected: "there at all".to_owned(),
        })
    })
}

/// The results, once nothing is open any more.
pub(super) fn results<R>(courses: Vec<Course<Infallible, R>>) -> Vec<R> {
    courses
        .into_iter()
        .map(|course| match course {
            Course::Over(result) => result,
            Course::Open(never) => match never {},
        })
        .collect()
}

/// Whether anything is left to do.
pub(super) fn is_any_open<W, R>(courses: &[Course<W, R>]) -> bool {
    courses
        .iter()
        .any(|course| matches!(course, Course::Open(_)))
}

/// The variables of an app that has to exist.
pub(super) fn variables(
    app: &AppName,
    answer: Result<Answer, HostError>,
    host: &dyn Host,
) -> Result<Variables, LockError> {
    config::read_export(&answer?)?.ok_or_else(|| no_such_app(app, host))
}

/// Makes sure of a change's answer.
pub(super) fn changed(
    app: &AppName,
    answer: Result<Answer, HostError>,
    host: &dyn Host,
) -> Result<(), LockError> {
    if config::read_changed(&answer?)? {
        Ok(())
    } else {
        Err(no_such_app(app, host))
    }
}

fn no_such_app(app: &AppName, host: &dyn Host) -> LockError {
    LockError::NoSuchApp {
        app: app.clone(),
        host: host.name().to_owned(),
    }
}
