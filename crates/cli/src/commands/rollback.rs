//! `dokku-cli rollback`: back to an earlier release.

mod course;
mod outcome;
mod pick;
mod record;
mod source;

use clap::Args;
use dokku_deploy::{
    app::{AppName, Environment},
    deployment::{Commit, Deployment, Outcome},
    dokku::git::is_commit,
    flows::rollback::{self, NoTarget, Seen},
    journal::{RunEntry, Unrecorded},
    release::{History, Release, short, unrepeated},
    rollout::{self, Ground, Plan, Step, Wish},
    settings::Settings,
    variables::Given,
};

use self::{
    course::Course,
    record::Record,
    source::{Fetching, Source},
};
use super::{
    deploy::{outcome as deployed, takeover},
    missing,
    safety::{self, Safety},
};
use crate::{
    access, actor,
    clock::RealClock,
    exit_codes,
    failure::Failure,
    http::Http,
    interrupt::Watch,
    invocation::Invocation,
    repository::Repository,
    ui::{Narration, Reply},
};

/// What `rollback` takes.
#[derive(Debug, Args)]
pub struct RollbackArguments {
    /// The app; otherwise the repository's name
    pub app: Option<String>,
    /// The release: v9 or 9, the beginning of its commit, or previous; otherwise you choose from a
    /// list, or, without a terminal, previous is meant. Digits alone are taken for a commit only
    /// where no release has that number
    #[arg(value_name = "vN|SHA|previous")]
    pub release: Option<String>,
    /// Answer every question with yes
    #[arg(long, short)]
    pub yes: bool,
    /// Go back although the app, or the base of the preview, is locked; this is recorded
    #[arg(long)]
    pub override_lock: bool,
    /// How the data is safe: every linked service is backed up before
    #[command(flatten)]
    pub safety: Safety,
    /// Show what would be done and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Take over what a killed or interrupted deploy or rollback left
    #[arg(long)]
    pub resume: bool,
}

impl RollbackArguments {
    /// Back to `release` without a question: somebody has confirmed it already.
    pub fn confirmed(app: String, release: &str) -> Self {
        Self {
            app: Some(app),
            release: Some(release.to_owned()),
            yes: true,
            override_lock: false,
            safety: Safety::default(),
            dry_run: false,
            resume: false,
        }
    }
}

/// A release to go back to, and everything that is known about the way.
struct Chosen<'a> {
    target: Release,
    wish: Wish,
    plan: Plan,
    course: Course,
    /// Where the commit is, for as long as it may be pushed.
    source: Source<'a>,
}

/// Goes back.
pub fn run(arguments: &RollbackArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    watched(arguments, invocation, &mut |_, _| {})
}

/// Goes back, and says what it came to, and to which release.
pub fn watched(
    arguments: &RollbackArguments,
    invocation: &Invocation<'_>,
    told: &mut dyn FnMut(&Deployment, &Release),
) -> Result<u8, Failure> {
    let (app, release) = words(arguments);
    let app = invocation.app(app)?;
    let repository = Repository::here()?;
    let router = invocation.target()?.host().to_owned();
    let watch = Watch::begin()?;
    let clock = RealClock::new(watch.clone());
    let ssh = invocation.host(&watch)?;
    let ground = Ground {
        host: &ssh,
        router: &router,
        net: &Http,
        clock: &clock,
        interrupts: &watch,
        copier: None,
    };
    let actor = actor::name(repository.as_ref())?;
    let record = Record::begin(&app, &actor, &ssh, repository.as_ref(), invocation);
    let chosen = (|| {
        let seen = rollback::look(&app, &ssh)?;
        let repository = repository.as_ref();
        let wanted = Wanted {
            app: &app,
            release,
            actor: &actor,
            entry: record.entry(),
        };
        let mut chosen = choose(&wanted, &seen, repository, arguments, ground, invocation)?;
        tell(&chosen, invocation);
        if !arguments.dry_run {
            if let Some(journal) = &chosen.plan.takeover {
                let asked = takeover::Asked {
                    way: "rollback --resume",
                    is_confirmed: arguments.resume && arguments.yes,
                };
                chosen.plan.stops_left_tasks =
                    takeover::consent(journal, &chosen.wish, asked, ground, invocation)?;
            }
            confirm(&chosen, arguments, invocation)?;
            if chosen.plan.changes_anything() {
                safety::before_rollback(&app, &arguments.safety, &ssh, &watch, invocation)?;
            }
        }
        Ok(chosen)
    })();
    let chosen = match chosen {
        Ok(chosen) if arguments.dry_run => return show(&chosen, invocation),
        Err(failure) if arguments.dry_run => return Err(failure),
        Ok(chosen) => chosen,
        Err(failure) => {
            record.not_begun(&failure);
            return Err(failure);
        }
    };
    if let Some(directory) = chosen.source.directory() {
        ssh.push_out_of(directory.to_owned());
    }
    let mut narration = Narration::new(invocation.ui);
    let mut ended = |deployment: &Deployment, owed: &[Unrecorded]| {
        record.ended(deployment, &chosen, owed);
    };
    let (wish, plan) = (&chosen.wish, &chosen.plan);
    let deployment = rollout::execute(wish, plan, ground, &mut narration, &mut ended);
    told(&deployment, &chosen.target);
    record.tell();
    let mut value = serde_json::json!(deployment);
    value["from"] = serde_json::json!(chosen.plan.previous);
    value["to"] = serde_json::json!(chosen.target);
    let failure = if matches!(deployment.outcome, Outcome::Live | Outcome::Unchanged) {
        outcome::tell_success(&deployment, &chosen.target, invocation.ui);
        None
    } else {
        let host = ground.host.name();
        Some(outcome::failure(&deployment, &chosen.target, host))
    };
    deployed::end(&deployment, value, failure, invocation.ui)
}

