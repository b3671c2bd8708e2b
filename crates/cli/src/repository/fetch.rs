//! One commit, with its history, from another repository.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use dokku_deploy::{interrupt::Interrupts, secret::Secret};

use super::Repository;
use crate::{
    failure::Failure,
    git_token,
    host::child::{self, Collected, End, Input},
};

/// The time that all of a history has to arrive in.
const PATIENCE: Duration = Duration::from_mins(15);
/// A server that sends nothing for so many seconds is left.
const SILENCE: &str = "30";

/// From where a commit is fetched.
pub struct Fetch<'a> {
    /// The address, or the name of a remote.
    pub from: &'a str,
    /// The address, which decides whether the token is for it.
    pub url: &'a str,
    /// A token, and the server that it is for, such as `https://github.com`. It is tried where git's
    /// own settings do not suffice.
    pub token: Option<(&'a Secret, &'a str)>,
    /// Whether to stop.
    pub interrupts: &'a dyn Interrupts,
}

/// Why a commit did not come.
#[derive(Debug)]
pub enum NotFetched {
    /// The other repository did not give it.
    Refused(String),
    /// Somebody asked to stop, or git cannot be run.
    Failed(Failure),
}

impl Repository {
    /// Gets exactly the commit `sha`, which is 40 hexadecimal digits, and everything before it. No
    /// branch, tag or other name is made or moved; nothing is run that came along.
    pub fn fetch(&self, sha: &str, fetch: &Fetch<'_>) -> Result<(), NotFetched> {
        let first = self.fetch_once(sha, fetch, None);
        let token = fetch
            .token
            .filter(|(_, server)| git_token::is_for(fetch.url, server));
        match (first, token) {
            (Err(NotFetched::Refused(_)), Some((token, _))) => {
                self.fetch_once(sha, fetch, Some(token))
            }
            (first, _) => first,
        }
    }

    fn fetch_once(
        &self,
        sha: &str,
        fetch: &Fetch<'_>,
        token: Option<&Secret>,
    ) -> Result<(), NotFetched> {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(&self.top)
            .args(["-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0"])
            .args(["-c", "http.lowSpeedLimit=1", "-c"])
            .arg(format!("http.lowSpeedTime={SILENCE}"))
            .args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"])
            .args(["--no-auto-maintenance", "--recurse-submodules=no"])
            .args(["--end-of-options", fetch.from, sha])
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", "https:http:ssh:git:file");
        if let Some(token) = token {
            command.envs(git_token::variables(fetch.url, token));
        }
        let mut heard = Collected::until(Instant::now() + PATIENCE, fetch.interrupts);
        let end = child::run_group(&mut command, Input::Nothing, &mut heard).map_err(|error| {
            NotFetched::Failed(Failure::internal(format!("git cannot be run: {error}")))
        })?;
        let refused = |why: String| Err(NotFetched::Refused(why));
        match (end, fetch.interrupts.requests().1) {
            (End::Exited(status), _) if status.success() => {}
            (End::Exited(_), None) => return refused(heard.complaint()),
            (_, Some(signal)) => return Err(NotFetched::Failed(Failure::interrupted(signal))),
            (End::Stopped, None) => {
                let minutes = PATIENCE.as_secs() / 60;
                return refused(format!("not done within {minutes} minutes"));
            }
        }
        // An address that leads to something else than git could have said yes to anything.
        match self.commit(sha).map_err(NotFetched::Failed)? {
            Some(head) if head.sha == sha => Ok(()),
            _ => refused(format!("what came is not the commit {sha}")),
        }
    }
}
