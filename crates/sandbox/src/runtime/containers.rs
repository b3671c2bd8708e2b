//! All containers of a host, and which of them are an app's current ones.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fs_err as fs;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::container::{self, Container, Kind, Record, Status};
use super::files::{self, locked};
use super::process::Spawner;
use super::tree;

/// What a new container is made of.
pub struct Spec {
    /// Its name.
    pub name: String,
    /// The app.
    pub app: String,
    /// The process type.
    pub process_type: String,
    /// Process type and index.
    pub dyno: String,
    /// What it is for.
    pub kind: Kind,
    /// Image id and the image's directory.
    pub image: (String, PathBuf),
    /// Program and arguments.
    pub command: Vec<String>,
    /// Its environment, besides `HOSTNAME` and `HOME`.
    pub env: Vec<(String, String)>,
    /// The port it has to listen on.
    pub port: Option<u16>,
    /// How often a failed process is started again.
    pub restart_limit: u32,
    /// Seconds after which a one-off container is stopped.
    pub ttl_seconds: Option<u64>,
}

/// What an app runs: Dokku's `CONTAINER.*` files.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Current {
    /// Container id of each dyno (`web.1`).
    pub dynos: BTreeMap<String, String>,
    /// Containers that failed in the last deploy.
    pub failed: Vec<String>,
}

/// The containers of a host.
pub struct Containers {
    root: PathBuf,
    spawner: Spawner,
    all: Mutex<BTreeMap<String, Arc<Container>>>,
    current: Mutex<()>,
}

