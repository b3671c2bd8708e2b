//! What is on the host before a deploy. Reads only.

use std::collections::{BTreeMap, BTreeSet};

use super::wish::Wish;
use crate::{
    app::AppName,
    command::DokkuCommand,
    dokku::{
        capabilities::{Capabilities, Incapable},
        config, datastore,
        domains::{self, Domains},
        git::{self, GitReport, is_commit},
        plugin,
        ports::{self, Ports},
        ps::{self, Container, PsReport, Scale},
        resource::{self, Limits},
        version,
    },
    host::{Answer, Host, HostError},
    lock::{Malformed, base_app},
    release::{Corrupted, History, Release},
    service::{ServiceKind, ServiceName},
    store::Variables,
};

/// The key of the limits that hold for every process type without limits of its own.
const DEFAULT_LIMITS: &str = "_default_";

/// What a deploy needs to know of a host.
#[derive(Debug, Clone)]
pub struct Observed {
    /// What this Dokku can do.
    pub capabilities: Capabilities,
    /// The app; `None`: Dokku says that it does not exist.
    pub app: Option<AppState>,
    /// The base app of a preview, if it exists, with its variables.
    pub base: Option<(AppName, Variables)>,
    /// The services that the settings ask for and whose plugin the host has.
    pub services: BTreeMap<ServiceKind, ServiceState>,
}

/// An app as it is.
#[derive(Debug, Clone)]
pub struct AppState {
    /// Its variables.
    pub variables: Variables,
    /// Its releases.
    pub history: Result<History, Corrupted>,
    /// Its domains.
    pub domains: Domains,
    /// Its ports.
    pub ports: Ports,
    /// The limits for all process types.
    pub limits: Limits,
    /// Processes by type.
    pub scale: Scale,
    /// Its state.
    pub ps: PsReport,
    /// Its repository.
    pub git: GitReport,
    /// Its containers.
    pub containers: Vec<Container>,
}

impl AppState {
    /// Ids of the containers that run.
    pub fn container_ids(&self) -> BTreeSet<String> {
        self.running()
            .map(|container| container.id.clone())
            .collect()
    }

    /// The image that all running containers run; `None` if none runs or they differ.
    pub fn running_image(&self) -> Option<String> {
        let images: BTreeSet<&str> = self
            .running()
            .map(|container| container.image_id.as_str())
            .collect();
        match images.first() {
            Some(image) if images.len() == 1 => Some((*image).to_owned()),
            _ => None,
        }
    }

    /// The commit that the deploy branch is at, as far as is known: Dokku tells it only while that
    /// branch is its repository's HEAD; else the last release's.
    pub(crate) fn lease(&self, previous: Option<&Release>) -> Option<String> {
        self.git
            .deployed()
            .or_else(|| previous.map(|release| release.sha.as_str()))
            .filter(|sha| is_commit(sha))
            .map(str::to_owned)
    }

    /// The commit that serves, as far as is known. After a rollback to a kept image that is not the
    /// one on the deploy branch: the image proves it.
    pub(crate) fn serving_commit(&self, last: Option<&Release>) -> Option<String> {
        if !self.ps.is_deployed {
            return None;
        }
        match last {
            Some(last) if self.proves(last) && is_commit(&last.sha) => Some(last.sha.clone()),
            _ => self.lease(last),
        }
    }

    /// Whether the containers run that release's image.
    pub(crate) fn proves(&self, release: &Release) -> bool {
        release.image.is_some() && release.image == self.running_image()
    }

    fn running(&self) -> impl Iterator<Item = &Container> {
        self.containers
            .iter()
            .filter(|container| container.is_running)
    }

    /// Whether the app answers on port 80 or 443.
    pub fn has_web_port(&self) -> bool {
        self.ports
            .used()
            .iter()
            .any(|mapping| [80, 443].contains(&mapping.host))
    }
}

/// A service that the settings ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceState {
    /// The name it has, or would get.
    pub name: ServiceName,
    /// Whether a service of that name exists.
    pub exists: bool,
    /// Services of this kind that are linked to the app, under whatever name.
    pub linked: Vec<ServiceName>,
    /// Services of this kind that the app is linked to whose data is copied; nothing: none is copied,
    /// or Dokku says that there is no such app.
    pub to_copy: Option<Vec<ServiceName>>,
}

