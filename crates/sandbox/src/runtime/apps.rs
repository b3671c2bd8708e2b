//! The part of a host that builds and runs apps.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fs_err as fs;

use super::access::Access;
use super::builds::Builds;
use super::checking::Patience;
use super::container::{Container, Kind, Status};
use super::containers::{self, Containers};
use super::deploy::Deploy;
use super::files::locked;
use super::images::Images;
use super::ports::Ports;
use super::process::Spawner;
use super::repository::Repository;
use super::router::{Destination, Router};
use crate::commands::answer::finish;
use crate::commands::{Call, Failure};
use crate::host::{Runtime, SandboxHost};
use crate::io::Io;

/// How the part behaves in time; the defaults suit tests and demonstrations.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How patient healthchecks are.
    pub patience: Patience,
    /// How long a replaced container may finish the requests that it is answering.
    pub retire: Duration,
    /// How long a container may take to end when asked to, before it is killed.
    pub stop: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            patience: Patience::default(),
            retire: Duration::from_secs(10),
            stop: Duration::from_secs(2),
        }
    }
}

/// Builds, images, containers and the router of a host.
pub struct Apps {
    root: PathBuf,
    /// Starts every process.
    pub spawner: Spawner,
    /// Finished builds.
    pub images: Images,
    /// What runs.
    pub containers: Containers,
    /// Records of builds.
    pub builds: Builds,
    /// Ports that are given to `web` processes.
    pub ports: Ports,
    /// How it behaves in time.
    pub pace: Pace,
    router: Mutex<Option<Router>>,
}

impl Apps {
    /// Opens what is under the host's root, ends what an earlier sandbox left running, installs
    /// itself in the host and routes the host's HTTP listener.
    pub fn install(host: &SandboxHost, pace: Pace) -> io::Result<Arc<Self>> {
        let spawner = Spawner::start()?;
        let root = host.root().join("lib/data");
        fs::create_dir_all(&root)?;
        let checkouts = root.join("checkouts");
        if checkouts.exists() {
            // What a killed build left.
            fs::remove_dir_all(&checkouts)?;
        }
        fs::create_dir_all(&checkouts)?;
        let apps = Arc::new(Self {
            spawner: spawner.clone(),
            images: Images::open(&root)?,
            containers: Containers::open(&root, spawner)?,
            builds: Builds::open(&root),
            ports: Ports::default(),
            pace,
            router: Mutex::default(),
            root,
        });
        host.install_apps(&apps);
        if let Some(listener) = host.take_http_listener() {
            let (routed, lookup_host) = (Arc::downgrade(&apps), host.clone());
            let router = Router::start(
                listener,
                Arc::new(move |name| match routed.upgrade() {
                    Some(apps) => apps.destination(&lookup_host, name),
                    None => Destination::Nothing,
                }),
            )?;
            *locked(&apps.router) = Some(router);
        }
        apps.restore(host);
        Ok(apps)
    }

    /// A directory for checkouts, pushes and the like.
    pub fn scratch(&self) -> PathBuf {
        self.root.join("checkouts")
    }

    /// The bare repository of an app.
    pub fn repository(&self, host: &SandboxHost, app: &str) -> Repository {
        Repository::at(host.root().join("home").join(app))
    }

    /// Starts again what ran when the last sandbox ended, as Dokku does after a reboot.
    fn restore(self: &Arc<Self>, host: &SandboxHost) {
        let Ok(names) = host.store().apps() else {
            return;
        };
        for name in names {
            let is_stopped = host
                .store()
                .app(&name)
                .is_ok_and(|app| app.property("ps.restore") == "false");
            if is_stopped || !self.is_deployed(host, &name) {
                continue;
            }
            let deploy = Deploy::quiet(self, host, &name);
            // An app that does not come up is shown as not running; others must not suffer.
            let _ = deploy.deploy_processes(None);
        }
    }

    /// Who answers for a host name.
    fn destination(&self, host: &SandboxHost, name: &str) -> Destination {
        let Ok(names) = host.store().apps() else {
            return Destination::Unknown;
        };
        let owner = names.into_iter().find(|app| {
            let is_default = name.strip_suffix(".localhost") == Some(app.as_str());
            is_default
                || host.store().app(app).is_ok_and(|app| {
                    app.is_vhosts_enabled && app.domains.iter().any(|domain| matches(domain, name))
                })
        });
        let Some(app) = owner else {
            return Destination::Unknown;
        };
        let destination = self.processes(&app);
        match Access::of(self.repository(host, &app).path()) {
            Ok(None) => destination,
            Ok(Some(access)) => Destination::Guarded(access, Box::new(destination)),
            // nginx does not start with what it cannot read.
            Err(_) => Destination::Nothing,
        }
    }

    fn processes(&self, app: &str) -> Destination {
        let Ok(current) = self.containers.current_containers(app) else {
            return Destination::Nothing;
        };
        let processes: Vec<_> = current
            .into_iter()
            .filter_map(|(_, container)| {
                let record = container.record();
                let is_web = record.process_type == "web" && record.status == Status::Running;
                Some((container, record.port.filter(|_| is_web)?))
            })
            .collect();
        if processes.is_empty() {
            Destination::Nothing
        } else {
            Destination::Processes(processes)
        }
    }

