//! What previews of closed pull requests have left, on the host or at GitHub: found by the deployments that
//! GitHub still shows.

use std::collections::{BTreeMap, BTreeSet};

use dokku_deploy::{
    app::{AppName, Environment},
    clock::Clock,
    flows::cleanup::{self, Candidate},
    store::Variables,
};

use super::{Hub, Subject, destroy};
use crate::{
    ci::{
        actions::Actions,
        api,
        github::{Existence, PullState, RepositoryName},
    },
    commands::{deploy::wish, with_host},
    failure::Failure,
    invocation::Invocation,
};

/// Ends them, of all repositories that apps of the host were deployed from. An app that says of itself what
/// it is was judged already. One that cannot be ended does not keep the others from it.
pub fn reconcile(clock: &dyn Clock, invocation: &Invocation<'_>) -> Result<(), Failure> {
    let ui = invocation.ui;
    let apps = with_host(invocation, |host, _| {
        Ok(cleanup::observe(host, &[], &|_| true)?.apps)
    })?;
    if repositories(&apps).is_empty() {
        return Ok(());
    }
    let github = api::client(clock)?;
    let actions = Actions::here()?;
    let mut first = None;
    for (recorded, id) in repositories(&apps) {
        // It may have another name by now, and its name may be another's.
        let name = match github.existence(&recorded, Some(id)) {
            Ok(Existence::There(found)) => RepositoryName::parse(&found.full_name),
            _ => None,
        };
        let Some(name) = name else {
            ui.warning(&format!(
                "what previews of {recorded} have left is not known: GitHub does not show the repository"
            ));
            continue;
        };
        let of_run = match &actions {
            Some(actions) => api::writer(actions, &name, clock)?,
            None => None,
        };
        let hub = Hub {
            github: &github,
            writer: of_run.as_ref().unwrap_or(&github),
            ui,
        };
        let listed = match hub.github.preview_deployments(&name, None) {
            Ok(listed) => listed,
            Err(error) => {
                ui.warning(&format!(
                    "what previews of {name} have left at GitHub is not known: {error}"
                ));
                continue;
            }
        };
        let numbers: BTreeSet<u64> = listed.into_iter().map(|(number, _)| number).collect();
        for number in numbers {
            let app = wish::app_by_name_of(name.name(), Environment::Preview, Some(number))?;
            if apps
                .get(&app)
                .is_some_and(|variables| !is_nameless(variables))
            {
                continue;
            }
            let pull = match hub.github.pull(&name, number) {
                Ok(pull) if pull.state == PullState::Closed => pull,
                Ok(_) => continue,
                Err(error) => {
                    ui.warning(&format!(
                        "what is left of pull request {number} of {name} stays: {error}"
                    ));
                    continue;
                }
            };
            ui.info(&format!(
                "Pull request {number} of {name} is closed, and something is left of its preview"
            ));
            let subject = Subject {
                repository: name.clone(),
                repository_id: id,
                pull,
                app,
            };
            match destroy::run(&subject, hub, invocation) {
                // With --json there is one object, of what was judged.
                Ok(gone) if !ui.is_json() => gone.tell(invocation)?,
                Ok(_) => {}
                Err(failure) => {
                    ui.warning(&failure.message);
                    first.get_or_insert(failure);
                }
            }
        }
    }
    first.map_or(Ok(()), Err)
}

fn repositories(apps: &BTreeMap<AppName, Variables>) -> BTreeSet<(RepositoryName, u64)> {
    apps.iter()
        .filter_map(|(app, variables)| {
            let candidate = Candidate::of(app, variables);
            let name = RepositoryName::parse(candidate.repository.as_deref()?)?;
            Some((name, candidate.repository_id?))
        })
        .collect()
}

/// An app whose first deploy never came to say what it is: nothing but that deploy's journal is there.
fn is_nameless(variables: &Variables) -> bool {
    let mut keys = variables.keys();
    keys.all(|key| key.starts_with("DEPLOY_RUN_"))
}
