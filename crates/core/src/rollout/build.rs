//! Getting the commit onto the host, and going live.

use super::{
    listener::{Heard, Patience},
    run::{Halt, Run},
};
use crate::{
    deployment::Stage,
    dokku::{ports, ps},
    host::{HostError, Push, PushOutcome},
    journal::Phase,
};

/// One request to stop ends it: Dokku keeps the old version when a build is cut off.
const PATIENCE: Patience = Patience {
    limit: None,
    interrupts: 1,
};

impl<'a> Run<'a> {
    /// Sets Dokku's skip-deploy: what is pushed from now on is built and does not go live.
    pub fn hold(&mut self, phase: Phase) -> Result<(), Halt> {
        // The journal first: a crash in between must not leave the property unexplained.
        self.enter(phase, &Stage::Prepare)?;
        self.ask(
            &Stage::Prepare,
            &self.plan.capabilities.skip_deploy.set(self.app()),
        )?;
        self.is_held = true;
        Ok(())
    }

    /// Clears skip-deploy.
    pub fn unhold(&mut self, stage: &Stage) -> Result<(), Halt> {
        self.ask(stage, &self.plan.capabilities.skip_deploy.clear(self.app()))?;
        self.is_held = false;
        Ok(())
    }

    pub fn push_commit(&mut self, branch: &str, lease: Option<&str>) -> Result<(), Halt> {
        if !self.is_held {
            self.enter(Phase::Building, &Stage::Build)?;
            self.may_serve = true;
        }
        let commit = self.wish.commit.sha.clone();
        let leases: Vec<&str> = lease.into_iter().chain(self.left_on_branch()).collect();
        let (outcome, heard) = self.push_over(&commit, branch, &leases);
        match outcome.map_err(|error| self.halt(&Stage::Build, error))? {
            PushOutcome::Accepted if heard.is_ignored => Err(Halt::Failed(
                Stage::Build,
                format!(
                    "Dokku took {branch} and deployed nothing: another branch deploys {} by now",
                    self.app()
                ),
            )),
            PushOutcome::Accepted => {
                self.is_pushed = true;
                self.is_built = true;
                self.is_live = !self.is_held;
                Ok(())
            }
            PushOutcome::UpToDate => {
                self.is_pushed = true;
                self.note("the host had this commit already; it is built again, so that what runs is known to be it");
                self.rebuild()
            }
            PushOutcome::Rejected { reason } => {
                self.is_built = heard.has_released;
                Err(self.rejected(&reason, &heard))
            }
        }
    }

