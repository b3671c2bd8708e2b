//! Destroying what the plan names.

use std::collections::BTreeMap;

use super::{AppPlan, DOOMED, Doomed, Observed};
use crate::{
    app::AppName,
    backup::SafetyCopy,
    dokku::{
        apps,
        datastore::{self, Destroyed},
    },
    event::{Event, Report},
    host::{Answer, Host, HostError},
    interrupt::{Interrupts, Signal},
    secret::Secret,
    service::ServiceName,
};

/// What is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Apps.
    pub apps: Vec<AppName>,
    /// Services.
    pub services: Vec<ServiceName>,
}

/// Why not everything is gone. The next run goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Somebody linked a service in the meantime.
    #[error("{service} was linked to an app meanwhile: it stays, and so does {app}")]
    Linked {
        /// The service.
        service: ServiceName,
        /// The app that it was to go with.
        app: AppName,
    },
    /// Somebody asked to stop.
    #[error("stopped before {app}")]
    Stopped {
        /// What was to be next.
        app: AppName,
        /// By which signal.
        by: Signal,
    },
}

/// Destroys an app and its services, of which there have to be copies. What is gone is added to `done`, also where it ends early.
pub fn execute(
    plan: &AppPlan,
    _copies: &SafetyCopy,
    observed: &Observed,
    host: &dyn Host,
    interrupts: &dyn Interrupts,
    report: &mut dyn Report,
    done: &mut Done,
) -> Result<(), Trouble> {
    let app = &plan.app;
    if let (_, Some(by)) = interrupts.requests() {
        return Err(Trouble::Stopped {
            app: app.clone(),
            by,
        });
    }
    if plan.exists && !plan.services.is_empty() {
        name_doomed(plan, observed, host)?;
    }
    for service in &plan.services {
        report.event(Event::Step(&format!("Destroying {}", service.name)));
        destroy_service(service, app, host)?;
        done.services.push(service.name.clone());
    }
    if plan.exists {
        report.event(Event::Step(&format!("Destroying {app}")));
        // Whether it was there: somebody else may have destroyed it meanwhile.
        if apps::read_destroyed(&host.ask(&apps::destroy(app))?)? {
            done.apps.push(app.clone());
        }
    }
    Ok(())
}

/// Writes down, on the app, what goes with it: once unlinked, a service with a name of its own could
/// not be found again.
fn name_doomed(plan: &AppPlan, observed: &Observed, host: &dyn Host) -> Result<(), HostError> {
    let names: Vec<String> = plan
        .services
        .iter()
        .map(|service| format!("{}:{}", service.kind, service.name))
        .collect();
    let names = BTreeMap::from([(DOOMED.to_owned(), Secret::new(names.join(" ")))]);
    let command = observed
        .capabilities
        .set_variables
        .command(&plan.app, &names);
    host.ask(&command).and_then(Answer::accepted).map(drop)
}

fn destroy_service(service: &Doomed, app: &AppName, host: &dyn Host) -> Result<(), Trouble> {
    for linked in &service.linked {
        let unlink = datastore::unlink(service.kind, &service.name, linked);
        // Whether there was a link: an earlier run may have undone it.
        datastore::read_unlinked(&host.ask(&unlink)?)?;
    }
    let answer = host.ask(&datastore::destroy(service.kind, &service.name))?;
    match datastore::read_destroyed(&answer)? {
        Destroyed::Gone | Destroyed::WasAbsent => Ok(()),
        Destroyed::IsLinked => Err(Trouble::Linked {
            service: service.name.clone(),
            app: app.clone(),
        }),
    }
}
