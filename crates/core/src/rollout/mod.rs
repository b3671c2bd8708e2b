//! Bringing a version of an app live: what deploys and rollbacks share.
//!
//! [`observe()`] asks the host, a flow decides on a [`Plan`], [`execute()`] does what the plan says
//! and nothing else, in the order of its steps, alone on the app by its journal. A failed rollout is
//! still a [`Deployment`] with all that is known, and puts back what it can.

mod abort;
mod build;
mod copy;
mod ground;
mod hold;
mod keeper;
mod kept;
mod left;
mod listener;
mod observe;
mod plan;
mod prepare;
mod protect;
mod recover;
mod refusal;
mod retain;
mod run;
mod show;
mod step;
mod tasks;
mod verify;
mod wish;

pub(crate) use self::refusal::{refuse_held, refuse_locked, takeover, unfinished};
pub use self::{
    abort::{AbortError, Aborted, abort},
    copy::{Copier, CopyState, CopyWish, Copying, Masking, NoCopy, can_copy},
    ground::Ground,
    left::left_tasks,
    observe::{AppState, Observed, ServiceState, Unobserved, observe, observe_app},
    plan::{Adoption, Plan},
    protect::Doorkeeper,
    refusal::{Refusal, check_lock},
    step::{DEPLOY_BRANCH, KeptRelease, Step},
    wish::Wish,
};

use self::run::{Halt, Run};
use crate::{
    deployment::{Deployment, Outcome, Serving, Stage},
    dokku::resource,
    event::Report,
    journal::Unrecorded,
    release::{NextRelease, again},
};

/// Does what the plan says. Whatever happens is in the answer.
///
/// `ended` hears it before the journal goes, with the runs that this one has taken over: a kill at any
/// moment leaves either the entries of the record or a journal that names them.
pub fn execute(
    wish: &Wish,
    plan: &Plan,
    ground: Ground<'_>,
    report: &mut dyn Report,
    ended: &mut dyn FnMut(&Deployment, &[Unrecorded]),
) -> Deployment {
    let started = ground.clock.now();
    let mut run = Run::new(wish, plan, ground, report);
    let result = plan
        .steps
        .iter()
        .try_fold(Done::default(), |done, step| run.perform(step, done));
    let (outcome, serving, version) = match result {
        Ok(done) => {
            run.is_over = true;
            let outcome = if plan.changes_anything() {
                Outcome::Live
            } else {
                Outcome::Unchanged
            };
            (outcome, done.serving, done.version)
        }
        Err(halt) => {
            let serving = run.recover(&halt);
            (halt.outcome(), serving, None)
        }
    };
    let mut deployment = Deployment {
        app: wish.app.clone(),
        environment: wish.environment,
        commit: wish.commit.clone(),
        previous_sha: plan.previous.as_ref().map(|release| release.sha.clone()),
        outcome,
        serving,
        version,
        url: run.url.take(),
        actor: wish.actor.clone(),
        started,
        finished: ground.clock.now(),
        steps: std::mem::take(&mut run.steps),
        warnings: std::mem::take(&mut run.warnings),
    };
    ended(&deployment, &run.owed);
    run.end_journal();
    deployment.warnings.append(&mut run.warnings);
    deployment
}

/// What the steps so far found out.
struct Done {
    serving: Serving,
    version: Option<u64>,
}

impl Default for Done {
    fn default() -> Self {
        Self {
            serving: Serving::Unknown {
                why: "not looked at yet".to_owned(),
            },
            version: None,
        }
    }
}

