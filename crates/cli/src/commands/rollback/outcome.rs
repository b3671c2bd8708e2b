//! What a rollback came to, in words.

use dokku_deploy::{
    deployment::{Deployment, Outcome, Serving, Stage},
    release::{Release, short},
    rollout::Refusal,
};

use super::deployed;
use crate::{failure::Failure, ui::Ui};

/// Says what serves, and as which release.
pub fn tell_success(deployment: &Deployment, target: &Release, ui: &Ui) {
    let app = &deployment.app;
    let commit = short(&target.sha);
    match (&deployment.outcome, deployment.version) {
        (Outcome::Unchanged, _) => ui.success(&format!(
            "{app} serves v{} ({commit}) already; nothing had to be changed",
            target.version
        )),
        (_, Some(version)) => ui.success(&format!(
            "Rolled back! {app} serves {commit} as release v{version} (v{} again)",
            target.version
        )),
        (_, None) => ui.success(&format!("Rolled back! {app} serves {commit}")),
    }
    if let Serving::Unknown { why } = &deployment.serving {
        ui.warning(&format!("which image serves is not known: {why}"));
    }
    if let Some(url) = &deployment.url {
        ui.info(&format!("URL: {url}"));
    }
}

/// The failed rollback as an error: where, why, and what serves now.
pub fn failure(deployment: &Deployment, target: &Release, host: &str) -> Failure {
    let app = &deployment.app;
    let to = format!("v{} ({})", target.version, short(&target.sha));
    let (message, hint) = match &deployment.outcome {
        Outcome::Failed { at, why } => (
            format!("Rolling {app} on {host} back to {to} failed in {at}: {why}"),
            match at {
                Stage::Build => "The build's output above says why.",
                Stage::Switch => {
                    "The processes' output above says why; `dokku-cli logs` shows more."
                }
                Stage::Health => "The app's last log lines are above.",
                Stage::Prepare | Stage::Record | Stage::Task(_) => {
                    "Nothing of the app's code is at fault; look at the host."
                }
            },
        ),
        Outcome::Unknown { at, why } => (
            format!(
                "What became of rolling {app} on {host} back to {to} is not known ({at}): {why}"
            ),
            "When the host answers again: `dokku-cli rollback --resume` goes on, `dokku-cli deploy --abort` puts back.",
        ),
        Outcome::Refused { why } => (
            format!("{app} on {host} was not rolled back to {to}: {why}"),
            "Nothing went live.",
        ),
        Outcome::Interrupted { at, .. } => (
            format!("Rolling {app} on {host} back to {to} was stopped in {at}"),
            "`dokku-cli rollback` tries again; where a journal stayed, as said above, with --resume.",
        ),
        Outcome::Live | Outcome::Unchanged => (String::new(), ""),
    };
    Failure::new(deployed::code(&deployment.outcome), message)
        .hint(deployed::serves(deployment))
        .hint(hint)
}

/// A refusal before anything was changed.
pub fn refused(refusal: &Refusal) -> Failure {
    let mut failure = deployed::refused(refusal, false);
    match refusal {
        Refusal::Locked { .. } | Refusal::UnreadableLock { .. } => failure.hints.push(
            "A rollback that is the way out of the incident passes the lock over with --override-lock; that is recorded."
                .to_owned(),
        ),
        Refusal::Busy { .. } => {
            failure.hints = vec![
                "If that run is gone, `dokku-cli rollback --resume` takes over.".to_owned(),
            ];
        }
        _ => {}
    }
    failure
}
