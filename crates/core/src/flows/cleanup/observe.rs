//! What there is: apps with their variables, and the services that belong to them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    app::AppName,
    dokku::{apps, capabilities::Capabilities, config, datastore, plugin, version},
    host::{Answer, Host, HostError},
    rollout::Unobserved,
    service::{ServiceKind, ServiceName},
    store::Variables,
};

/// A service, and who is linked to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its kind.
    pub kind: ServiceKind,
    /// Its name.
    pub name: ServiceName,
    /// The apps that it is linked to, those that the ssh key does not see too.
    pub apps: Vec<AppName>,
}

/// What is on the host.
#[derive(Debug, Clone)]
pub struct Observed {
    /// What the host can do.
    pub capabilities: Capabilities,
    /// All apps that the ssh key sees.
    pub all: Vec<AppName>,
    /// Those that were asked about and exist, with their variables.
    pub apps: BTreeMap<AppName, Variables>,
    /// The services that are linked to them, are named as theirs, or are named by them.
    pub services: Vec<Service>,
}

/// Asks the host about the apps for which `is_asked` is true, and about services named as those of
/// `absent`, which may not exist. Reads only, in four round trips.
pub fn observe(
    host: &dyn Host,
    absent: &[AppName],
    is_asked: &dyn Fn(&AppName) -> bool,
) -> Result<Observed, Unobserved> {
    let first: Vec<Answer> = host
        .ask_all(&[version::ask(), plugin::list(), apps::list()])
        .into_iter()
        .collect::<Result<_, _>>()?;
    let version = version::read(&first[0], host.name())?;
    let capabilities = Capabilities::of(version, &plugin::read(&first[1])?)?;
    let all = apps::read_list(&first[2])?;
    let asked: Vec<&AppName> = all.iter().filter(|app| is_asked(app)).collect();

    let exports: Vec<_> = asked.iter().map(|app| config::export(app)).collect();
    let mut apps = BTreeMap::new();
    for (app, answer) in asked.into_iter().zip(host.ask_all(&exports)) {
        // One that was destroyed meanwhile is not there.
        if let Some(variables) = config::read_export(&answer?)? {
            apps.insert(app.clone(), variables);
        }
    }
    let services = services(host, &capabilities, &apps, absent)?;
    Ok(Observed {
        capabilities,
        all,
        apps,
        services,
    })
}

fn services(
    host: &dyn Host,
    capabilities: &Capabilities,
    apps: &BTreeMap<AppName, Variables>,
    absent: &[AppName],
) -> Result<Vec<Service>, HostError> {
    let kinds: Vec<ServiceKind> = capabilities.services.iter().copied().collect();
    let pairs: Vec<(ServiceKind, &AppName)> = kinds
        .iter()
        .flat_map(|kind| apps.keys().map(|app| (*kind, app)))
        .collect();
    let questions: Vec<_> = kinds
        .iter()
        .map(|kind| datastore::list(*kind))
        .chain(
            pairs
                .iter()
                .map(|(kind, app)| datastore::app_links(*kind, app)),
        )
        .collect();
    let mut answers = host.ask_all(&questions).into_iter();
    let mut existing = BTreeSet::new();
    for (kind, answer) in kinds.iter().zip(answers.by_ref()) {
        let names = datastore::read_list(&answer?)?;
        existing.extend(names.into_iter().map(|name| (*kind, name)));
    }
    let mut wanted = BTreeSet::new();
    for ((kind, _), answer) in pairs.iter().zip(answers) {
        let linked = datastore::read_app_links(&answer?)?.unwrap_or_default();
        wanted.extend(linked.into_iter().map(|name| (*kind, name)));
    }
    for kind in &kinds {
        let names = apps.keys().chain(absent);
        wanted.extend(names.map(|app| (*kind, ServiceName::of(*kind, app))));
    }
    wanted.extend(apps.values().flat_map(super::plan::named_doomed));
    let found: Vec<_> = wanted.intersection(&existing).cloned().collect();
    let questions: Vec<_> = found
        .iter()
        .map(|(kind, name)| datastore::links(*kind, name))
        .collect();
    let mut services = Vec::new();
    for ((kind, name), answer) in found.into_iter().zip(host.ask_all(&questions)) {
        if let Some(apps) = datastore::read_links(&answer?)? {
            services.push(Service { kind, name, apps });
        }
    }
    Ok(services)
}