/// The app and the release as they were given: a lone `v9` or `previous` is a release, not an app.
fn words(arguments: &RollbackArguments) -> (Option<&str>, Option<&str>) {
    let (app, release) = (arguments.app.as_deref(), arguments.release.as_deref());
    let is_release = |word: &str| {
        let number = word.strip_prefix('v').unwrap_or_default();
        word == "previous" || !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
    };
    match (app, release) {
        (Some(word), None) if is_release(word) => (None, Some(word)),
        given => given,
    }
}

/// What was asked for.
struct Wanted<'a> {
    app: &'a AppName,
    release: Option<&'a str>,
    actor: &'a str,
    entry: RunEntry,
}

fn choose<'r>(
    wanted: &Wanted<'_>,
    seen: &Seen,
    repository: Option<&'r Repository>,
    arguments: &RollbackArguments,
    ground: Ground<'_>,
    invocation: &Invocation<'_>,
) -> Result<Chosen<'r>, Failure> {
    let app = wanted.app;
    let Some(state) = &seen.observed.app else {
        return Err(missing(app, ground.host.name()));
    };
    let history = state
        .history
        .as_ref()
        .map_err(|bad| Failure::from(bad.clone()))?;
    let target = target(app, history, wanted.release, invocation)?.clone();
    if !is_commit(&target.sha) {
        return Err(Failure::new(
            exit_codes::HOST,
            format!("the record of v{} of {app} names no commit", target.version),
        ));
    }
    let environment = history
        .current()
        .and_then(|current| current.environment.parse().ok())
        .unwrap_or_else(|| Environment::of_app(app));
    let mut wish = Wish {
        app: app.clone(),
        environment,
        commit: Commit {
            sha: target.sha.clone(),
            subject: unrepeated(&target.message).to_owned(),
            branch: None,
        },
        // Nothing is planned by them; what healthy means is known when the commit is here.
        settings: Settings::default().resolve(environment),
        base_domain: None,
        given: Given::new(),
        credentials: access::credentials(environment)?,
        copy: None,
        actor: wanted.actor.to_owned(),
        run_id: format!("{:016x}", rand::random::<u64>()),
        entry: Some(wanted.entry.clone()),
    };
    let plan = rollback::plan(
        &wish,
        seen,
        &target,
        ground.clock.now(),
        arguments.resume,
        arguments.override_lock,
    )
    .map_err(|refusal| outcome::refused(&refusal))?;
    let is_pushed = |step: &Step| matches!(step, Step::Push { .. });
    let source = if plan.steps.iter().any(is_pushed) {
        let fetching = Fetching {
            history,
            target: &target,
            seen,
            interrupts: ground.interrupts,
            invocation,
        };
        fetching.source(repository)?
    } else {
        Source::Here(repository)
    };
    let course = Course::between(history, &target, environment, source.repository())?;
    wish.settings = course.settings.resolve(environment);
    // What runs how often is as it is.
    wish.settings.scale.clear();
    Ok(Chosen {
        target,
        wish,
        plan,
        course,
        source,
    })
}

