//! Putting back what a killed or interrupted deploy left: as a run of its own that takes the
//! journal over and then goes the way back of every run that failed.

use super::{
    ground::Ground,
    left::is_new_live,
    observe::{AppState, Observed},
    plan::Plan,
    run::{Halt, Run},
    wish::Wish,
};
use crate::{
    deployment::{Commit, Stage},
    dokku::config,
    event::{Event, Report},
    host::{Answer, HostError},
    journal::{self, Journal, Unrecorded},
};

/// What an abort found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aborted {
    /// No deploy is under way and none was left unfinished.
    Nothing,
    /// The journal's changes are put back.
    PutBack {
        /// The run that had left them.
        journal: Box<Journal>,
        /// The new version had gone live before the run ended, and still serves.
        is_new_live: bool,
    },
}

/// Why an abort did not put everything back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AbortError {
    /// The host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A refusal of Dokku or git on the way; the journal stays.
    #[error("{0}; {UNTIL_MENDED}")]
    Failed(String),
    /// Nobody knows how far it came; the journal stays.
    #[error("{0}; the journal stays: abort again when the host answers")]
    Unknown(String),
    /// The journal was unreadable; it was removed, so that the next deploy can begin.
    #[error("{0}; it was removed without putting anything back: look at the app's variables")]
    Unreadable(String),
    /// Not now. Nothing was put back.
    #[error("{0}")]
    Refused(String),
}

/// What holds, and what helps, as long as not everything is back.
const UNTIL_MENDED: &str = "nothing that is pushed goes live until this is in order. If a build is still \
     under way there, abort again when it has ended; `dokku-cli deploy --resume` deploys over it";

/// Puts back what the app's deploy journal says. `stops_left_tasks`: release tasks that still run
/// are stopped, otherwise they are a reason not to.
///
/// A run that had gone live already is left live: only the journal goes. Before it does, `ended` hears
/// what was done and for which runs, so that a kill at any moment leaves them to be recorded.
pub fn abort(
    wish: &Wish,
    observed: &Observed,
    stops_left_tasks: bool,
    ground: Ground<'_>,
    report: &mut dyn Report,
    ended: &mut dyn FnMut(&Aborted, &[Unrecorded]),
) -> Result<Aborted, AbortError> {
    let Some(app) = &observed.app else {
        return Ok(Aborted::Nothing);
    };
    let journal = match Journal::of(&app.variables) {
        Ok(None) => return Ok(Aborted::Nothing),
        Ok(Some(journal)) => journal,
        Err(bad) => {
            report.event(Event::Warning(&format!(
                "{bad}: it is removed; what it had changed is not known"
            )));
            remove_unreadable(wish, observed, app, ground)?;
            return Err(AbortError::Unreadable(bad.to_string()));
        }
    };
    let wish = Wish {
        commit: Commit {
            sha: journal.commit.clone(),
            subject: String::new(),
            branch: None,
        },
        ..wish.clone()
    };
    let plan = Plan {
        stops_left_tasks,
        ..plan(&journal, observed, app)
    };
    let is_new_live = is_new_live(&journal, &plan);
    let mut run = Run::new(&wish, &plan, ground, report);
    run.is_recovering = true;
    run.is_held = observed
        .capabilities
        .skip_deploy
        .is_set(&app.ps, &app.variables);
    run.put_in_order(is_new_live)?;
    let aborted = Aborted::PutBack {
        journal: Box::new(journal),
        is_new_live: is_new_live == Some(true),
    };
    ended(&aborted, &run.owed);
    run.drop_journal()?;
    Ok(aborted)
}

/// A plan of no steps: what the way back has to know.
fn plan(journal: &Journal, observed: &Observed, app: &AppState) -> Plan {
    let history = app.history.clone().unwrap_or_default();
    Plan {
        steps: Vec::new(),
        notes: Vec::new(),
        adoption: None,
        takeover: Some(journal.clone()),
        stops_left_tasks: false,
        previous_commit: journal.previous.clone(),
        previous: history.current().cloned(),
        branch: app.git.deploy_branch.clone(),
        // The run may have been killed before its push.
        branch_commit: app.git.deployed().map(str::to_owned),
        kept_before: None,
        override_lock: None,
        again: None,
        next_version: history.next_version(),
        history,
        containers_before: app.container_ids(),
        image_before: app.running_image(),
        is_first: !app.ps.is_deployed,
        domain: None,
        before: app.variables.clone(),
        scale_before: app.scale.clone(),
        base: observed.base.as_ref().map(|(name, _)| name.clone()),
        capabilities: observed.capabilities.clone(),
    }
}

impl Run<'_> {
    /// Takes the journal and puts back what it says, unless the new version serves. The journal stays.
    fn put_in_order(&mut self, is_new_live: Option<bool>) -> Result<(), Halt> {
        self.take_journal()?;
        if is_new_live != Some(true) {
            let has_built = self.left_on_branch().is_some();
            if has_built && self.plan.previous_commit.is_some() {
                self.put_back_image()?;
            } else {
                self.put_back_variables()?;
            }
        }
        if is_new_live.is_none() {
            self.warn(format!(
                "which version serves is not known: the deploy of {} may have gone live before it ended",
                self.wish.commit.short()
            ));
        }
        if self.is_held {
            self.unhold(&Stage::Record)?;
        }
        Ok(())
    }
}

impl From<Halt> for AbortError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Failed(_, why) => Self::Failed(why),
            Halt::Unknown(_, why) => Self::Unknown(why),
            Halt::Refused(why) | Halt::Ousted(why) => Self::Refused(why),
            Halt::Interrupted(..) => Self::Unknown("interrupted".to_owned()),
        }
    }
}

fn remove_unreadable(
    wish: &Wish,
    observed: &Observed,
    app: &AppState,
    ground: Ground<'_>,
) -> Result<(), HostError> {
    let skip_deploy = observed.capabilities.skip_deploy;
    let ask = |command| ground.host.ask(&command).and_then(Answer::accepted);
    if skip_deploy.is_set(&app.ps, &app.variables) {
        ask(skip_deploy.clear(&wish.app))?;
    }
    ask(config::unset(&wish.app, &journal::KEYS)).map(drop)
}
