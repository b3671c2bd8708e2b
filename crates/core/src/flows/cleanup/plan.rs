//! What is destroyed and what stays, decided from the observation alone.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{DOOMED, Observed, REPOSITORY_ID};
use crate::{
    app::{AppName, Environment},
    journal::Journal,
    lock::LockState,
    rollout::CopyState,
    service::{ServiceKind, ServiceName},
    store::Variables,
};

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// The app itself.
    pub app: bool,
    /// Its staging and development apps.
    pub environments: bool,
    /// Its previews.
    pub previews: bool,
    /// Services stay.
    pub keep_services: bool,
}

/// A service that is destroyed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Doomed {
    /// Its kind.
    pub kind: ServiceKind,
    /// Its name.
    pub name: ServiceName,
    /// The apps that it is unlinked from before.
    pub linked: Vec<AppName>,
    /// It is a copy of another app's that was never finished: nobody's data, so nothing to back up.
    pub is_unfinished: bool,
}

/// One app and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppPlan {
    /// Its name.
    pub app: AppName,
    /// Whether there is an app; otherwise only services of it are left.
    pub exists: bool,
    /// Services that are destroyed before it.
    pub services: Vec<Doomed>,
    /// Services that were its own and stay, each with the reason.
    pub kept: Vec<(ServiceName, String)>,
}

/// Everything that is destroyed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which it is done.
    pub apps: Vec<AppPlan>,
    /// Apps that are named alike and stay, each with the reason.
    pub left_alone: Vec<(AppName, String)>,
}

impl Plan {
    /// Whether there is nothing to destroy.
    pub fn is_empty(&self) -> bool {
        self.apps.is_empty()
    }
}

/// Why nothing is destroyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An app is locked.
    #[error("{app} is locked: {reason} (by {by}); unlock it first")]
    Locked {
        /// The app.
        app: AppName,
        /// Why.
        reason: String,
        /// By whom.
        by: String,
    },
    /// Something on the host, written by this system, cannot be read.
    #[error("{app}: {why}")]
    Unreadable {
        /// The app.
        app: AppName,
        /// What.
        why: String,
    },
    /// A deploy of an app is under way.
    #[error("a deploy of {app} by {by} is under way")]
    Busy {
        /// The app.
        app: AppName,
        /// Whose.
        by: String,
    },
}

/// Decides. Of the apps that were observed exactly those are destroyed that are meant: `app` itself,
/// and apps named after it that say of themselves that they are its staging, development or preview.
pub fn plan(
    app: &AppName,
    scope: Scope,
    observed: &Observed,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let mut plan = Plan::default();
    let own = observed.apps.get(app);
    let mut doomed_apps = Vec::new();
    for (name, variables) in &observed.apps {
        if name == app {
            continue;
        }
        let Some(environment) = relation(app, name) else {
            continue;
        };
        let is_meant = match environment {
            Environment::Preview => scope.previews,
            _ => scope.environments,
        };
        if !is_meant {
            continue;
        }
        match stranger(app, own, name, variables, environment) {
            Some(why) => plan.left_alone.push((name.clone(), why)),
            None => doomed_apps.push(name.clone()),
        }
    }
    // The main app last: its variables say what belongs to it.
    if scope.app {
        doomed_apps.push(app.clone());
    }
    for name in &doomed_apps {
        if let Some(variables) = observed.apps.get(name) {
            refuse(name, variables, now)?;
        }
    }
    let together: BTreeSet<&AppName> = doomed_apps.iter().collect();
    let mut taken = BTreeSet::new();
    for name in &doomed_apps {
        let one = app_plan(name, observed, &together, &mut taken, scope.keep_services);
        if one.exists || !one.services.is_empty() {
            plan.apps.push(one);
        }
    }
    Ok(plan)
}

/// Whether `name` is `app`, or is named as if it belonged to it.
pub fn may_belong(app: &AppName, name: &AppName) -> bool {
    name == app || relation(app, name).is_some()
}

/// What `name` is to `app` by its name alone.
fn relation(app: &AppName, name: &AppName) -> Option<Environment> {
    if name.base_by_name().as_ref() == Some(app) {
        return Some(Environment::Preview);
    }
    match name.as_str().strip_prefix(app.as_str()) {
        Some("-staging") => Some(Environment::Staging),
        Some("-dev") => Some(Environment::Development),
        _ => None,
    }
}

