//! `.dokku/config.yml` and `.dokku/services.yml`: text → types, or every fault with its place.
//!
//! Text becomes a tree that knows its places (`yaml`), the tree becomes types that know their
//! rules (`read`, `value`, `config`, `services`), and the types are resolved for an environment
//! (`resolve`). The JSON Schemas come from the same types (`schema`).

mod amount;
mod config;
mod cron;
mod fault;
mod inputs;
mod key;
mod later;
mod notifications;
mod read;
mod resolve;
mod schema;
mod security;
mod services;
mod value;
mod workflow;
mod yaml;

use self::{config::Config, fault::Sink, read::Read, services::ServicesFile};
use crate::{app::Environment, naming::Branches};

pub use self::{
    config::{OnFailure, PreviewDatabase, When},
    fault::{Fault, Faults, Source},
    inputs::{BadInput, Inputs},
    notifications::{NotifiedEvent, NotifiedService, Told},
    resolve::{
        Backup, Dashboard, Healthcheck, Preview, Release, ReleaseTask, Resolved, Resources,
        Security, ServiceWish,
    },
    schema::{config_schema, services_schema},
    security::Severity,
    value::domain as domain_name,
    workflow::workflow_warnings,
};

/// Both files of a project, checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    config: Config,
    services: ServicesFile,
}

impl Settings {
    /// Reads both files; one that is not there says nothing, as an empty one. All that is wrong in
    /// either comes back at once.
    pub fn parse(config: Option<Source<'_>>, services: Option<Source<'_>>) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let config = file::<Config>(config, &mut faults);
        let services = file::<ServicesFile>(services, &mut faults);
        fault::all(faults)?;
        Ok(Self { config, services })
    }

    /// Which branch deploys to which environment.
    pub fn branches(&self) -> Branches {
        match &self.config.branches {
            None => Branches::default(),
            Some(given) => Branches::new(
                given
                    .iter()
                    .map(|(branch, target)| (branch.0.clone(), Environment::from(*target))),
            ),
        }
    }
}

fn file<T: Read + Default>(source: Option<Source<'_>>, faults: &mut Vec<Fault>) -> T {
    let Some(source) = source else {
        return T::default();
    };
    // Some editors put a byte order mark first; places are counted without it.
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
    let mut sink = Sink::new(Source { text, ..source });
    let read = yaml::parse(text, &mut sink).and_then(|root| match root.value {
        yaml::Value::Null => Some(T::default()),
        _ => T::read(&root, &mut sink),
    });
    faults.extend(sink.into_faults());
    read.unwrap_or_default()
}
