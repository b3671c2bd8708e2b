//! `dokku-cli lock`, `unlock`, `lock:status` and `locks`.
#![allow(
    clippy::doc_markdown,
    reason = "the texts of the arguments are the help that people read"
)]

mod all;
mod end;
mod record;
mod release;
mod shown;
mod take;
mod tell;
mod words;

use std::time::Duration;

use clap::Args;
use dokku_deploy::{
    app::AppName,
    flows::lock::{Ground, LockError},
    host::HostError,
};

use self::words::Meant;
use super::with_host;
use crate::{
    actor, clock::RealClock, failure::Failure, global, host::SshHost, interrupt::Watch,
    invocation::Invocation,
};

/// What `lock` takes.
#[derive(Debug, Args)]
#[command(override_usage = "dokku-cli lock [OPTIONS] [APP] [REASON]...")]
pub struct LockArguments {
    /// The app, then the reason; without an app, the one named as this repository. A single word
    /// that could be an app's name is the app
    #[arg(value_name = "APP] [REASON")]
    pub words: Vec<String>,
    /// End the lock by itself after so long, such as 2h
    #[arg(long = "for", value_name = "DURATION", value_parser = global::duration, conflicts_with = "until")]
    pub lasting: Option<Duration>,
    /// End the lock by itself at this time: 2026-11-24T18:00:00Z, or 18:00 of today
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// If the app is locked already, wait for at most so long until it is not
    #[arg(long, value_name = "DURATION", value_parser = global::duration, conflicts_with_all = ["replace", "all"])]
    pub wait: Option<Duration>,
    /// If the app is locked already, take the lock over
    #[arg(long, conflicts_with = "all")]
    pub replace: bool,
    /// Lock every production app of the host; REASON alone is given
    #[arg(long)]
    pub all: bool,
    /// Who locks; otherwise GITHUB_ACTOR in CI, git's user.email, or USER@HOST
    #[arg(long, value_name = "PERSON")]
    pub by: Option<String>,
}

/// What `unlock` takes.
#[derive(Debug, Args)]
pub struct UnlockArguments {
    /// The app; otherwise the repository's name
    #[arg(conflicts_with = "all")]
    pub app: Option<String>,
    /// Unlock without a question, whoever locked, and even if the lock cannot be read
    #[arg(long)]
    pub force: bool,
    /// Undo the newest `lock --all`
    #[arg(long)]
    pub all: bool,
    /// Who unlocks; otherwise GITHUB_ACTOR in CI, git's user.email, or USER@HOST
    #[arg(long, value_name = "PERSON")]
    pub by: Option<String>,
}

/// Locks an app, or all; `lock status` shows a lock.
pub fn lock(arguments: &LockArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let is_alias = |word: &str| Ok::<_, Failure>(invocation.file()?.alias(word).is_some());
    match words::read(&arguments.words, arguments.all, is_alias)? {
        Meant::Status(_) if has_options(arguments) => Err(Failure::usage(
            "`lock status` shows a lock and takes no option of `lock`",
        )
        .hint("To lock an app that is called `status`, give it an alias in ~/.dokku-cli.")),
        Meant::Status(app) => tell::status(app.as_deref(), invocation),
        Meant::All(reason) => all::lock(arguments, &reason, invocation),
        Meant::One(app, reason) => take::run(arguments, app.as_deref(), &reason, invocation),
    }
}

fn has_options(arguments: &LockArguments) -> bool {
    arguments.lasting.is_some()
        || arguments.until.is_some()
        || arguments.wait.is_some()
        || arguments.replace
        || arguments.by.is_some()
}

/// Unlocks an app, or what `lock --all` locked.
pub fn unlock(arguments: &UnlockArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    if arguments.all {
        all::unlock(arguments, invocation)
    } else {
        release::run(arguments, invocation)
    }
}

/// Shows whether an app may be deployed.
pub fn status(app: Option<&str>, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    tell::status(app, invocation)
}

/// Shows the locks of all apps.
pub fn locks(invocation: &Invocation<'_>) -> Result<u8, Failure> {
    tell::locks(invocation)
}

/// Longest name of a person that is stored, in bytes.
const LONGEST_PERSON: usize = 256;

fn person(given: Option<&str>) -> Result<String, Failure> {
    let Some(given) = given else {
        return actor::name(None);
    };
    if given.trim().is_empty() || given.len() > LONGEST_PERSON {
        return Err(Failure::usage(format!(
            "--by names a person in 1 to {LONGEST_PERSON} bytes; this has {}",
            given.len()
        )));
    }
    Ok(given.to_owned())
}

/// A random text that no other lock has.
pub fn nonce() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// Connects, and does something with locks.
fn on_host<T>(
    invocation: &Invocation<'_>,
    act: impl FnOnce(Ground<'_>, &SshHost<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    with_host(invocation, |host: &SshHost, watch: &Watch| {
        let clock = RealClock::new(watch.clone());
        let ground = Ground {
            host,
            clock: &clock,
            interrupts: watch,
        };
        act(ground, host)
    })
}

/// Why a lock was not set or removed. Where the host no longer answered, it may have been.
fn attempted(error: LockError, app: &AppName) -> Failure {
    let is_unknown = matches!(
        &error,
        LockError::Host(
            HostError::Stopped { .. }
                | HostError::Unreachable { .. }
                | HostError::TimedOut { .. }
                | HostError::Unparsable { .. }
        )
    );
    let failure = Failure::from(error);
    if !is_unknown {
        return failure;
    }
    failure.hint(format!(
        "What came of it is not known: `dokku-cli lock:status {app}` tells whether {app} is locked."
    ))
}

/// Says in one line that only this program heeds the lock.
fn tell_unenforced(host: &str, invocation: &Invocation<'_>) {
    invocation.ui.info(&format!(
        "{host} does not enforce locks: dokku-cli heeds them, a plain `git push` does not (docs/locks.md)"
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_did_not_come_is_told_from_a_refusal() {
        let app = AppName::new("shop").unwrap();
        let stopped = HostError::Stopped {
            command: "deploy-system:lock shop".into(),
        };
        let failure = attempted(stopped.into(), &app);
        assert_eq!(failure.code, crate::exit_codes::INTERRUPTED);
        let hint = failure.hints.concat();
        assert!(hint.contains("`dokku-cli lock:status shop`"), "{hint}");
        let refused = attempted(LockError::Vanished { app: app.clone() }, &app);
        assert_eq!(refused.hints, Vec::<String>::new());
    }
}