/// Why a host could not be observed, or not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unobserved {
    /// It gave no usable answer.
    #[error(transparent)]
    Host(#[from] HostError),
    /// It lacks something.
    #[error(transparent)]
    Incapable(#[from] Incapable),
    /// The app names a base that is none.
    #[error(transparent)]
    Base(#[from] Malformed),
}

/// Asks the host everything that a plan needs: the version first, then all else at once.
pub fn observe(wish: &Wish, host: &dyn Host) -> Result<Observed, Unobserved> {
    let app = &wish.app;
    let wanted: Vec<(ServiceKind, ServiceName)> = wish
        .settings
        .services
        .iter()
        .map(|service| {
            let name = if service.shared {
                ServiceName::shared(service.kind, wish.environment)
            } else {
                ServiceName::of(service.kind, app)
            };
            (service.kind, name)
        })
        .collect();
    let from = wish.copy.as_ref().map(|copy| &copy.from);
    observe_with(app, &wanted, from, host)
}

/// The same of an app, with these services.
pub fn observe_app(
    app: &AppName,
    wanted: &[(ServiceKind, ServiceName)],
    host: &dyn Host,
) -> Result<Observed, Unobserved> {
    observe_with(app, wanted, None, host)
}

fn observe_with(
    app: &AppName,
    wanted: &[(ServiceKind, ServiceName)],
    copy_from: Option<&AppName>,
    host: &dyn Host,
) -> Result<Observed, Unobserved> {
    let version = version::read(&host.ask(&version::ask())?, host.name())?;
    let form = Capabilities::of(version, &[])?.form;
    let named_base = app.base_by_name();

    let mut questions = Questions::default();
    let plugins = questions.add(plugin::list());
    let variables = questions.add(config::export(app));
    let named_base_variables = named_base
        .as_ref()
        .map(|base| questions.add(config::export(base)));
    let domains = questions.add(domains::report(app, form));
    let ports = questions.add(ports::report(app));
    let limits = questions.add(resource::report(app));
    let scale = questions.add(ps::scale_show(app));
    let report = questions.add(ps::report(app));
    let git = questions.add(git::report(app, form));
    let containers = questions.add(ps::inspect(app));
    let services: Vec<_> = wanted
        .iter()
        .map(|(kind, name)| {
            (
                questions.add(datastore::exists(*kind, name)),
                questions.add(datastore::app_links(*kind, app)),
                copy_from.map(|from| questions.add(datastore::app_links(*kind, from))),
            )
        })
        .collect();
    let answers = questions.ask(host)?;

    let plugins = plugin::read(&answers[plugins])?;
    let capabilities = Capabilities::of(version, &plugins)?;
    let app_state = match config::read_export(&answers[variables])? {
        None => None,
        Some(variables) => {
            let there = |what: &'static str, answer: usize| answers[answer].unparsable(what);
            Some(AppState {
                history: History::of(&variables),
                variables,
                domains: domains::read(&answers[domains])?
                    .ok_or_else(|| there("the app's domains", domains))?,
                ports: ports::read(&answers[ports])?
                    .ok_or_else(|| there("the app's ports", ports))?,
                limits: resource::read(&answers[limits])?
                    .ok_or_else(|| there("the app's limits", limits))?
                    .remove(DEFAULT_LIMITS)
                    .unwrap_or_default(),
                scale: ps::read_scale(&answers[scale])?
                    .ok_or_else(|| there("the app's scale", scale))?,
                ps: ps::read_report(&answers[report])?
                    .ok_or_else(|| there("the app's state", report))?,
                git: git::read_report(&answers[git])?
                    .ok_or_else(|| there("the app's repository", git))?,
                containers: ps::read_inspect(&answers[containers])?.unwrap_or_default(),
            })
        }
    };
    let base = match &app_state {
        None => named_base.clone(),
        Some(state) => base_app(app, &state.variables)?,
    };
    let base_state = match base {
        None => None,
        Some(base) => {
            let answer = match named_base_variables {
                Some(index) if named_base.as_ref() == Some(&base) => answers[index].clone(),
                _ => host.ask(&config::export(&base))?,
            };
            config::read_export(&answer)?.map(|variables| (base, variables))
        }
    };
    let mut known = BTreeMap::new();
    for ((kind, name), (exists, links, to_copy)) in wanted.iter().zip(services) {
        if let Some(mut state) = service_state(name.clone(), &answers[exists], &answers[links])? {
            if let Some(to_copy) = to_copy {
                state.to_copy = datastore::read_app_links(&answers[to_copy])?;
            }
            known.insert(*kind, state);
        }
    }
    Ok(Observed {
        capabilities,
        app: app_state,
        base: base_state,
        services: known,
    })
}

/// `None`: the host does not have the plugin.
fn service_state(
    name: ServiceName,
    exists: &Answer,
    links: &Answer,
) -> Result<Option<ServiceState>, HostError> {
    if crate::dokku::is_unknown_command(exists) {
        return Ok(None);
    }
    Ok(Some(ServiceState {
        name,
        exists: datastore::read_exists(exists)?,
        linked: datastore::read_app_links(links)?.unwrap_or_default(),
        to_copy: None,
    }))
}

#[derive(Default)]
struct Questions(Vec<DokkuCommand>);

impl Questions {
    fn add(&mut self, question: DokkuCommand) -> usize {
        self.0.push(question);
        self.0.len() - 1
    }

    fn ask(self, host: &dyn Host) -> Result<Vec<Answer>, HostError> {
        host.ask_all(&self.0).into_iter().collect()
    }
}