impl Containers {
    /// Opens the containers under `root`, and ends whatever an earlier sandbox left running.
    pub fn open(root: &Path, spawner: Spawner) -> io::Result<Self> {
        let directory = root.join("containers");
        fs::create_dir_all(&directory)?;
        fs::create_dir_all(root.join("current"))?;
        let mut all = BTreeMap::new();
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            let record: Option<Record> = files::read_json(&path.join("container.json"))?;
            match record {
                Some(mut record) => {
                    container::end_leftover(&path, &mut record)?;
                    if record.kind == Kind::Run {
                        fs::remove_dir_all(&path)?;
                        continue;
                    }
                    let id = record.id.clone();
                    all.insert(
                        id,
                        Arc::new(Container::new(path, record, Vec::new(), spawner.clone())?),
                    );
                }
                // Killed while it was being made: nothing of it ever ran.
                None => fs::remove_dir_all(&path)?,
            }
        }
        Ok(Self {
            root: root.to_owned(),
            spawner,
            all: Mutex::new(all),
            current: Mutex::new(()),
        })
    }

    /// Makes a container with its own copy of the image; it is not started.
    pub fn create(&self, spec: Spec) -> io::Result<Arc<Container>> {
        let id = tree::hex(&rand::random::<[u8; 32]>());
        let directory = self.root.join("containers").join(&id);
        tree::copy(&spec.image.1, &directory.join("app"))?;
        let record = Record {
            id: id.clone(),
            name: spec.name,
            app: spec.app,
            process_type: spec.process_type,
            dyno: spec.dyno,
            kind: spec.kind,
            image: spec.image.0,
            command: spec.command,
            port: spec.port,
            restart_limit: spec.restart_limit,
            ttl_seconds: spec.ttl_seconds,
            created: Timestamp::now(),
            status: Status::Created,
            started: None,
            finished: None,
            pid: None,
            start_ticks: None,
            exit_code: 0,
            restarts: 0,
        };
        let mut env = spec.env;
        env.retain(|(key, _)| key != "HOSTNAME");
        env.push(("HOSTNAME".to_owned(), record.short_id().to_owned()));
        if !env.iter().any(|(key, _)| key == "HOME") {
            env.push((
                "HOME".to_owned(),
                directory.join("app").to_string_lossy().into_owned(),
            ));
        }
        let container = Arc::new(Container::new(
            directory,
            record,
            env,
            self.spawner.clone(),
        )?);
        locked(&self.all).insert(id, Arc::clone(&container));
        Ok(container)
    }

    /// The container with this id.
    pub fn find(&self, id: &str) -> Option<Arc<Container>> {
        locked(&self.all).get(id).cloned()
    }

    /// The containers of an app, oldest first.
    pub fn of_app(&self, app: &str, kind: Kind) -> Vec<Arc<Container>> {
        let mut found: Vec<(Timestamp, Arc<Container>)> = locked(&self.all)
            .values()
            .map(|container| (container.record(), container))
            .filter(|(record, _)| record.app == app && record.kind == kind)
            .map(|(record, container)| (record.created, Arc::clone(container)))
            .collect();
        found.sort_by_key(|(created, _)| *created);
        found.into_iter().map(|(_, container)| container).collect()
    }

    /// Forgets an ended container and removes its files.
    pub fn remove(&self, id: &str) -> io::Result<()> {
        if locked(&self.all).remove(id).is_none() {
            return Ok(());
        }
        match fs::remove_dir_all(self.root.join("containers").join(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Stops a container, waiting up to `grace` for it, and removes it.
    pub fn stop_and_remove(&self, container: &Container, grace: Duration) -> io::Result<()> {
        container.stop(grace);
        self.remove(&container.record().id)
    }

    /// What an app runs now.
    pub fn current(&self, app: &str) -> io::Result<Current> {
        Ok(files::read_json(&self.current_path(app))?.unwrap_or_default())
    }

    /// The current containers of an app with their dynos, in the order of the dynos.
    pub fn current_containers(&self, app: &str) -> io::Result<Vec<(String, Arc<Container>)>> {
        let current = self.current(app)?;
        Ok(current
            .dynos
            .into_iter()
            .filter_map(|(dyno, id)| Some((dyno, self.find(&id)?)))
            .collect())
    }

    /// Changes what an app runs, as one step.
    pub fn change_current<T>(
        &self,
        app: &str,
        change: impl FnOnce(&mut Current) -> T,
    ) -> io::Result<T> {
        let _guard = locked(&self.current);
        let mut current = self.current(app)?;
        let result = change(&mut current);
        files::write_json(&self.current_path(app), &current)?;
        Ok(result)
    }

    /// Stops and removes everything of an app.
    pub fn remove_app(&self, app: &str, grace: Duration) -> io::Result<()> {
        let containers = [self.of_app(app, Kind::Deploy), self.of_app(app, Kind::Run)].concat();
        stop_all(&containers, grace);
        for container in containers {
            self.remove(&container.record().id)?;
        }
        match fs::remove_file(self.current_path(app)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Stops everything: nothing may outlive the sandbox.
    pub fn stop_everything(&self, grace: Duration) {
        let containers: Vec<_> = locked(&self.all).values().cloned().collect();
        stop_all(&containers, grace);
    }

    fn current_path(&self, app: &str) -> PathBuf {
        self.root.join("current").join(format!("{app}.json"))
    }
}

/// Stops several containers at the same time.
pub fn stop_all(containers: &[Arc<Container>], grace: Duration) {
    std::thread::scope(|scope| {
        for container in containers {
            scope.spawn(move || container.stop(grace));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    struct Host {
        dir: tempfile::TempDir,
        containers: Containers,
    }

    fn host() -> Host {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("image")).unwrap();
        fs::write(dir.path().join("image/file"), "original").unwrap();
        let containers = Containers::open(dir.path(), Spawner::start().unwrap()).unwrap();
        Host { dir, containers }
    }

    impl Host {
        fn shell(&self, script: &str, restart_limit: u32) -> Arc<Container> {
            let env = [("PATH", "/usr/bin:/bin"), ("GREETING", "hello")];
            self.containers
                .create(Spec {
                    name: "a.web.1".to_owned(),
                    app: "a".to_owned(),
                    process_type: "web".to_owned(),
                    dyno: "web.1".to_owned(),
                    kind: Kind::Deploy,
                    image: ("sha256:1".to_owned(), self.dir.path().join("image")),
                    command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
                    env: env
                        .map(|(key, value)| (key.to_owned(), value.to_owned()))
                        .to_vec(),
                    port: None,
                    restart_limit,
                    ttl_seconds: None,
                })
                .unwrap()
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn a_container_has_its_environment_its_own_copy_and_a_log() {
        let host = host();
        let container = host.shell(
            "echo $GREETING $HOSTNAME; echo bad >&2; echo changed > file; exit 3",
            0,
        );
        container.start(None).unwrap();
        assert_eq!(container.wait(), 3);
        let record = container.record();
        let mut lines: Vec<String> = container
            .log()
            .tail(9)
            .unwrap()
            .into_iter()
            .map(|line| line.log)
            .collect();
        lines.sort();
        assert_eq!(
            lines,
            ["bad\n".to_owned(), format!("hello {}\n", record.short_id())]
        );
        assert_eq!(
            fs::read_to_string(host.dir.path().join("image/file")).unwrap(),
            "original"
        );
        assert_eq!(
            fs::read_to_string(container.working_copy().join("file")).unwrap(),
            "changed\n"
        );
        host.containers.remove(&record.id).unwrap();
        assert!(!container.working_copy().exists());
    }

    #[test]
    fn a_failing_process_is_started_again_up_to_its_limit() {
        let host = host();
        let container = host.shell("echo boom; exit 1", 2);
        container.start(None).unwrap();
        assert_eq!(container.wait(), 1);
        assert_eq!(container.record().restarts, 2);
        assert_eq!(container.log().tail(9).unwrap().len(), 3);
    }

    #[test]
    fn stop_asks_first_and_kills_after_the_grace() {
        let host = host();
        let polite = host.shell(
            "trap 'exit 7' TERM; echo ready; while :; do sleep 1; done",
            9,
        );
        let stubborn = host.shell("trap '' TERM; echo ready; while :; do sleep 1; done", 9);
        for container in [&polite, &stubborn] {
            container.start(None).unwrap();
            container.log().follow(1, |_| false, || true).unwrap();
        }
        polite.stop(Duration::from_secs(10));
        assert_eq!(polite.record().exit_code, 7);
        stubborn.stop(Duration::from_millis(50));
        assert_eq!(stubborn.record().exit_code, 137);
        assert_eq!(stubborn.record().restarts, 0);
    }

    #[test]
    fn a_crash_loop_can_be_stopped_while_it_waits() {
        let host = host();
        let container = host.shell("exit 1", u32::MAX);
        container.start(None).unwrap();
        assert!(container.wait_until(soon(), |record| record.restarts > 3));
        container.stop(Duration::from_secs(10));
        assert_eq!(container.record().status, Status::Exited);
    }

    #[test]
    fn what_a_killed_sandbox_left_running_is_ended_at_the_next_start() {
        let host = host();
        // setsid: not even the process group finds this one.
        let container = host.shell("setsid sleep 1000 & echo $!; sleep 1000", 0);
        container.start(None).unwrap();
        let mut line = String::new();
        container
            .log()
            .follow(
                1,
                |first| {
                    line.clone_from(&first.log);
                    false
                },
                || true,
            )
            .unwrap();
        let stray: u32 = line.trim().parse().unwrap();
        let leader = container.record().pid.unwrap();
        assert!(crate::runtime::process::start_ticks(stray).is_some());
        let again = Containers::open(host.dir.path(), Spawner::start().unwrap()).unwrap();
        assert_eq!(container.wait(), 137);
        for id in [stray, leader] {
            let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            assert!(
                state.is_empty() || state.contains(") Z"),
                "{id} still runs: {state}"
            );
        }
        let found = again.find(&container.record().id).unwrap().record();
        assert_eq!((found.status, found.pid), (Status::Exited, None));
    }

    #[test]
    fn current_containers_are_remembered() {
        let host = host();
        let container = host.shell("exit 0", 0);
        let id = container.record().id;
        host.containers
            .change_current("a", |current| {
                current.dynos.insert("web.1".to_owned(), id.clone())
            })
            .unwrap();
        let current = host.containers.current_containers("a").unwrap();
        assert_eq!(current.len(), 1);
        assert_eq!(current[0].1.record().id, id);
        assert!(host.containers.current("b").unwrap().dynos.is_empty());
        host.containers.remove_app("a", Duration::ZERO).unwrap();
        assert!(host.containers.current("a").unwrap().dynos.is_empty());
    }
}
