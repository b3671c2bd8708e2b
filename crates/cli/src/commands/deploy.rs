//! `dokku-cli deploy`.

mod given;
pub(super) mod outcome;
pub mod preview;
mod record;
pub(super) mod takeover;
pub mod wish;

use std::{path::PathBuf, time::Duration};

use clap::Args;
use dokku_deploy::{
    clock::Clock,
    deployment::{Deployment, Outcome},
    flows::deploy,
    journal::{Journal, Unrecorded},
    rollout::{self, Aborted, Adoption, Ground, Plan, Refusal, Wish},
    settings::Inputs,
};

use self::{preview::PreviewOf, record::Record};
use super::db::ServiceCopier;
use crate::{
    clock::RealClock,
    exit_codes,
    failure::Failure,
    global,
    http::Http,
    interrupt::Watch,
    invocation::Invocation,
    ui::{Narration, Reply, Ui},
};

/// How often a deploy that waits for another one looks again.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What `deploy` takes.
#[derive(Debug, Clone, Default, Args)]
pub struct DeployArguments {
    /// The app; otherwise it follows from the repository and the branch
    pub app: Option<String>,
    /// The branch to deploy; otherwise what is checked out
    pub branch: Option<String>,
    /// production, staging, development or preview; otherwise it follows from the branch
    #[arg(long, value_name = "ENV")]
    pub env: Option<dokku_deploy::app::Environment>,
    /// The pull request whose preview it is: the app is REPOSITORY-pr-NUMBER
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["app", "env"])]
    pub pr: Option<u64>,
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Answer every question with yes
    #[arg(long, short)]
    pub yes: bool,
    /// The most time that the whole deploy may take
    #[arg(long, value_name = "DURATION", value_parser = global::duration)]
    pub timeout: Option<Duration>,
    /// Wait for another deploy of the app to end instead of refusing, at most so long
    #[arg(long, value_name = "DURATION", value_parser = global::duration, num_args = 0..=1, default_missing_value = "1h")]
    pub wait: Option<Duration>,
    /// A variable for the app; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub var: Vec<String>,
    /// A JSON object with variables for the app; - reads standard input
    #[arg(long, value_name = "FILE")]
    pub vars_file: Option<PathBuf>,
    /// Take over what a killed or interrupted deploy left, and deploy
    #[arg(long, conflicts_with = "abort")]
    pub resume: bool,
    /// Put back what a killed or interrupted deploy left, and do not deploy
    #[arg(long)]
    pub abort: bool,
    /// The repository's name, where the directory is named otherwise.
    #[arg(skip)]
    pub repository: Option<String>,
    /// Settings that this run gives.
    #[arg(skip)]
    pub inputs: Inputs,
    /// The databases that are copies of another app's are copied anew; what they hold is backed up before
    #[arg(long, requires = "pr")]
    pub refresh_database: bool,
    /// Where the person is, if that is not the current directory any more.
    #[arg(skip)]
    pub here: Option<PathBuf>,
    /// Which pull request is deployed, where that is known for certain.
    #[arg(skip)]
    pub preview: Option<PreviewOf>,
}

/// Who looks on while something is deployed.
pub trait Onlooker {
    /// What is to be deployed is known; nothing was asked of the host yet.
    fn begins(&mut self, wish: &Wish);
    /// How it ended, whatever the end.
    fn ends(&mut self, deployment: &Deployment);
}

/// Nobody.
struct Nobody;

impl Onlooker for Nobody {
    fn begins(&mut self, _: &Wish) {}
    fn ends(&mut self, _: &Deployment) {}
}

/// Deploys.
pub fn run(arguments: &DeployArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    watched(arguments, invocation, &mut Nobody)
}

