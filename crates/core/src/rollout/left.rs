//! What a killed run may have left at work on the host: a release task.

use super::{
    ground::Ground,
    run::{Halt, Run},
};
use crate::{
    app::AppName,
    deployment::Stage,
    dokku::run::{self, RunContainer},
    host::{Host, HostError},
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