/// Why an app that is named as if it belonged to `app` does not; `None`: it does.
fn stranger(
    app: &AppName,
    own: Option<&Variables>,
    name: &AppName,
    variables: &Variables,
    environment: Environment,
) -> Option<String> {
    let told = variables.text("APP_ENV").unwrap_or_default();
    if told != environment.as_str() {
        return Some(if told.is_empty() {
            format!(
                "its variables do not say that it is {environment} of {app}: APP_ENV is not set"
            )
        } else {
            format!("its variable APP_ENV says {told}, so it is no {environment} of {app}")
        });
    }
    let id = |variables: &Variables| variables.text(REPOSITORY_ID).map(str::to_owned);
    match (own.and_then(id), id(variables)) {
        (Some(ours), Some(theirs)) if ours != theirs => Some(format!(
            "it was deployed from another repository than {app} ({name} from {theirs}, {app} from {ours})"
        )),
        _ => None,
    }
}

/// Refuses to destroy an app that is locked or being deployed.
fn refuse(app: &AppName, variables: &Variables, now: Timestamp) -> Result<(), Refusal> {
    let unreadable = |why: String| Refusal::Unreadable {
        app: app.clone(),
        why,
    };
    match LockState::of(variables, now).map_err(|bad| unreadable(bad.to_string()))? {
        LockState::Locked(lock) => {
            return Err(Refusal::Locked {
                app: app.clone(),
                reason: lock.reason,
                by: lock.by,
            });
        }
        LockState::Unlocked | LockState::Expired(_) => {}
    }
    match Journal::of(variables).map_err(|bad| unreadable(bad.to_string()))? {
        Some(journal) if !journal.is_expired(now) => Err(Refusal::Busy {
            app: app.clone(),
            by: journal.by,
        }),
        _ => Ok(()),
    }
}

fn app_plan(
    app: &AppName,
    observed: &Observed,
    together: &BTreeSet<&AppName>,
    taken: &mut BTreeSet<(ServiceKind, ServiceName)>,
    keep_services: bool,
) -> AppPlan {
    let variables = observed.apps.get(app);
    let named: BTreeSet<_> = variables.map(named_doomed).into_iter().flatten().collect();
    let mut plan = AppPlan {
        app: app.clone(),
        exists: variables.is_some(),
        services: Vec::new(),
        kept: Vec::new(),
    };
    for service in &observed.services {
        let key = (service.kind, service.name.clone());
        let is_linked = service.apps.contains(app);
        let is_left = service.apps.is_empty()
            && (service.name == ServiceName::of(service.kind, app) || named.contains(&key));
        if !(is_linked || is_left) {
            continue;
        }
        let others: Vec<&str> = service
            .apps
            .iter()
            .filter(|other| !together.contains(other))
            .map(AppName::as_str)
            .collect();
        let is_shared = Environment::ALL
            .into_iter()
            .any(|environment| service.name == ServiceName::shared(service.kind, environment));
        let why = if keep_services {
            Some("services are kept".to_owned())
        } else if is_shared {
            Some("it is shared by all apps of an environment".to_owned())
        } else if others.is_empty() {
            None
        } else {
            Some(format!("it is linked to {} too", others.join(", ")))
        };
        match why {
            Some(why) => plan.kept.push((service.name.clone(), why)),
            // Of several apps that go and share it, the first one takes it along.
            None if taken.insert(key) => plan.services.push(Doomed {
                kind: service.kind,
                name: service.name.clone(),
                linked: service.apps.clone(),
                is_unfinished: service.apps.is_empty()
                    && service.name == ServiceName::of(service.kind, app)
                    && variables.is_some_and(|variables| {
                        CopyState::of(service.kind, variables) == CopyState::Unfinished
                    }),
            }),
            None => {}
        }
    }
    plan
}