    /// Lets a replaced container finish, stops it and forgets it; does not wait for that.
    pub fn retire(self: &Arc<Self>, container: Arc<Container>) {
        let apps = Arc::clone(self);
        std::thread::spawn(move || {
            container.wait_idle(Instant::now() + apps.pace.retire);
            apps.dispose(&container);
        });
    }

    /// Stops and forgets a container.
    pub fn dispose(&self, container: &Container) {
        let record = container.record();
        container.stop(self.pace.stop);
        if let Some(port) = record.port {
            self.ports.give_back(port);
        }
        // Its files are removed at the next start at the latest.
        let _ = self.containers.remove(&record.id);
    }

    /// The containers of an app by dyno that are its current ones.
    pub fn current(&self, app: &str) -> Result<Vec<(String, Arc<Container>)>, Failure> {
        Ok(self.containers.current_containers(app)?)
    }

    /// `true`, `false` or `mixed`, and how many containers there are.
    pub fn running_state(&self, app: &str) -> Result<(&'static str, usize), Failure> {
        let current = self.current(app)?;
        let running = current
            .iter()
            .filter(|(_, container)| is_up(container))
            .count();
        let state = match running {
            0 => "false",
            some if some == current.len() => "true",
            _ => "mixed",
        };
        Ok((state, current.len()))
    }

    /// Stops all processes of an app; their containers stay.
    pub fn stop_app(&self, app: &str) -> Result<(), Failure> {
        let containers: Vec<_> = self
            .current(app)?
            .into_iter()
            .map(|(_, container)| container)
            .collect();
        let others = [
            self.containers.of_app(app, Kind::Deploy),
            self.containers.of_app(app, Kind::Run),
        ]
        .concat();
        containers::stop_all(&[containers, others].concat(), self.pace.stop);
        Ok(())
    }

    /// How many of each process type are to run: what was scaled, then what the image has.
    pub fn scale(&self, host: &SandboxHost, app: &str) -> Result<BTreeMap<String, u32>, Failure> {
        let mut scale = host.store().app(app)?.scale;
        scale.entry("web".to_owned()).or_insert(1);
        Ok(scale)
    }
}

fn is_up(container: &Container) -> bool {
    // Docker counts a restarting container as running.
    matches!(
        container.record().status,
        Status::Running | Status::Restarting
    )
}

fn matches(domain: &str, name: &str) -> bool {
    match domain.strip_prefix("*.") {
        Some(suffix) => name
            .strip_suffix(suffix)
            .is_some_and(|rest| rest.ends_with('.') && rest.len() > 1),
        None => domain.eq_ignore_ascii_case(name),
    }
}

impl Runtime for Apps {
    fn is_deployed(&self, _: &SandboxHost, app: &str) -> bool {
        self.containers
            .current(app)
            .is_ok_and(|current| !current.dynos.is_empty())
    }

    fn is_running(&self, _: &SandboxHost, app: &str) -> bool {
        self.running_state(app)
            .is_ok_and(|(state, _)| state != "false")
    }

    fn restart(&self, host: &SandboxHost, app: &str, call: &Call, io: &mut Io) -> Result<(), u8> {
        let result = Deploy::begin(
            host,
            app,
            &call.caller,
            io.stdout.clone(),
            ("deploy", "config-redeploy"),
        )
        .and_then(|deploy| deploy.run(Deploy::release_and_deploy));
        match result {
            Ok(0) => Ok(()),
            Ok(code) => Err(code),
            Err(failure) => Err(finish(Err(failure), io)),
        }
    }

    fn destroy(&self, host: &SandboxHost, app: &str, io: &mut Io) -> Result<(), u8> {
        let gone = || -> io::Result<()> {
            self.containers.remove_app(app, self.pace.stop)?;
            self.images.remove_app(app)?;
            self.builds.remove_app(app)?;
            let repository = self.repository(host, app);
            if repository.path().exists() {
                fs::remove_dir_all(repository.path())?;
            }
            Ok(())
        };
        gone().map_err(|error| finish(Err(error.into()), io))
    }

    fn copy(&self, host: &SandboxHost, app: &str, to: &str, io: &mut Io) -> Result<(), u8> {
        let copied = || -> io::Result<()> {
            let (from, target) = (self.repository(host, app), self.repository(host, to));
            if from.exists() {
                target.ensure()?;
                let source = from.path().to_string_lossy().into_owned();
                target.run(&["fetch", "--quiet", &source, "+refs/*:refs/*"])?;
            }
            if let Some(image) = self.images.tagged(&Images::latest_tag(app))? {
                let built = self.scratch().join(format!("copy-{to}"));
                super::tree::copy(&self.images.tree(&image.id), &built)?;
                let image = self
                    .images
                    .add(to, &image.commit, &built, jiff::Timestamp::now())?;
                self.images.tag(&image.id, &Images::latest_tag(to))?;
            }
            Ok(())
        };
        copied().map_err(|error| finish(Err(error.into()), io))
    }

    fn reroute(&self, _: &SandboxHost, _: &str) {
        // The router looks at the store for each request.
    }

    fn stop(&self, _: &SandboxHost) {
        drop(locked(&self.router).take());
        self.containers.stop_everything(self.pace.stop);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_domain_covers_names_below_it() {
        assert!(matches("www.example.com", "www.example.com"));
        assert!(matches("*.example.com", "a.example.com"));
        assert!(!matches("*.example.com", "example.com"));
        assert!(!matches("*.example.com", ".example.com"));
        assert!(!matches("example.com", "a.example.com"));
    }
}
