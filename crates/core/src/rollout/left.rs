//! What a killed run may have left on the host: a release task at work, or its version live.

use super::{
    ground::Ground,
    plan::Plan,
    run::{Halt, Run},
};
use crate::{
    app::AppName,
    deployment::Stage,
    dokku::run::{self, RunContainer},
    host::{Host, HostError},
    journal::{Journal, Phase},
};

/// The containers in which release tasks of deploys of this app still run.
pub fn left_tasks(app: &AppName, host: &dyn Host) -> Result<Vec<RunContainer>, HostError> {
    let list = run::read_list(&host.ask(&run::list(app))?)?;
    Ok(list
        .unwrap_or_default()
        .into_iter()
        .filter(|container| container.task_of().is_some())
        .collect())
}

/// Whether what the run of `journal` deployed serves, by the images that ran when the plan was made;
/// `None`: that is not known.
pub(super) fn is_new_live(journal: &Journal, plan: &Plan) -> Option<bool> {
    match journal.phase {
        Phase::Checking => return Some(true),
        Phase::Preparing | Phase::Holding | Phase::Tasks => return Some(false),
        // Dokku switches by itself, and goes on with that when nobody is there any more.
        Phase::Building | Phase::Switching | Phase::Restoring => {}
    }
    if plan.containers_before.is_empty() {
        return Some(false);
    }
    let recorded = plan.history.current()?.image.as_ref()?;
    Some(recorded != plan.image_before.as_ref()?)
}

impl Run<'_> {
    /// Stops the release tasks of the run that is taken over, where that was agreed to. The journal
    /// is this run's by now, so that the other one, should it live, does not act on the end of its
    /// task.
    pub fn end_left_tasks(&mut self) -> Result<(), Halt> {
        let at = Stage::Prepare;
        if self.plan.takeover.is_none() {
            return Ok(());
        }
        let Ground { host, .. } = self.ground;
        let left = left_tasks(self.app(), host).map_err(|error| self.halt(&at, error))?;
        for container in left {
            if !self.plan.stops_left_tasks {
                return Err(Halt::Refused(format!(
                    "a release task of the earlier deploy still runs in {}",
                    container.name
                )));
            }
            self.ask(&at, &run::stop(self.app(), &container.name))?;
            self.note(&format!(
                "the release task of the earlier deploy in {} was stopped",
                container.name
            ));
        }
        Ok(())
    }
}