impl Run<'_> {
    fn perform(&mut self, step: &Step, mut done: Done) -> Result<Done, Halt> {
        if !matches!(step, Step::Record) {
            self.heed_interrupts(&stage_of(step))?;
            self.keep_fresh(&stage_of(step))?;
        }
        let (doing, did) = show::sentence(step, self.wish);
        match step {
            Step::Tasks(tasks) => self.run_tasks(tasks)?,
            Step::EnableTls => self.step(&doing, "", |run| {
                run.enable_tls();
                Ok(())
            })?,
            Step::Verify => {
                let told = |run: &Self| run.unchecked.map_or(did, str::to_owned);
                done.serving = self.step_telling(&doing, told, Self::verify)?;
            }
            Step::Record => {
                let serving = done.serving.clone();
                done.version = Some(self.step(&doing, &did, |run| run.record(&serving))?);
            }
            _ => self.step(&doing, &did, |run| run.change(step))?,
        }
        Ok(done)
    }

    fn change(&mut self, step: &Step) -> Result<(), Halt> {
        match step {
            Step::CreateApp => self.create_app(),
            Step::TakeJournal => self.take_journal(),
            Step::CreateService { kind, name, image } => self.create_service(*kind, name, image),
            Step::CopyService(copying) => self.copy_service(copying),
            Step::LinkService { kind, name } => self.link_service(*kind, name),
            Step::SetVariables(changes) => self.set_variables(changes),
            Step::SetDeployBranch(branch) => self.set_deploy_branch(branch),
            Step::AddDomains(missing) => self.add_domains(missing),
            Step::Limit { memory, cpu } => self.limit(&resource::Limits {
                memory: memory.clone(),
                cpu: cpu.clone(),
            }),
            Step::Scale(counts) => self.scale(counts),
            Step::Protect(by) => self.protect(*by),
            Step::Recheck => self.recheck(),
            Step::Hold => self.hold(crate::journal::Phase::Holding),
            Step::Push { branch, lease } => {
                self.permit(&self.wish.commit.sha, &Stage::Build)?;
                self.push_commit(branch, lease.as_deref())
            }
            Step::Rebuild => {
                self.permit(&self.wish.commit.sha, &Stage::Build)?;
                self.rebuild()
            }
            Step::RunKept(kept) => self.run_kept(kept),
            Step::Switch { is_first } => self.switch(*is_first),
            Step::Restart => self.restart(),
            Step::EnsurePort => self.ensure_port(),
            Step::Tasks(_) | Step::EnableTls | Step::Verify | Step::Record => Ok(()),
        }
    }

    /// Writes the release down.
    fn record(&mut self, serving: &Serving) -> Result<u64, Halt> {
        let now = self.ground.clock.now();
        let image = match serving {
            Serving::New { image } => Some(image.clone()),
            Serving::Previous { .. } | Serving::Nothing | Serving::Unknown { .. } => None,
        };
        let release = NextRelease {
            sha: self.wish.commit.sha.clone(),
            image,
            timestamp: now,
            actor: self.wish.actor.clone(),
            message: match self.plan.again {
                Some(version) => again(version, &self.wish.commit.subject),
                None => self.wish.commit.subject.clone(),
            },
            environment: self.wish.environment.to_string(),
        };
        self.hold_journal(&Stage::Record)?;
        let variables = self.plan.history.record(&release);
        self.write(&Stage::Record, &variables)?;
        if let Some(image) = &release.image {
            self.retain(self.plan.next_version, image);
        }
        Ok(self.plan.next_version)
    }
}

impl Halt {
    fn outcome(self) -> Outcome {
        match self {
            Self::Failed(at, why) => Outcome::Failed { at, why },
            Self::Unknown(at, why) => Outcome::Unknown { at, why },
            Self::Refused(why) | Self::Ousted(why) => Outcome::Refused { why },
            Self::Interrupted(at, by) => Outcome::Interrupted { at, by },
        }
    }

    fn why(&self) -> String {
        match self {
            Self::Failed(_, why)
            | Self::Unknown(_, why)
            | Self::Refused(why)
            | Self::Ousted(why) => why.clone(),
            Self::Interrupted(..) => "interrupted".to_owned(),
        }
    }
}

fn stage_of(step: &Step) -> Stage {
    match step {
        Step::Push { .. } | Step::Rebuild | Step::EnsurePort => Stage::Build,
        Step::RunKept(_) | Step::Switch { .. } | Step::Restart => Stage::Switch,
        Step::EnableTls | Step::Verify => Stage::Health,
        Step::Record => Stage::Record,
        _ => Stage::Prepare,
    }
}
