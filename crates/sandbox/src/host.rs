//! The host that commands act on, and the seams to the parts that run apps and services.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::commands::Caller;
use crate::commands::{Call, Outcome};
use crate::faults::Faults;
use crate::io::Io;
use crate::runtime::Apps;
use crate::statistics::Statistics;
use crate::store::Store;
use crate::triggers::Triggers;

/// One Dokku host: everything under one root directory.
///
/// Handlers get it by reference; keep a clone (cheap) where a thread outlives the command.
#[derive(Clone)]
pub struct SandboxHost(Arc<Inner>, Option<Arc<Caller>>);

struct Inner {
    root: PathBuf,
    addresses: Addresses,
    store: Store,
    faults: Faults,
    statistics: Statistics,
    triggers: Triggers,
    http_listener: Mutex<Option<TcpListener>>,
    runtime: OnceLock<Arc<dyn Runtime>>,
    services: OnceLock<Arc<dyn Services>>,
    apps: OnceLock<Arc<Apps>>,
}

/// Where the host is reached.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// Address of the SSH server.
    pub ssh: Option<std::net::SocketAddr>,
    /// Address of the HTTP router.
    pub http: Option<std::net::SocketAddr>,
}

impl SandboxHost {
    /// A host over an opened store.
    pub fn new(root: &Path, addresses: Addresses, store: Store) -> Self {
        let inner = Inner {
            root: root.to_owned(),
            addresses,
            store,
            faults: Faults::default(),
            statistics: Statistics::default(),
            triggers: Triggers::new(root),
            http_listener: Mutex::default(),
            runtime: OnceLock::new(),
            services: OnceLock::new(),
            apps: OnceLock::new(),
        };
        Self(Arc::new(inner), None)
    }

    /// The same host as one caller sees it.
    pub(crate) fn seen_by(&self, caller: &Caller) -> Self {
        Self(self.0.clone(), Some(Arc::new(caller.clone())))
    }

    /// Whether the app exists and no plugin hides it from the caller.
    pub fn has_visible_app(&self, name: &str) -> bool {
        self.store().has_app(name)
            && self.1.as_ref().is_none_or(|caller| {
                let apps = self
                    .triggers()
                    .visible_apps(vec![name.to_owned()], caller, self);
                apps.iter().any(|visible| visible == name)
            })
    }

    /// The directory that holds everything.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// Where the host listens.
    pub fn addresses(&self) -> &Addresses {
        &self.0.addresses
    }

    /// Hands over the bound listener of the HTTP router.
    pub(crate) fn give_http_listener(&self, listener: TcpListener) {
        *self
            .0
            .http_listener
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(listener);
    }

    /// The bound listener of [`Addresses::http`], for whoever routes; the first caller gets it.
    pub fn take_http_listener(&self) -> Option<TcpListener> {
        self.0
            .http_listener
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Apps, their variables and properties, on disk.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Faults asked for over the control socket.
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// What has been counted so far.
    pub fn statistics(&self) -> &Statistics {
        &self.0.statistics
    }

    /// Third-party plugins and their triggers.
    pub fn triggers(&self) -> &Triggers {
        &self.0.triggers
    }

    /// Installs the part that builds and runs apps; only the first call counts.
    pub fn install_runtime(&self, runtime: Arc<dyn Runtime>) {
        drop(self.0.runtime.set(runtime));
    }

    /// Installs the part that builds and runs apps with all that its own commands need.
    pub fn install_apps(&self, apps: &Arc<Apps>) {
        drop(self.0.apps.set(Arc::clone(apps)));
        self.install_runtime(apps.clone());
    }

    /// The part that builds and runs apps, for its own commands.
    pub fn apps(&self) -> Option<Arc<Apps>> {
        self.0.apps.get().cloned()
    }

    /// Installs the part that runs datastores; only the first call counts.
    pub fn install_services(&self, services: Arc<dyn Services>) {
        drop(self.0.services.set(services));
    }

    /// The part that builds and runs apps, once installed.
    pub fn runtime(&self) -> Option<&dyn Runtime> {
        self.0.runtime.get().map(AsRef::as_ref)
    }

    /// The part that runs datastores, once installed.
    pub fn services(&self) -> Option<&dyn Services> {
        self.0.services.get().map(AsRef::as_ref)
    }
}

/// What other commands need from the part that builds and runs apps.
///
/// The `bool` and `u8` answers are final: a failure has been written to the client's streams already.
pub trait Runtime: Send + Sync {
    /// Whether the app has an image.
    fn is_deployed(&self, host: &SandboxHost, app: &str) -> bool;

    /// Whether any process of the app runs.
    fn is_running(&self, host: &SandboxHost, app: &str) -> bool;

    /// Release and deploy of the present image, as `config:set` and `ps:restart` do; `Err` holds the exit code.
    fn restart(&self, host: &SandboxHost, app: &str, call: &Call, io: &mut Io) -> Result<(), u8>;

    /// The app is about to be destroyed: ends its processes, removes images and repository.
    fn destroy(&self, host: &SandboxHost, app: &str, io: &mut Io) -> Result<(), u8>;

    /// The app's repository and images move to another name (`apps:rename`), or are copied (`apps:clone`).
    fn copy(&self, host: &SandboxHost, app: &str, to: &str, io: &mut Io) -> Result<(), u8>;

    /// Domains changed: the router has to look again.
    fn reroute(&self, host: &SandboxHost, app: &str);

    /// Ends everything that runs, at the end of the sandbox.
    fn stop(&self, host: &SandboxHost);
}

/// What other commands need from the datastore plugins.
pub trait Services: Send + Sync {
    /// Answers a verb of a datastore plugin.
    fn answer(&self, call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome;

    /// `apps:destroy` unlinks every service of the app without a restart.
    fn unlink_all(&self, host: &SandboxHost, app: &str, io: &mut Io) -> Result<(), u8>;

    /// `apps:clone` and `apps:rename` carry links over.
    fn copy_links(&self, host: &SandboxHost, app: &str, to: &str) -> Result<(), u8>;

    /// Installed datastore plugins as `plugin:list` shows them: name, version, description.
    fn plugins(&self) -> Vec<(String, String, String)>;

    /// Ends every engine, at the end of the sandbox.
    fn stop(&self, host: &SandboxHost);
}