/// The release that was named, or that is picked from the list, or the usual one.
fn target<'h>(
    app: &AppName,
    history: &'h History,
    given: Option<&str>,
    invocation: &Invocation<'_>,
) -> Result<&'h Release, Failure> {
    let named = match given {
        Some(given) => given.to_owned(),
        None => pick::pick(app, history, invocation.ui)?,
    };
    rollback::choose(app, history, &named).map_err(|error| {
        let failure = Failure::refused(error.to_string());
        match error {
            NoTarget::NoHistory { .. } => failure.hint(
                "Releases are recorded from the first `dokku-cli deploy` on; `dokku-cli deploy APP COMMIT` deploys any commit.",
            ),
            NoTarget::TooFew => failure,
            NoTarget::NotFound { known, .. } => Failure::usage(failure.message)
                .hint(format!("There are {known}."))
                .hint("`dokku-cli deploy APP COMMIT` deploys any other commit."),
            NoTarget::Ambiguous { .. } => Failure::usage(failure.message),
        }
    })
}

/// From where to where, what is taken back, and what is not.
fn tell(chosen: &Chosen<'_>, invocation: &Invocation<'_>) {
    let ui = invocation.ui;
    let Chosen {
        target,
        wish,
        plan,
        course,
        ..
    } = chosen;
    for note in plan.notes.iter().chain(&course.notes) {
        ui.info(note);
    }
    ui.caution(&format!(
        "Rolling back {} to: {}",
        wish.app,
        short(&target.sha)
    ));
    ui.plain(&format!("  Commit: {}", wish.commit.subject));
    let from = plan.previous.as_ref().map_or_else(
        || "nothing that is recorded".to_owned(),
        |release| format!("v{} ({})", release.version, short(&release.sha)),
    );
    ui.plain(&format!(
        "  From {from} to v{} ({}), {}",
        target.version,
        short(&target.sha),
        way(plan),
    ));
    for line in course.lines() {
        ui.plain(&line);
    }
    if let Some(reason) = &plan.override_lock {
        ui.warning(&format!("A lock is passed over: {reason}"));
    }
}

fn way(plan: &Plan) -> &'static str {
    let has = |is: fn(&Step) -> bool| plan.steps.iter().any(is);
    if plan.kept().is_some() {
        "by the image that the host has kept"
    } else if has(|step| matches!(step, Step::Push { .. })) {
        "by pushing its commit and building it again"
    } else if has(|step| matches!(step, Step::Rebuild)) {
        "by building the commit that the host has again"
    } else {
        "which runs already"
    }
}

fn show(chosen: &Chosen<'_>, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let lines = chosen.plan.describe(&chosen.wish);
    if invocation.ui.is_json() {
        invocation.ui.json(&serde_json::json!({
            "app": chosen.wish.app,
            "environment": chosen.wish.environment,
            "from": chosen.plan.previous,
            "to": chosen.target,
            "way": way(&chosen.plan),
            "taken_back": chosen.course.taken_back,
            "brought_back": chosen.course.brought_back,
            "tasks_not_undone": chosen.course.tasks,
            "plan": lines,
            "notes": chosen.plan.notes,
        }))?;
    } else {
        for line in lines {
            invocation.ui.result(&crate::ui::visible(&line))?;
        }
    }
    Ok(exit_codes::OK)
}

fn confirm(
    chosen: &Chosen<'_>,
    arguments: &RollbackArguments,
    invocation: &Invocation<'_>,
) -> Result<(), Failure> {
    if arguments.yes || !chosen.plan.changes_anything() {
        return Ok(());
    }
    let question = if chosen.plan.override_lock.is_some() {
        "Pass the lock over and continue?"
    } else {
        "Continue?"
    };
    match invocation.ui.confirm(question)? {
        Reply::Yes => Ok(()),
        Reply::No => Err(Failure::refused("Rollback cancelled")),
        Reply::Nobody => Err(Failure::refused(format!(
            "{} was not rolled back: nobody is there to confirm",
            chosen.wish.app
        ))
        .hint("Look at what is said above, then confirm with --yes.")),
    }
}