/// The services that an app names as being destroyed with it.
pub(super) fn named_doomed(variables: &Variables) -> Vec<(ServiceKind, ServiceName)> {
    let text = variables.text(DOOMED).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|word| word.split_once(':'))
        .filter_map(|(kind, name)| Some((kind.parse().ok()?, ServiceName::new(name).ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{super::Service, *};
    use crate::dokku::{capabilities::Capabilities, version::Version};

    fn app(name: &str) -> AppName {
        AppName::new(name).unwrap()
    }

    fn observed(apps: &[(&str, &[(&str, &str)])], services: &[(&str, &[&str])]) -> Observed {
        let apps: BTreeMap<AppName, Variables> = apps
            .iter()
            .map(|(name, variables)| {
                let variables = variables
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                    .collect();
                (app(name), variables)
            })
            .collect();
        Observed {
            capabilities: Capabilities::of(Version::new(0, 38, 27), &[]).unwrap(),
            all: apps.keys().cloned().collect(),
            apps,
            services: services
                .iter()
                .map(|(name, apps)| Service {
                    kind: ServiceKind::Postgres,
                    name: ServiceName::new(name).unwrap(),
                    apps: apps.iter().map(|name| app(name)).collect(),
                })
                .collect(),
        }
    }

    const ALL: Scope = Scope {
        app: true,
        environments: true,
        previews: true,
        keep_services: false,
    };

    fn planned(scope: Scope, observed: &Observed) -> Plan {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        plan(&app("shop"), scope, observed, now).unwrap()
    }

    fn names(plan: &Plan) -> Vec<&str> {
        plan.apps.iter().map(|one| one.app.as_str()).collect()
    }

    #[test]
    fn no_app_goes_whose_name_merely_begins_so() {
        let seen = observed(
            &[
                ("shop", &[("APP_ENV", "production"), (REPOSITORY_ID, "1")]),
                ("shop-admin", &[("APP_ENV", "production")]),
                ("shop-dev", &[("APP_ENV", "production")]),
                ("shop-pr-3", &[("APP_ENV", "preview"), (REPOSITORY_ID, "1")]),
                ("shop-pr-4", &[("APP_ENV", "preview"), (REPOSITORY_ID, "2")]),
                ("shop-pr-x", &[("APP_ENV", "preview")]),
                ("shop-pr-5", &[]),
                ("shop-staging", &[("APP_ENV", "staging")]),
                ("shop-staging-pr-1", &[("APP_ENV", "preview")]),
                ("shopping", &[("APP_ENV", "production")]),
            ],
            &[],
        );
        let plan = planned(ALL, &seen);
        assert_eq!(names(&plan), ["shop-pr-3", "shop-staging", "shop"]);
        let left: Vec<&str> = plan
            .left_alone
            .iter()
            .map(|(app, _)| app.as_str())
            .collect();
        assert_eq!(left, ["shop-dev", "shop-pr-4", "shop-pr-5"]);
        let previews = Scope {
            app: false,
            environments: false,
            ..ALL
        };
        assert_eq!(names(&planned(previews, &seen)), ["shop-pr-3"]);
    }

    #[test]
    fn a_service_that_somebody_else_uses_stays_and_one_of_several_that_go_goes_once() {
        let seen = observed(
            &[("shop", &[]), ("shop-staging", &[("APP_ENV", "staging")])],
            &[
                ("both", &["shop", "shop-staging"]),
                ("foreign", &["shop", "other"]),
                ("postgres-preview-shared", &["shop"]),
                ("postgres-shop", &[]),
                ("stray", &[]),
            ],
        );
        let plan = planned(ALL, &seen);
        let doomed: Vec<Vec<&str>> = plan
            .apps
            .iter()
            .map(|one| one.services.iter().map(|s| s.name.as_str()).collect())
            .collect();
        assert_eq!(doomed, [vec!["both"], vec!["postgres-shop"]]);
        let kept: Vec<String> = plan.apps[1]
            .kept
            .iter()
            .map(|(name, why)| format!("{name}: {why}"))
            .collect();
        assert_eq!(
            kept,
            [
                "foreign: it is linked to other too",
                "postgres-preview-shared: it is shared by all apps of an environment"
            ]
        );
        let kept = planned(
            Scope {
                keep_services: true,
                ..ALL
            },
            &seen,
        );
        assert!(kept.apps.iter().all(|one| one.services.is_empty()));
    }

    #[test]
    fn what_an_interrupted_run_had_unlinked_still_goes() {
        let seen = observed(
            &[("shop", &[(DOOMED, "postgres:by-hand redis:%% nonsense")])],
            &[("by-hand", &[]), ("elsewhere", &[])],
        );
        let plan = planned(ALL, &seen);
        assert_eq!(plan.apps[0].services.len(), 1);
        assert_eq!(plan.apps[0].services[0].name.as_str(), "by-hand");
    }

    #[test]
    fn locked_and_busy_apps_are_refused() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let refused = |variables: &[(&str, &str)]| {
            plan(
                &app("shop"),
                ALL,
                &observed(&[("shop", variables)], &[]),
                now,
            )
            .unwrap_err()
        };
        assert!(matches!(
            refused(&[("DEPLOY_LOCKED", "true"), ("DEPLOY_LOCK_REASON", "r")]),
            Refusal::Locked { .. }
        ));
        assert!(matches!(
            refused(&[("DEPLOY_LOCKED", "maybe")]),
            Refusal::Unreadable { .. }
        ));
        assert!(matches!(
            refused(&[("DEPLOY_RUN_ID", "x")]),
            Refusal::Unreadable { .. }
        ));
    }
}
