//! What a deploy will do: decided from the wish and the observation alone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    draft::{Code, Draft},
    observe::{AppState, Observed},
    refusal::{Refusal, refuse_held, refuse_locked, takeover},
    step::{DEPLOY_BRANCH, Step},
    wish::Wish,
};
use crate::{
    app::AppName,
    dokku::{capabilities::Capabilities, git::is_commit},
    journal::{self, Journal},
    release::{History, Release},
    store::Variables,
    variables::{Changes, MANAGED},
};

/// What a deploy will do, and what it found out on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The steps in order. No step that changes anything: nothing to do but to verify.
    pub steps: Vec<Step>,
    /// What a person should know about what is done or left alone.
    pub notes: Vec<String>,
    /// The first deploy of an app that somebody else made: what it takes over and what it leaves.
    pub adoption: Option<Adoption>,
    /// An unfinished run that this one takes over.
    pub takeover: Option<Journal>,
    /// The release before.
    pub previous: Option<Release>,
    /// The commit on the deploy branch before, where known: what is put back on failure.
    pub previous_commit: Option<String>,
    /// The branch on the host that deploys.
    pub branch: String,
    /// The releases so far.
    pub history: History,
    /// The number that this release gets.
    pub next_version: u64,
    /// The containers that ran before, by id.
    pub containers_before: BTreeSet<String>,
    /// The one image that they ran, if it was one.
    pub image_before: Option<String>,
    /// Whether the app ever ran.
    pub is_first: bool,
    /// The app's own domain, if it has one.
    pub domain: Option<String>,
    /// Variables before, for putting them back.
    pub before: Variables,
    /// Processes by type, as the host had them.
    pub scale_before: BTreeMap<String, u32>,
    /// The app whose lock holds for this one too.
    pub base: Option<AppName>,
    /// What the host can do.
    pub capabilities: Capabilities,
}

impl Plan {
    /// Whether anything on the host changes.
    pub fn changes_anything(&self) -> bool {
        self.steps.iter().any(|step| !matches!(step, Step::Verify))
    }

    /// Whether new code goes live.
    pub fn builds(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step, Step::Push { .. } | Step::Rebuild))
    }

    /// Processes by type as they are after the deploy: what is wished over what was there.
    pub fn scale(&self, wished: &BTreeMap<String, u32>) -> BTreeMap<String, u32> {
        let mut scale = self.scale_before.clone();
        scale.extend(
            wished
                .iter()
                .map(|(process, count)| (process.clone(), *count)),
        );
        scale
    }

    /// The variables that change.
    pub fn variable_changes(&self) -> Option<&Changes> {
        self.steps.iter().find_map(|step| match step {
            Step::SetVariables(changes) => Some(changes),
            _ => None,
        })
    }
}

/// What the first deploy of somebody else's app takes over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adoption {
    /// Variables that this system will own, with a new value where they had another.
    pub owns: Vec<String>,
    /// Variables of the app that stay as they are.
    pub leaves: Vec<String>,
    /// Services that are linked and stay so.
    pub services: Vec<String>,
    /// Domains that are there and stay.
    pub domains: Vec<String>,
}

