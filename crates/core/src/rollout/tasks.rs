//! Release tasks: run in the new image, in order; the first that fails ends the deploy.

use super::{
    left::left_tasks,
    listener::Patience,
    run::{Halt, Run},
};
use crate::{
    deployment::Stage,
    dokku::{
        entry_point::{self, EntryPoint},
        run,
    },
    host::HostError,
    journal::Phase,
    settings::ReleaseTask,
};

/// A killed migration is worse than a slow one: the first request to stop only warns.
const INTERRUPTS: u32 = 2;

/// Status of a process that was killed from outside (128 + SIGKILL).
const KILLED: i32 = 137;

impl Run<'_> {
    pub fn run_tasks(&mut self, tasks: &[ReleaseTask]) -> Result<(), Halt> {
        if self.is_held {
            self.enter(Phase::Tasks, &Stage::Build)?;
        }
        let Some(first) = tasks.first() else {
            return Ok(());
        };
        let at = Stage::Task(first.name.clone());
        let entry_point =
            entry_point::find(self.app(), self.ground.host).map_err(|error| match error {
                // No task has run: that is known, so the deploy is put back.
                HostError::Unparsable { .. } => Halt::Failed(at, error.to_string()),
                error => self.halt(&at, error),
            })?;
        for task in tasks {
            self.heed_interrupts(&Stage::Task(task.name.clone()))?;
            let what = format!("Release task: {}", task.name);
            let done = format!("{} is done", task.name);
            self.step(&what, &done, |run| run.run_task(task, entry_point))?;
        }
        Ok(())
    }

    fn run_task(&mut self, task: &ReleaseTask, entry_point: EntryPoint) -> Result<(), Halt> {
        let at = Stage::Task(task.name.clone());
        let invocation = run::Invocation::of(&task.command, entry_point)
            .map_err(|error| Halt::Failed(at.clone(), error.to_string()))?;
        let command = run::task(self.app(), &invocation, &self.wish.run_id);
        let patience = Patience {
            limit: Some(task.timeout),
            interrupts: INTERRUPTS,
        };
        let (status, heard) = self.follow(&command, &task.name, patience);
        let failed = |why: String| Err(Halt::Failed(at.clone(), why));
        match status {
            Ok(0) => Ok(()),
            Ok(KILLED) => failed(
                "its container was killed (status 137): out of memory, or stopped by somebody"
                    .to_owned(),
            ),
            Ok(status) => failed(format!(
                "its command failed with status {status}{}",
                hint(status, &invocation)
            )),
            Err(HostError::Stopped { .. }) => {
                self.stop_task(&at);
                if heard.is_overdue {
                    return failed(format!(
                        "it did not end within {} s",
                        task.timeout.as_secs()
                    ));
                }
                self.heed_interrupts(&at)?;
                failed("it was stopped".to_owned())
            }
            Err(HostError::Unreachable { why, .. }) => Err(Halt::Unknown(
                at,
                format!(
                    "the connection was lost while it ran, so whether it did its work is not known: {why}"
                ),
            )),
            Err(error) => Err(self.halt(&at, error)),
        }
    }

    /// Stops the container of the task: killing the ssh client alone leaves it running.
    fn stop_task(&mut self, at: &Stage) {
        let host = self.ground.host;
        let Ok(left) = left_tasks(self.app(), host) else {
            self.warn("whether the task's container still runs could not be found out".to_owned());
            return;
        };
        for container in left {
            if container.task_of() != Some(&self.wish.run_id) {
                continue;
            }
            let name = container.name;
            match self.ask(at, &run::stop(self.app(), &name)) {
                Ok(_) => self.note(&format!("its container {name} was stopped")),
                Err(_) => self.warn(format!(
                    "its container {name} could not be stopped and may still run: `dokku run:stop --container {name}`"
                )),
            }
        }
    }
}

/// What helps with a status that has nothing to do with the command itself.
fn hint(status: i32, invocation: &run::Invocation) -> &'static str {
    match (status, invocation) {
        (127, run::Invocation::Base64(_)) => {
            " (not found: commands with these characters need `sh` and `base64` in the image)"
        }
        (127, run::Invocation::Herokuish(_)) => {
            " (not found; `bash` and `base64` are needed too in an image of herokuish)"
        }
        (127, run::Invocation::Plain(_)) => " (not found)",
        _ => "",
    }
}