    /// The commit that the run which is taken over may have left on the branch.
    pub fn left_on_branch(&self) -> Option<&'a str> {
        let left = self.plan.takeover.as_ref()?;
        (left.phase != Phase::Preparing).then_some(left.commit.as_str())
    }

    /// Pushes `commit`; where that is no fast-forward, in place of the first of `leases` that the
    /// branch is at.
    pub fn push_over(
        &mut self,
        commit: &str,
        branch: &str,
        leases: &[&str],
    ) -> (Result<PushOutcome, HostError>, Heard) {
        let is_elsewhere = |outcome: &Result<PushOutcome, HostError>| {
            matches!(outcome, Ok(PushOutcome::Rejected { reason })
                if ["non-fast-forward", "fetch first", "stale info"].contains(&reason.as_str()))
        };
        let (mut outcome, mut heard) = self.push(commit, branch, None);
        if is_elsewhere(&outcome) && !leases.is_empty() {
            self.note("the host's branch has commits that this one lacks: they are replaced");
        }
        for lease in leases {
            if !is_elsewhere(&outcome) {
                break;
            }
            (outcome, heard) = self.push(commit, branch, Some((*lease).to_owned()));
        }
        (outcome, heard)
    }

    fn rejected(&self, reason: &str, heard: &Heard) -> Halt {
        // A gate on the host refuses for a lock: then that is the reason, not the build.
        if let Err(halt @ Halt::Refused(_)) = self.look_for_locks(&Stage::Build) {
            return halt;
        }
        let output: Vec<&str> = heard.tail.iter().map(String::as_str).collect();
        if ps::is_deploy_lock(&output.join("\n")) {
            return Halt::Refused(format!(
                "another build of {} is under way on the host",
                self.app()
            ));
        }
        let why = match reason {
            "non-fast-forward" | "fetch first" => format!(
                "the host's branch has commits that {} lacks, and which commit it is at is not known; \
                 fetch and merge it, or deploy a commit that contains it",
                self.wish.commit.short()
            ),
            "stale info" => "the host's branch is not at the commit that was deployed last: somebody pushed there; fetch and merge that first"
                .to_owned(),
            reason => format!(
                "Dokku rejected the push ({reason}){}",
                last_complaint(heard)
            ),
        };
        Halt::Failed(Stage::Build, why)
    }

    /// Pushes `commit` to the app's branch and tells the build's output.
    pub fn push(
        &mut self,
        commit: &str,
        branch: &str,
        lease: Option<String>,
    ) -> (Result<PushOutcome, HostError>, Heard) {
        let push = Push {
            app: self.app().clone(),
            commit: commit.to_owned(),
            branch: branch.to_owned(),
            force_with_lease: lease,
        };
        let host = self.ground.host;
        self.is_under_way = true;
        let mut listener = self.listener("build", PATIENCE);
        let outcome = host.push(&push, &mut listener);
        let heard = listener.heard;
        self.is_under_way = outcome.is_err();
        (outcome, heard)
    }

    /// Builds what the host has on the deploy branch; goes live unless held.
    pub fn rebuild(&mut self) -> Result<(), Halt> {
        if !self.is_held {
            self.enter(Phase::Building, &Stage::Build)?;
            self.may_serve = true;
        }
        self.is_under_way = true;
        let (status, heard) = self.follow(&ps::rebuild(self.app()), "build", PATIENCE);
        self.is_under_way = status.is_err();
        let status = status.map_err(|error| self.halt(&Stage::Build, error))?;
        self.is_built = status == 0 || heard.has_released;
        self.is_pushed = true;
        if status == 0 {
            self.is_live = !self.is_held;
            return Ok(());
        }
        Err(Halt::Failed(
            Stage::Build,
            format!("the build failed{}", last_complaint(&heard)),
        ))
    }

    /// Clears the hold and lets the newest image go live.
    pub fn switch(&mut self, is_first: bool) -> Result<(), Halt> {
        self.enter(Phase::Switching, &Stage::Switch)?;
        self.may_serve = true;
        self.unhold(&Stage::Switch)?;
        let command = if is_first {
            ps::rebuild(self.app())
        } else {
            ps::restart(self.app())
        };
        self.go_live(&command)
    }

    /// Restarts, so that changed variables, limits or counts take effect.
    pub fn restart(&mut self) -> Result<(), Halt> {
        self.enter(Phase::Switching, &Stage::Switch)?;
        self.may_serve = true;
        self.go_live(&ps::restart(self.app()))
    }

    fn go_live(&mut self, command: &crate::command::DokkuCommand) -> Result<(), Halt> {
        self.is_under_way = true;
        let (status, heard) = self.follow(command, "deploy", PATIENCE);
        self.is_under_way = status.is_err();
        match status.map_err(|error| self.halt(&Stage::Switch, error))? {
            0 => {
                self.is_live = true;
                Ok(())
            }
            _ => Err(Halt::Failed(
                Stage::Switch,
                format!(
                    "the new processes did not pass Dokku's checks{}",
                    last_complaint(&heard)
                ),
            )),
        }
    }

    /// Maps port 80 to the app where its image only exposes another port.
    pub fn ensure_port(&mut self) -> Result<(), Halt> {
        let answer = self.ask(&Stage::Build, &ports::report(self.app()))?;
        let ports = ports::read(&answer).map_err(|error| self.halt(&Stage::Build, error))?;
        let Some(ports) = ports else { return Ok(()) };
        let serves_web = |mapping: &ports::PortMapping| [80, 443].contains(&mapping.host);
        if !ports.set.is_empty() || ports.detected.iter().any(serves_web) {
            return Ok(());
        }
        let Some(exposed) = ports
            .detected
            .iter()
            .find(|mapping| mapping.scheme == "http")
        else {
            return Ok(());
        };
        let mapping = ports::PortMapping {
            scheme: "http".to_owned(),
            host: 80,
            container: exposed.container,
        };
        self.ask(&Stage::Build, &ports::set(self.app(), &[mapping]))?;
        self.note(&format!(
            "the image only exposes port {}: port 80 is mapped to it",
            exposed.container
        ));
        Ok(())
    }
}

/// The last line in which Dokku complains, as ": LINE".
pub(super) fn last_complaint(heard: &Heard) -> String {
    heard
        .tail
        .iter()
        .rev()
        .map(|line| line.trim())
        .find(|line| line.starts_with('!'))
        .map(|line| format!(": {}", line.trim_start_matches(['!', ' '])))
        .unwrap_or_default()
}