/// Deploys while somebody looks on.
pub fn watched(
    arguments: &DeployArguments,
    invocation: &Invocation<'_>,
    onlooker: &mut dyn Onlooker,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let mut wish = wish::build(arguments, invocation)?;
    if !arguments.dry_run && !arguments.abort {
        onlooker.begins(&wish);
    }
    let router = invocation.target()?.host().to_owned();
    let watch = Watch::begin()
        .map_err(|error| Failure::internal(format!("signals cannot be listened to: {error}")))?;
    let clock = RealClock::new(watch.clone());
    let deadline = Deadline::new(watch, arguments.timeout, clock.clone());
    let ssh = invocation.host(&deadline)?;
    let ground = Ground {
        host: &ssh,
        router: &router,
        net: &Http,
        clock: &clock,
        interrupts: &deadline,
        copier: Some(&ServiceCopier {
            host: &ssh,
            clock: &clock,
            ui,
        }),
    };
    ui.header(&format!("Deploying {}", wish.app));
    let origin = record::begin(&mut wish, arguments.abort, &ssh)?;
    let record = Record::of(&wish, origin, &ssh, invocation)?;
    if arguments.abort {
        return record.abort(|ended| abort(&wish, arguments, ground, invocation, ended));
    }
    let (mut plan, capabilities_notes) =
        decide(&wish, arguments, ground, invocation).map_err(|failure| {
            let failure = match ground.interrupts.requests() {
                (_, Some(signal)) if failure.code == exit_codes::INTERRUPTED => {
                    Failure::interrupted(signal)
                }
                _ => failure,
            };
            if !arguments.dry_run {
                record.not_begun(&failure);
            }
            failure
        })?;
    for note in capabilities_notes {
        ui.warning(note);
    }
    for note in &plan.notes {
        ui.info(note);
    }
    if !wish.settings.inactive.is_empty() {
        ui.info(&format!(
            "in config.yml, checked but not acted on yet: {}",
            wish.settings.inactive.join(", ")
        ));
    }
    if arguments.dry_run {
        return show(&plan, &wish, invocation);
    }
    if let Some(journal) = &plan.takeover {
        let asked = takeover::Asked {
            way: "deploy --resume",
            is_confirmed: arguments.resume && arguments.yes,
        };
        plan.stops_left_tasks = takeover::consent(journal, &wish, asked, ground, invocation)
            .inspect_err(|failure| record.not_begun(failure))?;
    }
    if let Some(adoption) = &plan.adoption {
        adopt(adoption, &wish, arguments, invocation)
            .inspect_err(|failure| record.not_begun(failure))?;
    }
    let safety = preview::safety(&wish, arguments);
    preview::keep_renewed(&plan, &wish, &safety, &ssh, &deadline, invocation)
        .inspect_err(|failure| record.not_begun(failure))?;
    record.begins();
    let mut narration = Narration::new(ui);
    let mut ended = |deployment: &Deployment, owed: &[Unrecorded]| {
        record.ended(deployment, &plan, owed);
    };
    let deployment = rollout::execute(&wish, &plan, ground, &mut narration, &mut ended);
    onlooker.ends(&deployment);
    record.tell();
    let failure = if matches!(deployment.outcome, Outcome::Live | Outcome::Unchanged) {
        outcome::tell_success(&deployment, ui);
        None
    } else {
        Some(outcome::failure(&deployment, ground.host.name()))
    };
    outcome::end(&deployment, serde_json::json!(deployment), failure, ui)
}

/// Observes and plans; waits for another deploy's end where that was asked for.
fn decide(
    wish: &Wish,
    arguments: &DeployArguments,
    ground: Ground<'_>,
    invocation: &Invocation<'_>,
) -> Result<(Plan, Vec<&'static str>), Failure> {
    let begun = ground.clock.elapsed();
    let mut has_told = false;
    loop {
        let observed = rollout::observe(wish, ground.host)?;
        match deploy::plan(wish, &observed, ground.clock.now(), arguments.resume) {
            Ok(plan) => return Ok((plan, observed.capabilities.fallbacks())),
            Err(refusal @ Refusal::Busy { .. }) => {
                let waited = ground.clock.elapsed().saturating_sub(begun);
                if arguments.wait.is_none_or(|limit| waited >= limit) {
                    return Err(outcome::refused(&refusal, arguments.wait.is_some()));
                }
                if !has_told {
                    invocation.ui.info(&format!("{refusal}; waiting for it"));
                    has_told = true;
                }
                ground.clock.wait(LOOK_EVERY);
                if let (_, Some(signal)) = ground.interrupts.requests() {
                    return Err(Failure::interrupted(signal));
                }
            }
            Err(refusal) => return Err(outcome::refused(&refusal, false)),
        }
    }
}

