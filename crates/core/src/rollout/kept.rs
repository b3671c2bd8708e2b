//! Letting an image go live again that the plugin on the host has kept.

use std::collections::BTreeMap;

use super::{
    listener::Patience,
    run::{Halt, Run},
    step::KeptRelease,
};
use crate::{
    deployment::Stage,
    dokku::deploy_system::{self, PluginError},
    journal::Phase,
    plugin_protocol::{Permit, PermitRequest, RollbackRequest, RollingBack},
    secret::Secret,
};

/// One request to stop ends the waiting; Dokku goes on by itself.
const PATIENCE: Patience = Patience {
    limit: None,
    interrupts: 1,
};

const AT: Stage = Stage::Switch;

impl Run<'_> {
    /// Runs the kept image, past Dokku's usual checks. The plugin asks the locks there.
    pub fn run_kept(&mut self, kept: &KeptRelease) -> Result<(), Halt> {
        self.permit(&kept.commit, &AT)?;
        self.enter(Phase::Switching, &AT)?;
        if self.is_held {
            self.unhold(&AT)?;
        }
        // Dokku sets it at a push; the app is told its version by it.
        let revision = BTreeMap::from([("GIT_REV".to_owned(), Secret::new(&kept.commit))]);
        self.write(&AT, &revision)?;
        let could_serve = std::mem::replace(&mut self.may_serve, true);
        let request = RollbackRequest {
            version: kept.version,
            image: kept.image.clone(),
            commit: kept.commit.clone(),
            by: self.wish.actor.clone(),
        };
        let command = deploy_system::rollback_image(self.app(), &request);
        self.is_under_way = true;
        let (status, line) = self.follow_answer(&command, "deploy", PATIENCE);
        self.is_under_way = status.is_err();
        let status = status.map_err(|error| self.halt(&AT, error))?;
        let answer = deploy_system::read_line(&command, status, &line, self.ground.host.name());
        match answer.map_err(|error| self.not_done(error))? {
            RollingBack::Switched { .. } => {
                self.is_live = true;
                Ok(())
            }
            RollingBack::Locked { of, lock } => {
                self.may_serve = could_serve;
                Err(Halt::Refused(format!(
                    "{of} is locked: {} (by {} since {})",
                    lock.reason, lock.by, lock.at
                )))
            }
            RollingBack::NotKept { .. } => {
                self.may_serve = could_serve;
                Err(Halt::Failed(
                    Stage::Prepare,
                    format!("the image of v{} is not kept any more", kept.version),
                ))
            }
            RollingBack::NotStarted {
                status,
                is_put_back,
            } => {
                // Any restart would run the newest image.
                self.is_built |= !is_put_back;
                Err(Halt::Failed(
                    AT,
                    format!("the image of v{} did not start ({status})", kept.version),
                ))
            }
        }
    }

    /// Where a lock is passed over and the host enforces locks: lets `commit` pass there once.
    pub fn permit(&self, commit: &str, at: &Stage) -> Result<(), Halt> {
        let Some(reason) = &self.plan.override_lock else {
            return Ok(());
        };
        if self.plan.capabilities.deploy_system.is_none() {
            return Ok(());
        }
        let request = PermitRequest {
            commit: commit.to_owned(),
            by: self.wish.actor.clone(),
            reason: reason.clone(),
        };
        let host = self.ground.host;
        let answer = host
            .ask(&deploy_system::permit(self.app(), &request))
            .map_err(|error| self.halt(at, error))?;
        deploy_system::read::<Permit>(&answer, host.name())
            .map(drop)
            .map_err(|error| self.not_done(error))
    }

    fn not_done(&self, error: PluginError) -> Halt {
        match error {
            PluginError::Host(error) | PluginError::Lacking(error) => self.halt(&AT, error),
            PluginError::Mismatch(_) | PluginError::Fault(_) => {
                Halt::Failed(Stage::Prepare, error.to_string())
            }
        }
    }
}
