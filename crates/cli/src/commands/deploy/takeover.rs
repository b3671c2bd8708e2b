//! Taking an unfinished deploy over: not from somebody who may still be at it, unless that is said.

use dokku_deploy::{
    app::{AppName, Environment},
    audit::{AuditEntry, Origin},
    journal::{Journal, Unrecorded},
    rollout::{Ground, Wish, left_tasks},
};

use crate::{
    failure::Failure,
    invocation::Invocation,
    repository::Repository,
    ui::{Reply, visible},
};

/// How the takeover was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The words that ask for it, such as `deploy --resume`.
    pub way: &'a str,
    /// Whether they were given, with `--yes`: that alone is an answer to other questions.
    pub is_confirmed: bool,
}

/// Says what signs of life the other deploy shows, and asks whether it is to be taken over all the
/// same. Without any there is nothing to ask. Answers whether there are release tasks to be stopped.
pub fn consent(
    journal: &Journal,
    wish: &Wish,
    asked: Asked<'_>,
    ground: Ground<'_>,
    invocation: &Invocation<'_>,
) -> Result<bool, Failure> {
    let ui = invocation.ui;
    let whose = format!(
        "the deploy of {} by {}",
        journal.commit.get(..7).unwrap_or(&journal.commit),
        visible(&journal.by)
    );
    let tasks = left_tasks(&wish.app, ground.host)?;
    for task in &tasks {
        ui.warning(&format!(
            "a release task of {whose} still runs on the host, in {} since {}",
            task.name, task.created_at
        ));
    }
    let now = ground.clock.now();
    let is_fresh = !journal.is_expired(now);
    if is_fresh {
        let silent = now.duration_since(journal.alive).as_secs().max(0);
        ui.warning(&format!(
            "{whose} showed a sign of life {silent} s ago ({}): it may still go on elsewhere",
            journal.phase.as_str()
        ));
    }
    let question = match (tasks.is_empty(), is_fresh) {
        (true, false) => return Ok(false),
        (true, true) => "Take it over all the same?",
        (false, _) => "Take it over, and stop its task in the middle?",
    };
    if asked.is_confirmed {
        return Ok(!tasks.is_empty());
    }
    match ui.confirm(question)? {
        Reply::Yes => Ok(!tasks.is_empty()),
        Reply::No => Err(Failure::refused("Nothing was changed.")),
        Reply::Nobody => {
            let way = asked.way;
            let hint = if tasks.is_empty() {
                format!("If that run is gone, say so: `dokku-cli {way} --yes`.")
            } else {
                format!(
                    "Wait for the task's end (`dokku run:list {}` shows it), or have it stopped: `dokku-cli {way} --yes`.",
                    wish.app
                )
            };
            Err(Failure::refused(format!(
                "{whose} still shows signs of life, and nobody is there to confirm that it may be taken over"
            ))
            .hint("Nothing was changed.")
            .hint(hint))
        }
    }
}

/// The entries of runs that ended without a word; `settled` says what was done about them.
pub fn entries(
    runs: &[Unrecorded],
    app: &AppName,
    environment: Environment,
    settled: &str,
    repository: Option<&Repository>,
    settler: &Origin,
) -> Vec<AuditEntry> {
    let subject = |sha: &str| {
        let head = repository.and_then(|repository| repository.commit(sha).ok().flatten());
        head.map(|head| head.subject).unwrap_or_default()
    };
    let entry =
        |run: &Unrecorded| run.entry(app, environment, &subject(&run.commit), settled, settler);
    runs.iter().map(entry).collect()
}
