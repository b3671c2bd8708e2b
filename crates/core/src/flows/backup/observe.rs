//! Which services there are, found by their links: hand-made names too.

use crate::{
    app::AppName,
    backup::Manifest,
    dokku::{apps, datastore, is_unknown_command},
    host::{Answer, Host, HostError},
    service::{ServiceKind, ServiceName},
};

/// A service that an app is linked to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// The app.
    pub app: AppName,
    /// The kind of the service.
    pub kind: ServiceKind,
    /// Its name on the host.
    pub service: ServiceName,
}

impl Found {
    /// Whether a backup is of this service.
    pub fn has(&self, manifest: &Manifest) -> bool {
        manifest.kind == self.kind
            && manifest.app == self.app.as_str()
            && manifest.service == self.service.as_str()
    }
}

/// Why the services are not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObserveError {
    /// The host gave no usable answer.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Dokku says that there is no such app.
    #[error("there is no app {app} on {host}")]
    NoSuchApp {
        /// The app.
        app: AppName,
        /// The host.
        host: String,
    },
}

/// The services of these kinds that an app is linked to. A kind whose plugin is not installed has
/// none.
pub fn linked(
    host: &dyn Host,
    app: &AppName,
    kinds: &[ServiceKind],
) -> Result<Vec<Found>, ObserveError> {
    let questions: Vec<_> = kinds
        .iter()
        .map(|kind| datastore::app_links(*kind, app))
        .collect();
    let mut found = Vec::new();
    for (kind, answer) in kinds.iter().zip(host.ask_all(&questions)) {
        let Some(answer) = installed(answer)? else {
            continue;
        };
        let names = datastore::read_app_links(&answer)?.ok_or_else(|| ObserveError::NoSuchApp {
            app: app.clone(),
            host: host.name().to_owned(),
        })?;
        found.extend(names.into_iter().map(|service| Found {
            app: app.clone(),
            kind: *kind,
            service,
        }));
    }
    Ok(found)
}

/// The services that an app is linked to, and beside them those of `also` that are not among them: its own
/// too, though nothing links them any more. Where there are such, the app itself may be gone.
pub fn of_app(
    host: &dyn Host,
    app: &AppName,
    also: &[(ServiceKind, ServiceName)],
) -> Result<(Vec<Found>, Vec<Found>), ObserveError> {
    let linked = match linked(host, app, &ServiceKind::ALL) {
        Err(ObserveError::NoSuchApp { .. }) if !also.is_empty() => Vec::new(),
        found => found?,
    };
    let also = also.iter().map(|(kind, service)| Found {
        app: app.clone(),
        kind: *kind,
        service: service.clone(),
    });
    let unlinked = also.filter(|own| !linked.contains(own)).collect();
    Ok((linked, unlinked))
}

/// All services that any app is linked to, ordered by app. The apps are those that the host shows;
/// a link to an app that it does not show is no business of whoever asks.
pub fn all(host: &dyn Host, kinds: &[ServiceKind]) -> Result<Vec<Found>, ObserveError> {
    let visible = apps::read_list(&host.ask(&apps::list())?)?;
    let lists: Vec<_> = kinds.iter().map(|kind| datastore::list(*kind)).collect();
    let mut services = Vec::new();
    for (kind, answer) in kinds.iter().zip(host.ask_all(&lists)) {
        let Some(answer) = installed(answer)? else {
            continue;
        };
        let names = datastore::read_list(&answer)?;
        services.extend(names.into_iter().map(|name| (*kind, name)));
    }
    let questions: Vec<_> = services
        .iter()
        .map(|(kind, service)| datastore::links(*kind, service))
        .collect();
    let mut found = Vec::new();
    for ((kind, service), answer) in services.into_iter().zip(host.ask_all(&questions)) {
        // One that was destroyed meanwhile has no links.
        let apps = datastore::read_links(&answer?)?.unwrap_or_default();
        found.extend(
            apps.into_iter()
                .filter(|app| visible.contains(app))
                .map(|app| Found {
                    app,
                    kind,
                    service: service.clone(),
                }),
        );
    }
    found.sort();
    Ok(found)
}

fn installed(answer: Result<Answer, HostError>) -> Result<Option<Answer>, HostError> {
    Ok(Some(answer?).filter(|answer| !is_unknown_command(answer)))
}
