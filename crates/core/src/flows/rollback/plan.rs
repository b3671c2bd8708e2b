//! What a rollback will do: decided from the release and the observation alone.

use jiff::Timestamp;

use crate::{
    app::AppName,
    dokku::deploy_system,
    host::Host,
    journal::Phase,
    plugin_protocol::KeptImage,
    release::Release,
    rollout::{
        AppState, KeptRelease, Observed, Plan, Refusal, Step, Unobserved, Wish, observe_app,
        refuse_held, refuse_locked, takeover, unfinished,
    },
};

/// What is on the host before a rollback.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The app and the host.
    pub observed: Observed,
    /// The images of releases that the host has kept.
    pub kept: Vec<KeptImage>,
    /// Why nothing is known of kept images, where the host should know.
    pub unknown: Option<String>,
}

/// Asks the host everything that a rollback needs. Reads only.
pub fn look(app: &AppName, host: &dyn Host) -> Result<Seen, Unobserved> {
    let observed = observe_app(app, &[], host)?;
    let mut seen = Seen {
        observed,
        kept: Vec::new(),
        unknown: None,
    };
    if seen.observed.capabilities.deploy_system.is_some() && seen.observed.app.is_some() {
        let answer = host.ask(&deploy_system::images(app))?;
        match deploy_system::read(&answer, host.name()) {
            Ok(kept) => seen.kept = kept,
            Err(error) => seen.unknown = Some(error.to_string()),
        }
    }
    Ok(seen)
}

/// How the release gets back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It runs already.
    Serves,
    /// The host has its image: no build.
    Image(KeptRelease),
    /// The host has its commit: that is built again.
    Rebuild,
    /// Its commit is pushed and built again.
    Push,
}

/// How `target` gets back.
pub fn way(seen: &Seen, target: &Release) -> Way {
    let Some(app) = &seen.observed.app else {
        return Way::Push;
    };
    if app.proves(target) {
        Way::Serves
    } else if let Some(kept) = kept(seen, target) {
        Way::Image(kept)
    } else if app.git.deployed() == Some(target.sha.as_str()) {
        Way::Rebuild
    } else {
        Way::Push
    }
}

fn kept(seen: &Seen, release: &Release) -> Option<KeptRelease> {
    let image = release.image.clone()?;
    let is_there = seen
        .kept
        .iter()
        .any(|kept| kept.version == release.version && kept.image == image);
    is_there.then(|| KeptRelease {
        version: release.version,
        image,
        commit: release.sha.clone(),
    })
}

/// Decides what to do to bring `target` back, whose commit is the wish's. `resume` takes an
/// unfinished run over even if it seems alive; `overrides_lock` passes a lock over.
pub fn plan(
    wish: &Wish,
    seen: &Seen,
    target: &Release,
    now: Timestamp,
    resume: bool,
    overrides_lock: bool,
) -> Result<Plan, Refusal> {
    let observed = &seen.observed;
    let Some(app) = &observed.app else {
        return Err(Refusal::Missing(format!("there is no app {}", wish.app)));
    };
    let override_lock = passes_lock(wish, observed, target, now, overrides_lock)?;
    let takeover = takeover(wish, Some(app), now, resume)?;
    refuse_held(
        wish,
        Some(app),
        observed.capabilities.skip_deploy,
        takeover.as_ref(),
    )?;
    let history = match &app.history {
        Ok(history) => history.clone(),
        Err(bad) => {
            return Err(Refusal::Unreadable {
                app: wish.app.clone(),
                why: bad.to_string(),
            });
        }
    };
    let mut notes = Vec::new();
    notes.extend(takeover.as_ref().map(unfinished));
    if overrides_lock && override_lock.is_none() {
        notes.push(format!(
            "{} is not locked: no lock is passed over",
            wish.app
        ));
    }
    notes.extend(seen.unknown.as_ref().map(|why| {
        format!(
            "which images are kept on the host is not known, so the commit is built again: {why}"
        )
    }));
    let is_held = takeover
        .as_ref()
        .is_some_and(|journal| journal.phase.may_hold());
    // What an unfinished run built is the newest image: whatever serves, a restart would run that.
    let is_newest = takeover
        .as_ref()
        .is_none_or(|journal| journal.phase == Phase::Preparing);
    let previous = history.current().cloned();
    let way = match way(seen, target) {
        Way::Serves if !is_newest => kept(seen, target).map_or(Way::Rebuild, Way::Image),
        way => way,
    };
    let branch_commit = app.lease(previous.as_ref());
    let is_current = previous
        .as_ref()
        .is_some_and(|release| release.version == target.version);
    let steps = steps(
        app,
        way,
        is_held,
        is_current && takeover.is_none(),
        branch_commit.as_ref(),
    );
    let kept_before = previous
        .as_ref()
        .filter(|release| app.proves(release))
        .and_then(|release| kept(seen, release));
    Ok(Plan {
        steps,
        notes,
        adoption: None,
        takeover,
        stops_left_tasks: false,
        previous_commit: app.serving_commit(previous.as_ref()),
        branch: app.git.deploy_branch.clone(),
        branch_commit,
        kept_before,
        override_lock,
        again: Some(target.version),
        next_version: history.next_version(),
        containers_before: app.container_ids(),
        image_before: app.running_image(),
        is_first: !app.ps.is_deployed,
        domain: own_domain(app),
        before: app.variables.clone(),
        scale_before: app.scale.clone(),
        base: observed.base.as_ref().map(|(name, _)| name.clone()),
        capabilities: observed.capabilities.clone(),
        previous,
        history,
    })
}

/// The domain that the app was told it has, among those that it has.
fn own_domain(app: &AppState) -> Option<String> {
    let told = app.variables.text("APP_URL")?;
    let (_, domain) = told.split_once("://")?;
    app.domains
        .app
        .iter()
        .find(|known| *known == domain)
        .cloned()
}

/// Refuses a locked app; where its lock is to be passed over, says why.
fn passes_lock(
    wish: &Wish,
    observed: &Observed,
    target: &Release,
    now: Timestamp,
    overrides: bool,
) -> Result<Option<String>, Refusal> {
    match refuse_locked(wish, observed, now) {
        Ok(()) => Ok(None),
        Err(refusal) if !overrides => Err(refusal),
        Err(refusal) => Ok(Some(format!(
            "rollback to v{}, although {refusal}",
            target.version
        ))),
    }
}

fn steps(
    app: &AppState,
    way: Way,
    is_held: bool,
    is_recorded: bool,
    branch_commit: Option<&String>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    match way {
        Way::Serves if is_recorded => return vec![Step::Verify],
        Way::Serves => steps.extend([Step::TakeJournal, Step::Recheck]),
        Way::Image(kept) => {
            steps.extend([Step::TakeJournal, Step::Recheck, Step::RunKept(kept)]);
        }
        Way::Rebuild | Way::Push => {
            steps.extend([Step::TakeJournal, Step::Recheck]);
            if is_held {
                steps.push(Step::Hold);
            }
            steps.push(if way == Way::Push {
                Step::Push {
                    branch: app.git.deploy_branch.clone(),
                    lease: branch_commit.cloned(),
                }
            } else {
                Step::Rebuild
            });
            if !app.has_web_port() {
                steps.push(Step::EnsurePort);
            }
            if is_held {
                steps.push(Step::Switch {
                    is_first: !app.ps.is_deployed,
                });
            }
        }
    }
    steps.extend([Step::Verify, Step::Record]);
    steps
}
