//! What a deploy came to, as exit code and words.

use dokku_deploy::{
    deployment::{Deployment, Outcome, Serving, Stage},
    interrupt::Signal,
    rollout::{AbortError, Refusal, Unobserved, Wish},
};

use crate::{
    exit_codes,
    failure::{Failure, signal_code},
    ui::Ui,
};

/// The program's exit code.
pub fn code(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Live | Outcome::Unchanged => exit_codes::OK,
        Outcome::Failed {
            at: Stage::Prepare | Stage::Record,
            ..
        }
        | Outcome::Unknown { .. } => exit_codes::HOST,
        Outcome::Failed { .. } => exit_codes::APP,
        Outcome::Refused { .. } => exit_codes::REFUSED,
        Outcome::Interrupted { by, .. } => signal_code(*by),
    }
}

/// Ends a deploy or rollback whose success was told: with `failure` where it is one, and with
/// `--json` with `value` as its result. What came of it is said even where the result finds no place.
pub fn end(
    deployment: &Deployment,
    mut value: serde_json::Value,
    failure: Option<Failure>,
    ui: &Ui,
) -> Result<u8, Failure> {
    let code = code(&deployment.outcome);
    let written = if ui.is_json() {
        value["exit_code"] = code.into();
        ui.json(&value)
    } else {
        Ok(())
    };
    match (failure, written) {
        (None, Ok(())) => Ok(code),
        (None, Err(unwritten)) => Err(unwritten.hint(serves(deployment))),
        (Some(failure), Ok(())) => Err(failure),
        (Some(failure), Err(unwritten)) => Err(failure.hint(format!("{}.", unwritten.message))),
    }
}

/// Says that it is live, where, and as which release.
pub fn tell_success(deployment: &Deployment, ui: &Ui) {
    let commit = deployment.commit.short();
    let app = &deployment.app;
    match (&deployment.outcome, deployment.version) {
        (Outcome::Unchanged, _) => {
            ui.success(&format!(
                "{app} serves {commit} already; nothing had to be changed"
            ));
        }
        (_, Some(version)) if deployment.serving == Serving::Nothing => ui.success(&format!(
            "Deployed! {commit} is release v{version} of {app}; no process of it is meant to run"
        )),
        (_, Some(version)) => ui.success(&format!(
            "Deployed! {app} serves {commit} as release v{version}"
        )),
        (_, None) => ui.success(&format!("Deployed! {app} serves {commit}")),
    }
    if let Serving::Unknown { why } = &deployment.serving {
        ui.warning(&format!("which image serves is not known: {why}"));
    }
    if let Some(url) = &deployment.url {
        ui.info(&format!("URL: {url}"));
    }
}

/// The failed deploy as an error: where, why, and what serves now.
pub fn failure(deployment: &Deployment, host: &str) -> Failure {
    let app = &deployment.app;
    let commit = deployment.commit.short();
    let (message, hint) = match &deployment.outcome {
        Outcome::Failed { at, why } => (
            format!("Deploying {commit} to {app} on {host} failed in {at}: {why}"),
            match at {
                Stage::Build => "The build's output above says why. Mend it, commit, deploy again.",
                Stage::Task(_) => "The task's output above says why. No later task was run.",
                Stage::Switch => {
                    "The processes' output above says why; `dokku-cli logs` shows more."
                }
                Stage::Health => {
                    "The app's last log lines are above; healthcheck in .dokku/config.yml says what is asked."
                }
                Stage::Prepare | Stage::Record => {
                    "Nothing of the app's code is at fault; look at the host."
                }
            },
        ),
        Outcome::Unknown { at, why } => (
            format!(
                "What became of deploying {commit} to {app} on {host} is not known ({at}): {why}"
            ),
            "When the host answers again: `dokku-cli deploy --resume` goes on, `dokku-cli deploy --abort` puts back.",
        ),
        Outcome::Refused { why } => (
            format!("{commit} was not deployed to {app} on {host}: {why}"),
            "Nothing was pushed.",
        ),
        Outcome::Interrupted { at, by } => (
            format!(
                "Deploying {commit} to {app} on {host} was stopped in {at}{}",
                if *by == Signal::Overdue {
                    ": it took longer than --timeout gives"
                } else {
                    ""
                }
            ),
            "`dokku-cli deploy` deploys again; where a journal stayed, as said above, with --resume.",
        ),
        Outcome::Live | Outcome::Unchanged => (String::new(), ""),
    };
    Failure::new(code(&deployment.outcome), message)
        .hint(serves(deployment))
        .hint(hint)
}

/// What serves now, in a sentence.
pub fn serves(deployment: &Deployment) -> String {
    let commit = deployment.commit.short();
    match &deployment.serving {
        Serving::New { .. } => format!("What serves now: {commit}, the new version."),
        Serving::Previous {
            sha: Some(sha),
            version: Some(version),
        } => format!(
            "What serves now: the earlier version, {}, release v{version}.",
            sha.get(..7).unwrap_or(sha)
        ),
        Serving::Previous { .. } => "What serves now: the earlier version.".to_owned(),
        Serving::Nothing => "What serves now: nothing, no container of the app runs.".to_owned(),
        Serving::Unknown { why } => format!("What serves now is not known: {why}."),
    }
}

/// A refusal before anything was changed.
pub fn refused(refusal: &Refusal, has_waited: bool) -> Failure {
    let (code, hint) = match refusal {
        Refusal::Locked { app, .. } => (
            exit_codes::REFUSED,
            format!("`dokku-cli unlock {app}` unlocks it; ask who locked it first."),
        ),
        Refusal::UnreadableLock { app, .. } => (
            exit_codes::HOST,
            format!("Whether {app} is locked is not known, so nothing is deployed."),
        ),
        Refusal::Busy { .. } if has_waited => (exit_codes::REFUSED, "It was waited for as long as asked.".to_owned()),
        Refusal::Busy { .. } => (
            exit_codes::REFUSED,
            "`--wait` waits for it; if that run is gone, `--resume` takes over and `--abort` puts back.".to_owned(),
        ),
        Refusal::Held { .. } => (exit_codes::REFUSED, "Nothing was changed.".to_owned()),
        Refusal::Unreadable { .. } => (exit_codes::HOST, "Nothing was changed.".to_owned()),
        Refusal::BadVariable(_) | Refusal::Missing(_) => (exit_codes::SETTINGS, "Nothing was changed.".to_owned()),
    };
    Failure::new(code, refusal.to_string()).hint(hint)
}

/// An abort that did not put everything back.
pub fn not_aborted(error: &AbortError, wish: &Wish) -> Failure {
    match error {
        AbortError::Host(host) => Failure::from(host.clone()),
        AbortError::Failed(_) | AbortError::Unknown(_) | AbortError::Unreadable(_) => {
            Failure::new(exit_codes::HOST, format!("{}: {error}", wish.app))
        }
        AbortError::Refused(why) => Failure::refused(format!("{}: {why}", wish.app)),
    }
}

impl From<Unobserved> for Failure {
    fn from(error: Unobserved) -> Self {
        match error {
            Unobserved::Host(host) => Self::from(host),
            Unobserved::Incapable(incapable) => Self::new(exit_codes::HOST, incapable.to_string()),
            Unobserved::Base(malformed) => Self::new(exit_codes::HOST, malformed.to_string()),
        }
    }
}
