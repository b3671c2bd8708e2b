//! What a deploy will do: decided from the wish and the observation alone.

use jiff::Timestamp;

use super::draft::{Code, Draft};
use crate::{
    journal,
    release::History,
    rollout::{
        Adoption, AppState, DEPLOY_BRANCH, Observed, Plan, Refusal, Wish, refuse_held,
        refuse_locked, takeover, unfinished,
    },
    variables::{Changes, MANAGED},
};

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
    draft.protection(wish, &observed.capabilities)?;
    draft.limits(wish, app);
    draft.scale(wish, app);
    let code = Code::decide(wish, app, previous.as_ref(), takeover.as_ref());
    let restarts = draft.restarts;
    let is_first = app.is_none_or(|app| !app.ps.is_deployed);

    let lease = app.and_then(|app| app.lease(previous.as_ref()));
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
        lease.clone(),
    );
    Ok(Plan {
        steps,
        notes: draft.notes,
        adoption,
        takeover,
        stops_left_tasks: false,
        previous_commit: app.and_then(|app| app.serving_commit(previous.as_ref())),
        previous,
        branch: app.map_or_else(
            || DEPLOY_BRANCH.to_owned(),
            |app| app.git.deploy_branch.clone(),
        ),
        branch_commit: lease.clone(),
        kept_before: None,
        override_lock: None,
        again: None,
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