/// Decides what to do. `resume` takes an unfinished run over even if it seems alive.
pub fn plan(
    wish: &Wish,
    observed: &Observed,
    now: Timestamp,
    resume: bool,
) -> Result<Plan, Refusal> {
    refuse_locked(wish, observed, now)?;
    let app = observed.app.as_ref();
    let takeover = takeover(wish, app, now, resume)?;
    refuse_held(
        wish,
        app,
        observed.capabilities.skip_deploy,
        takeover.as_ref(),
    )?;

    let mut draft = Draft::default();
    if let Some(journal) = &takeover {
        draft.notes.push(unfinished(journal));
        draft.takes_over = true;
        draft.is_held = journal.phase.may_hold();
        // It may have changed variables that nothing was restarted with.
        draft.restarts = true;
    }
    let history = match app.map(|app| &app.history) {
        None => History::default(),
        Some(Ok(history)) => history.clone(),
        Some(Err(bad)) => {
            return Err(Refusal::Unreadable {
                app: wish.app.clone(),
                why: bad.to_string(),
            });
        }
    };
    let previous = history.current().cloned();
    draft.services(wish, observed)?;
    let domains = draft.domains(wish, observed);
    let changes = draft.variables(wish, observed, domains.own.as_deref())?;
    draft.limits(wish, app);
    draft.scale(wish, app);
    let code = Code::decide(wish, app, previous.as_ref(), takeover.as_ref());
    let restarts = draft.restarts;
    let is_first = app.is_none_or(|app| !app.ps.is_deployed);

    let adoption = app.and_then(|app| adoption(wish, observed, app, &changes));
    let steps = draft.assemble(
        wish,
        app,
        code,
        changes,
        domains.missing,
        restarts,
        is_first,
        observed.capabilities.has_letsencrypt,
        lease(app, previous.as_ref()),
    );
    Ok(Plan {
        steps,
        notes: draft.notes,
        adoption,
        takeover,
        previous_commit: previous_commit(app, previous.as_ref()),
        previous,
        branch: app.map_or_else(
            || DEPLOY_BRANCH.to_owned(),
            |app| app.git.deploy_branch.clone(),
        ),
        next_version: history.next_version(),
        history,
        containers_before: app.map(AppState::container_ids).unwrap_or_default(),
        image_before: app.and_then(AppState::running_image),
        is_first,
        domain: domains.own,
        before: app.map(|app| app.variables.clone()).unwrap_or_default(),
        scale_before: app.map(|app| app.scale.clone()).unwrap_or_default(),
        base: observed.base.as_ref().map(|(name, _)| name.clone()),
        capabilities: observed.capabilities.clone(),
    })
}

/// What is taken over, for people.
fn unfinished(journal: &Journal) -> String {
    let keys: Vec<&str> = journal
        .undo
        .keys()
        .map(String::as_str)
        .filter(|key| !["GIT_REV", MANAGED].contains(key))
        .collect();
    let variables = if keys.is_empty() {
        String::new()
    } else {
        format!(
            "; the variables that it had changed stay so: {}",
            keys.join(", ")
        )
    };
    format!(
        "taking over the unfinished deploy of {} by {} ({}){variables}",
        journal.commit.get(..7).unwrap_or(&journal.commit),
        journal.by,
        journal.phase.as_str(),
    )
}

/// The commit that the deploy branch is at, as far as is known: Dokku tells it only while that
/// branch is its repository's HEAD; else the last release's.
fn lease(app: Option<&AppState>, previous: Option<&Release>) -> Option<String> {
    app?.git
        .deployed()
        .or_else(|| previous.map(|release| release.sha.as_str()))
        .filter(|sha| is_commit(sha))
        .map(str::to_owned)
}

fn previous_commit(app: Option<&AppState>, previous: Option<&Release>) -> Option<String> {
    let app = app?;
    lease(Some(app), previous).filter(|_| app.ps.is_deployed)
}

fn adoption(
    wish: &Wish,
    observed: &Observed,
    app: &AppState,
    changes: &Changes,
) -> Option<Adoption> {
    // A journal is this system's too: a run that was killed before it wrote the list.
    let is_ours = |key: &str| app.variables.contains_key(key);
    if is_ours(MANAGED) || journal::KEYS.iter().any(|key| is_ours(key)) {
        return None;
    }
    let is_fresh = !app.ps.is_deployed && app.variables.is_empty() && app.git.sha.is_none();
    if is_fresh {
        return None;
    }
    let is_ours = |key: &str| changes.managed.owns(key);
    Some(Adoption {
        owns: changes.managed.keys().map(str::to_owned).collect(),
        leaves: app
            .variables
            .keys()
            .filter(|key| !is_ours(key))
            .cloned()
            .collect(),
        services: observed
            .services
            .values()
            .flat_map(|service| &service.linked)
            .map(ToString::to_string)
            .collect(),
        domains: app
            .domains
            .app
            .iter()
            .filter(|domain| !wish.settings.custom_domains.contains(domain))
            .cloned()
            .collect(),
    })
}
