//! Why a deploy is not begun: locks, other deploys, and what cannot be read.

use jiff::Timestamp;

use super::{
    observe::{AppState, Observed},
    wish::Wish,
};
use crate::{
    app::AppName, dokku::capabilities::SkipDeploy, journal::Journal, lock::LockState,
    store::Variables, variables::MANAGED,
};

/// Why a deploy is not begun. Nothing has been changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The app or its base is locked.
    #[error("{app} is locked: {reason} (by {by}{since})")]
    Locked {
        /// The app that carries the lock.
        app: AppName,
        /// Why it was locked. Hostile text.
        reason: String,
        /// Who locked it.
        by: String,
        /// ` since TIME`, where known.
        since: String,
    },
    /// The lock's variables make no sense.
    #[error("the lock of {app} cannot be read: {why}")]
    UnreadableLock {
        /// The app that carries the lock.
        app: AppName,
        /// What is wrong.
        why: String,
    },
    /// Another deploy of this app is under way.
    #[error("another deploy of {app} is under way: {by} is {phase} {commit} since {started}")]
    Busy {
        /// The app.
        app: AppName,
        /// Who runs it.
        by: String,
        /// How far it is.
        phase: &'static str,
        /// The first digits of the commit that it deploys.
        commit: String,
        /// When it began.
        started: Timestamp,
    },
    /// Something on the host, written by this system, cannot be read.
    #[error("{app}: {why}")]
    Unreadable {
        /// The app.
        app: AppName,
        /// What, and what to do.
        why: String,
    },
    /// A variable was given that is not the caller's to give.
    #[error("{0}")]
    BadVariable(String),
    /// Somebody set Dokku's skip-deploy on the app: nothing that is pushed would go live.
    #[error(
        "Dokku's skip-deploy is set on {app}: what is pushed would not go live; \
         `dokku ps:set {app} skip-deploy` clears it (before Dokku 0.38: \
         `dokku config:unset {app} DOKKU_SKIP_DEPLOY`)"
    )]
    Held {
        /// The app.
        app: AppName,
    },
    /// The host lacks what the settings ask for.
    #[error("{0}")]
    Missing(String),
}

pub(crate) fn refuse_locked(
    wish: &Wish,
    observed: &Observed,
    now: Timestamp,
) -> Result<(), Refusal> {
    let own = observed.app.as_ref().map(|app| (&wish.app, &app.variables));
    let base = observed
        .base
        .as_ref()
        .map(|(name, variables)| (name, variables));
    for (app, variables) in own.into_iter().chain(base) {
        check_lock(app, variables, now)?;
    }
    Ok(())
}

/// What is taken over, for people.
pub(crate) fn unfinished(journal: &Journal) -> String {
    let keys: Vec<&str> = journal
        .undo
        .keys()
        .map(String::as_str)
        .filter(|key| !["GIT_REV", MANAGED].contains(key))
        .collect();
    let variables = if keys.is_empty() {
        String::new()
    } else {
        format!(
            "; the variables that it had changed stay so: {}",
            keys.join(", ")
        )
    };
    format!(
        "taking over the unfinished deploy of {} by {} ({}){variables}",
        journal.commit.get(..7).unwrap_or(&journal.commit),
        journal.by,
        journal.phase.as_str(),
    )
}

/// Refuses if `variables` say that `app` is locked now.
pub fn check_lock(app: &AppName, variables: &Variables, now: Timestamp) -> Result<(), Refusal> {
    match LockState::of(variables, now) {
        Ok(LockState::Locked(lock)) => Err(Refusal::Locked {
            app: app.clone(),
            reason: lock.reason,
            by: lock.by,
            since: format!(" since {}", lock.at),
        }),
        Ok(LockState::Unlocked | LockState::Expired(_)) => Ok(()),
        Err(malformed) => Err(Refusal::UnreadableLock {
            app: app.clone(),
            why: malformed.to_string(),
        }),
    }
}

pub(crate) fn takeover(
    wish: &Wish,
    app: Option<&AppState>,
    now: Timestamp,
    resume: bool,
) -> Result<Option<Journal>, Refusal> {
    let Some(app) = app else { return Ok(None) };
    let journal = Journal::of(&app.variables).map_err(|bad| Refusal::Unreadable {
        app: wish.app.clone(),
        why: format!("{bad}; `dokku-cli deploy --abort` puts it in order"),
    })?;
    match journal {
        Some(journal) if !resume && !journal.is_expired(now) => Err(Refusal::Busy {
            app: wish.app.clone(),
            by: journal.by,
            phase: journal.phase.as_str(),
            commit: journal.commit.chars().take(7).collect(),
            started: journal.started,
        }),
        other => Ok(other),
    }
}

pub(crate) fn refuse_held(
    wish: &Wish,
    app: Option<&AppState>,
    skip_deploy: SkipDeploy,
    takeover: Option<&Journal>,
) -> Result<(), Refusal> {
    let is_held = app.is_some_and(|app| skip_deploy.is_set(&app.ps, &app.variables));
    if is_held && !takeover.is_some_and(|journal| journal.phase.may_hold()) {
        return Err(Refusal::Held {
            app: wish.app.clone(),
        });
    }
    Ok(())
}
