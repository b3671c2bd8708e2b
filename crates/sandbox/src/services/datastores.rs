//! The services on disk and their servers.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::plugin::{PLUGINS, Plugin};
use super::record::{Record, Wanted, is_valid_name};
use crate::commands::Failure;
use crate::engine::{EngineError, Engines, Kind, end_leftover, open_to_all, random_hex};

/// All services of one host: `lib/services/PLUGIN/NAME` below its root, where `lib` stands for
/// `/var/lib/dokku`.
pub struct Datastores {
    root: PathBuf,
    engines: Engines,
    turns: Mutex<HashMap<PathBuf, Arc<Mutex<()>>>>,
}

/// One service: a copy of its record and where it lies.
#[derive(Debug, Clone)]
pub struct Service {
    /// The plugin it belongs to.
    pub plugin: &'static Plugin,
    /// What is remembered.
    pub record: Record,
    /// Where it lies.
    pub directory: PathBuf,
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::new(error.to_string())
    }
}

impl Datastores {
    /// Opens the services below the host's root, ends servers that a killed sandbox left, and
    /// removes what it had not finished making.
    pub fn open(root: &Path) -> Result<Self, EngineError> {
        let services = root.join("lib/services");
        for plugin in &PLUGINS {
            let directory = services.join(plugin.prefix);
            fs_err::create_dir_all(&directory).map_err(EngineError::io("create", &directory))?;
            open_to_all(&directory)?;
            for entry in
                fs_err::read_dir(&directory).map_err(EngineError::io("read", &directory))?
            {
                let path = entry.map_err(EngineError::io("read", &directory))?.path();
                end_leftover(plugin.kind, &path)?;
                if Record::load(&path)?.is_none() {
                    fs_err::remove_dir_all(&path).map_err(EngineError::io("remove", &path))?;
                }
            }
        }
        open_to_all(&services)?;
        Ok(Self {
            root: services,
            engines: Engines::open(root)?,
            turns: Mutex::default(),
        })
    }

    /// Starts the services that ran when the sandbox last stopped, side by side; what could not
    /// be started, in words.
    pub fn resume(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut stopped = Vec::new();
        for plugin in &PLUGINS {
            match self.list(plugin) {
                Ok(services) => stopped.extend(services),
                Err(error) => complaints.push(error.to_string()),
            }
        }
        stopped.retain(|service| service.record.wanted == Wanted::Running);
        std::thread::scope(|scope| {
            let starting: Vec<_> = stopped
                .iter()
                .map(|service| {
                    scope.spawn(move || self.start(service).map_err(|error| (service, error)))
                })
                .collect();
            for thread in starting {
                match thread.join() {
                    Ok(Ok(())) => {}
                    Ok(Err((service, error))) => {
                        complaints.push(format!(
                            "{} service {}: {error}",
                            service.plugin.service, service.record.name
                        ));
                    }
                    Err(_) => complaints
                        .push("a service could not be started: its thread failed".to_owned()),
                }
            }
        });
        complaints
    }

    /// The engines.
    pub fn engines(&self) -> &Engines {
        &self.engines
    }

    /// Where a service of that name lies, or would.
    pub fn directory(&self, plugin: &Plugin, name: &str) -> PathBuf {
        self.root.join(plugin.prefix).join(name)
    }

    /// All services of a plugin, by name.
    pub fn list(&self, plugin: &'static Plugin) -> Result<Vec<Service>, EngineError> {
        let directory = self.root.join(plugin.prefix);
        let mut services = Vec::new();
        for entry in fs_err::read_dir(&directory).map_err(EngineError::io("read", &directory))? {
            let directory = entry.map_err(EngineError::io("read", &directory))?.path();
            if let Some(record) = Record::load(&directory)? {
                services.push(Service {
                    plugin,
                    record,
                    directory,
                });
            }
        }
        services.sort_by(|a, b| a.record.name.cmp(&b.record.name));
        Ok(services)
    }

    /// The service, if it exists.
    pub fn find(
        &self,
        plugin: &'static Plugin,
        name: &str,
    ) -> Result<Option<Service>, EngineError> {
        if !is_valid_name(name) {
            return Ok(None);
        }
        let directory = self.directory(plugin, name);
        Ok(Record::load(&directory)?.map(|record| Service {
            plugin,
            record,
            directory,
        }))
    }

    /// The service, or Dokku's words that it does not exist.
    pub fn existing(&self, plugin: &'static Plugin, name: &str) -> Result<Service, Failure> {
        self.find(plugin, name)?.ok_or_else(|| {
            Failure::new(format!("{} service {name} does not exist", plugin.service))
        })
    }

    /// One at a time changes a service; hold the answer meanwhile.
    pub fn turn(&self, plugin: &Plugin, name: &str) -> Turn {
        let mut turns = lock(&self.turns);
        Turn(Arc::clone(
            turns.entry(self.directory(plugin, name)).or_default(),
        ))
    }

    /// Changes what is remembered about a service. The caller holds its turn.
    pub fn update<R>(
        &self,
        service: &mut Service,
        change: impl FnOnce(&mut Record) -> R,
    ) -> Result<(), Failure> {
        let mut service_now = self.existing(service.plugin, &service.record.name)?;
        change(&mut service_now.record);
        service_now.record.save(&service.directory)?;
        *service = service_now;
        Ok(())
    }

    /// Starts the server, data being there, and waits until it accepts connections.
    pub fn start(&self, service: &Service) -> Result<(), EngineError> {
        self.engines.start(
            service.plugin.kind,
            &service.directory,
            &service.record.access(service.plugin),
        )
    }

    /// Ends the server.
    pub fn stop(&self, service: &Service) -> Result<(), EngineError> {
        self.engines.stop(&service.directory)
    }

    /// Docker's word for the state of the container.
    pub fn status(&self, service: &Service) -> &'static str {
        match service.record.wanted {
            Wanted::Removed => "missing",
            _ if self.engines.is_running(&service.directory) => "running",
            _ => "exited",
        }
    }

    /// Docker's refusal to run something in a container that does not run.
    pub fn check_running(&self, service: &Service) -> Result<(), RefusedByDocker> {
        match self.status(service) {
            "running" => Ok(()),
            "missing" => Err(RefusedByDocker(format!(
                "Error: No such container: dokku.{}.{}",
                service.plugin.prefix, service.record.name
            ))),
            _ => Err(RefusedByDocker(format!(
                "Error response from daemon: Container {} is not running",
                service.record.id
            ))),
        }
    }
}

/// A refusal in Docker's words, which stand on stderr without Dokku's ` !     `.
#[derive(Debug)]
pub struct RefusedByDocker(pub String);

/// The right to change one service.
pub struct Turn(Arc<Mutex<()>>);

impl Turn {
    /// Waits for it.
    pub fn take(&self) -> MutexGuard<'_, ()> {
        lock(&self.0)
    }
}

/// An id as containers have it.
pub fn container_id() -> String {
    random_hex(32)
}

/// Whether the engine makes the database of that name by itself, so that `createdb` would fail.
pub fn is_database_there(plugin: &Plugin, database: &str) -> bool {
    plugin.kind == Kind::Postgres && crate::engine::is_builtin_database(database)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