fn show(plan: &Plan, wish: &Wish, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let lines = plan.describe(wish);
    if let Some(adoption) = &plan.adoption {
        tell_adoption(adoption, wish, invocation.ui);
    }
    if invocation.ui.is_json() {
        invocation.ui.json(&serde_json::json!({
            "app": wish.app,
            "environment": wish.environment,
            "commit": wish.commit,
            "plan": lines,
            "notes": plan.notes,
            "adoption": plan.adoption,
        }))?;
    } else {
        for line in lines {
            invocation.ui.result(&crate::ui::visible(&line))?;
        }
    }
    Ok(exit_codes::OK)
}

/// Shows what the first deploy of somebody else's app takes over.
fn tell_adoption(adoption: &Adoption, wish: &Wish, ui: &Ui) {
    let list = |items: &[String]| {
        if items.is_empty() {
            "none".to_owned()
        } else {
            items.join(", ")
        }
    };
    ui.warning(&format!(
        "{} was not made by this system. From now on:",
        wish.app
    ));
    ui.plain(&format!(
        "  variables that deploys set:     {}",
        list(&adoption.owns)
    ));
    ui.plain(&format!(
        "  variables that are left alone:  {}",
        list(&adoption.leaves)
    ));
    ui.plain(&format!(
        "  services that stay linked:      {}",
        list(&adoption.services)
    ));
    ui.plain(&format!(
        "  domains that stay:              {}",
        list(&adoption.domains)
    ));
}

/// Shows what the first deploy of somebody else's app takes over, and asks.
fn adopt(
    adoption: &Adoption,
    wish: &Wish,
    arguments: &DeployArguments,
    invocation: &Invocation<'_>,
) -> Result<(), Failure> {
    let ui = invocation.ui;
    tell_adoption(adoption, wish, ui);
    if arguments.yes {
        return Ok(());
    }
    match ui.confirm("Deploy to it?")? {
        Reply::Yes => Ok(()),
        Reply::No => Err(Failure::refused("Nothing was changed.")),
        Reply::Nobody => Err(Failure::refused(format!(
            "{} was not made by this system, and nobody is there to confirm that it may be taken over",
            wish.app
        ))
        .hint("Look at the list above, then deploy with --yes.")),
    }
}

/// Puts back what a killed deploy left, if there is anything.
fn abort(
    wish: &Wish,
    arguments: &DeployArguments,
    ground: Ground<'_>,
    invocation: &Invocation<'_>,
    ended: &mut dyn FnMut(&Aborted, &[Unrecorded]),
) -> Result<(), Failure> {
    let ui = invocation.ui;
    let observed = rollout::observe(wish, ground.host)?;
    let journal = observed.app.as_ref().map(|app| Journal::of(&app.variables));
    // One that cannot be read says nothing about who is at it.
    let stops_left_tasks = match journal {
        Some(Ok(Some(journal))) => {
            let asked = takeover::Asked {
                way: "deploy --abort",
                is_confirmed: arguments.yes,
            };
            takeover::consent(&journal, wish, asked, ground, invocation)?
        }
        _ => false,
    };
    let mut narration = Narration::new(ui);
    let aborted = rollout::abort(
        wish,
        &observed,
        stops_left_tasks,
        ground,
        &mut narration,
        ended,
    )
    .map_err(|error| outcome::not_aborted(&error, wish))?;
    match (&aborted, record::told(&aborted)) {
        (Aborted::PutBack { is_new_live, .. }, Some(told)) if *is_new_live => ui.warning(&told),
        (_, Some(told)) => ui.success(&told),
        (_, None) => ui.success(&format!("{} has no unfinished deploy", wish.app)),
    }
    Ok(())
}

/// Requests to stop, and the end of the time that was given to the whole deploy.
struct Deadline {
    watch: Watch,
    limit: Option<Duration>,
    clock: RealClock,
}

impl Deadline {
    fn new(watch: Watch, limit: Option<Duration>, clock: RealClock) -> Self {
        Self {
            watch,
            limit,
            clock,
        }
    }
}

impl dokku_deploy::interrupt::Interrupts for Deadline {
    fn requests(&self) -> (u32, Option<dokku_deploy::interrupt::Signal>) {
        use dokku_deploy::interrupt::Signal;
        let (count, last) = self.watch.requests();
        match self.limit {
            // Overdue counts as somebody who insists.
            Some(limit) if self.clock.elapsed() >= limit => {
                (count.saturating_add(2), Some(Signal::Overdue))
            }
            _ => (count, last),
        }
    }
}
