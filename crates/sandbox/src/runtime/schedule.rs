//! Starting an app's processes, checking them, and putting them in the place of the old ones.

use std::sync::Arc;

use super::checking::Candidate;
use super::container::{Container, Kind};
use super::containers::Spec;
use super::deploy::{Deploy, Halt, passed};
use super::dockerfile;
use super::healthchecks::Healthchecks;
use super::images::{Image, Images};
use super::procfile::Procfile;
use crate::commands::domains;

/// `--restart=on-failure:10`, Dokku's default.
const RESTARTS: u32 = 10;

/// A command line as a shell runs it.
pub fn shell(command: &str) -> Vec<String> {
    let shell = if super::process::is_executable("/bin/bash".as_ref()) {
        "/bin/bash"
    } else {
        "/bin/sh"
    };
    vec![shell.to_owned(), "-c".to_owned(), command.to_owned()]
}

impl Deploy {
    /// Replaces the processes of one type, or of all, with new ones of the latest image.
    pub fn deploy_processes(&self, only: Option<&str>) -> Result<(), Halt> {
        let Some(image) = self.tried(self.apps.images.tagged(&Images::latest_tag(&self.app)))?
        else {
            return Ok(());
        };
        let app = self.app.as_str();
        passed(self.fire(
            "scheduler-deploy",
            &["docker-local", app, "latest", only.unwrap_or_default()],
            None,
        ))?;
        let procfile = self.tried(Procfile::read(
            &self.apps.images.tree(&image.id),
            "Procfile",
        ))?;
        let scale = self.known(self.apps.scale(&self.host, app))?;
        let mut types: Vec<(String, u32)> = scale
            .into_iter()
            .filter(|(name, _)| only.is_none_or(|only| only == name))
            .collect();
        types.sort_by_key(|(name, _)| name != "web");
        let mut replaced = Vec::new();
        for (process_type, count) in types {
            let is_missing = procfile
                .as_ref()
                .is_some_and(|file| file.command(&process_type).is_none());
            if is_missing {
                self.talk.warn(&format!(
                    "Skipping {process_type} as it is missing from the current Procfile"
                ));
                continue;
            }
            let command = match procfile
                .as_ref()
                .and_then(|file| file.command(&process_type))
            {
                Some(line) => shell(line),
                None => self.image_command(&image)?,
            };
            replaced.extend(self.deploy_process(&image, &process_type, count, &command)?);
        }
        let finished = self.after_deploy(&image);
        if !replaced.is_empty() && finished.is_ok() {
            let seconds = self.wait_to_retire()?;
            self.talk.info1(&format!(
                "Shutting down old containers in {seconds} seconds"
            ));
        }
        for container in replaced {
            self.apps.retire(container);
        }
        finished
    }

    fn image_command(&self, image: &Image) -> Result<Vec<String>, Halt> {
        dockerfile::command(&self.apps.images.tree(&image.id)).ok_or_else(|| {
            self.talk
                .warn("No Procfile and no CMD in a Dockerfile: there is nothing to start");
            Halt::Failed
        })
    }

    /// Starts and checks `count` processes of a type; only when all have passed do they become
    /// the current ones. Returns the containers that they replace.
    fn deploy_process(
        &self,
        image: &Image,
        process_type: &str,
        count: u32,
        command: &[String],
    ) -> Result<Vec<Arc<Container>>, Halt> {
        let app = self.app.as_str();
        self.talk
            .info1(&format!("Deploying {process_type} (count={count})"));
        let args = [app, "latest", process_type];
        passed(self.fire("docker-args-deploy", &args, None))?;
        let mut started: Vec<(String, Arc<Container>)> = Vec::new();
        for index in 1..=count {
            match self.start_checked(image, process_type, count, index, command) {
                Ok(container) => started.push((format!("{process_type}.{index}"), container)),
                Err(halt) => {
                    for (_, container) in started {
                        self.apps.dispose(&container);
                    }
                    return Err(halt);
                }
            }
        }
        let seconds = self.wait_to_retire()?;
        let prefix = format!("{process_type}.");
        let switched = self.apps.containers.change_current(app, |current| {
            let old: Vec<(String, String)> = current
                .dynos
                .iter()
                .filter(|(dyno, _)| dyno.starts_with(&prefix))
                .map(|(d, id)| (d.clone(), id.clone()))
                .collect();
            current.dynos.retain(|dyno, _| !dyno.starts_with(&prefix));
            current.dynos.extend(
                started
                    .iter()
                    .map(|(dyno, container)| (dyno.clone(), container.record().id)),
            );
            old
        });
        let old = self.tried(switched)?;
        let mut replaced = Vec::new();
        for (dyno, id) in old {
            let is_orphaned = !started.iter().any(|(new, _)| *new == dyno);
            let what = if is_orphaned { "orphaned" } else { "old" };
            self.talk.verbose(&format!(
                "Scheduling {what} container shutdown in {seconds} seconds ({dyno})"
            ));
            self.fire("scheduler-register-retired", &[app, &id, &seconds], None);
            replaced.extend(self.apps.containers.find(&id));
        }
        if process_type == "web" {
            self.talk.info2("Triggering early nginx proxy rebuild");
            self.rebuild_proxy()?;
        }
        Ok(replaced)
    }

    /// What `proxy:build-config` does, in Dokku's words.
    pub fn rebuild_proxy(&self) -> Result<(), Halt> {
        passed(self.fire("proxy-build-config", &[&self.app], None))?;
        self.talk.info1(&format!(
            "Ensuring network configuration is in sync for {}",
            self.app
        ));
        self.known(domains::rebuild_proxy(
            &self.app,
            &mut self.io(),
            &self.host,
        ))
    }

    /// One new container that has passed its checks; one that has not is gone when this returns.
    fn start_checked(
        &self,
        image: &Image,
        process_type: &str,
        count: u32,
        index: u32,
        command: &[String],
    ) -> Result<Arc<Container>, Halt> {
        let app = self.app.as_str();
        let dyno = format!("{process_type}.{index}");
        let number = index.to_string();
        passed(self.fire(
            "docker-args-deploy",
            &[app, "latest", process_type, &number],
            None,
        ))?;
        let port = if process_type == "web" {
            Some(self.tried(self.apps.ports.take())?)
        } else {
            None
        };
        let mut env = self.known(self.environment())?;
        env.retain(|(key, _)| key != "PORT" && key != "DYNO");
        env.push(("DYNO".to_owned(), dyno.clone()));
        env.push((
            "PORT".to_owned(),
            port.map_or(String::new(), |port| port.to_string()),
        ));
        let container = self.tried(self.apps.containers.create(Spec {
            name: format!("{app}.{dyno}.upcoming-{}", rand::random_range(1..32768_u32)),
            app: app.to_owned(),
            process_type: process_type.to_owned(),
            dyno: dyno.clone(),
            kind: Kind::Deploy,
            image: (image.id.clone(), self.apps.images.tree(&image.id)),
            command: command.to_vec(),
            env,
            port,
            restart_limit: RESTARTS,
            ttl_seconds: None,
        }))?;
        let id = container.record().id;
        self.fire(
            "post-container-create",
            &["app", &id, app, "deploy", process_type],
            None,
        );
        if let Err(error) = container.start(None) {
            self.talk
                .complain(&format!("Error response from daemon: {error}\n"));
        }
        if self.check(&container, &dyno)? {
            return Ok(container);
        }
        self.apps.dispose(&container);
        let builder = super::release::builder(&self.apps.images.tree(&image.id));
        self.talk.complain(&format!(
            "parallel: This job failed:\n/var/lib/dokku/plugins/available/scheduler-docker-local/bin/scheduler-deploy-process-container {app} {builder} dokku/{app}:latest latest {process_type} {count} {index}\n"
        ));
        Err(Halt::Failed)
    }

    /// Runs the plugins' and the image's checks; whether the container may serve.
    fn check(&self, container: &Arc<Container>, dyno: &str) -> Result<bool, Halt> {
        let known = self.known(self.host.store().app(&self.app))?;
        let record = container.record();
        let (short, process_type) = (record.short_id().to_owned(), record.process_type.clone());
        let has = |key: &str| {
            let listed = known.property(key);
            listed
                .split(',')
                .any(|name| name == process_type || name == "_all_")
        };
        if has("checks.disabled-list") {
            return Ok(true);
        }
        self.talk
            .verbose(&format!("Attempting pre-flight checks ({dyno})"));
        let port = record.port.map_or(String::new(), |port| port.to_string());
        let index = dyno.rsplit('.').next().unwrap_or_default();
        let args = [
            &self.app,
            &record.id,
            &process_type,
            port.as_str(),
            "127.0.0.1",
            index,
        ];
        if !self.fire("check-deploy", &args, None) {
            return Ok(false);
        }
        if has("checks.skipped-list") {
            self.talk
                .info2(&format!("Zero downtime checks have been skipped ({dyno})"));
            return Ok(true);
        }
        let found = self.tried(Healthchecks::read(&container.working_copy(), &process_type))?;
        if found.is_deprecated {
            self.talk.warn("Deprecated: Usage of the CHECKS file is deprecated in favor of healthchecks in app.json");
            self.talk.warn("Please move your healthchecks to app.json.");
        }
        let candidate = Candidate {
            container,
            spawner: &self.apps.spawner,
            host: known.domains.first().cloned(),
            patience: self.apps.pace.patience,
        };
        let failed = candidate.check(&found.checks, &self.talk);
        if failed > 0 {
            container.stop(self.apps.pace.stop);
            self.talk.plain(&record.id);
            self.talk.warn(&format!(
                "Could not start due to {failed} failed checks ({dyno})"
            ));
            self.tell_output(container, &short, dyno)?;
        } else {
            self.talk
                .verbose(&format!("All checks successful ({dyno})"));
        }
        self.tell_output(container, &short, dyno)?;
        Ok(failed == 0)
    }

    fn tell_output(&self, container: &Container, short: &str, dyno: &str) -> Result<(), Halt> {
        container.log().settle();
        let app = &self.app;
        self.talk
            .info2(&format!("Start of {app} container output ({short} {dyno})"));
        for line in self.tried(container.log().tail(usize::MAX))? {
            self.talk.verbose(line.log.trim_end_matches('\n'));
        }
        self.talk
            .info2(&format!("End of {app} container output ({short} {dyno})"));
        Ok(())
    }

    /// What follows once the new processes run.
    fn after_deploy(&self, image: &Image) -> Result<(), Halt> {
        let app = self.app.as_str();
        self.talk.info1("Running post-deploy");
        self.rebuild_proxy()?;
        self.rename_containers()?;
        self.known(
            self.host
                .store()
                .update_app(app, |known| known.set_property("ps.restore", "")),
        )?;
        passed(self.fire("core-post-deploy", &[app, "", "", "latest"], None))?;
        self.postdeploy_task(image)?;
        passed(self.fire("post-deploy", &[app, "", "", "latest"], None))
    }

    fn rename_containers(&self) -> Result<(), Halt> {
        self.talk.info1("Renaming containers");
        let current = self.tried(self.apps.containers.current_containers(&self.app))?;
        for (dyno, container) in current {
            let name = format!("{}.{dyno}", self.app);
            let all = self.apps.containers.of_app(&self.app, Kind::Deploy);
            let previous: Vec<_> = all
                .into_iter()
                .filter(|other| other.record().name == name)
                .collect();
            if !previous.is_empty() {
                let ids: Vec<String> = previous
                    .iter()
                    .map(|other| other.record().short_id().to_owned())
                    .collect();
                self.talk.verbose(&format!(
                    "Found previous container(s) ({}) named {name}",
                    ids.join(" ")
                ));
            }
            for other in previous {
                let dated = format!("{name}.{}", jiff::Timestamp::now().as_second());
                let short = other.record().short_id().to_owned();
                self.talk
                    .verbose(&format!("Renaming container ({short}) {name} to {dated}"));
                self.tried(other.rename(&dated))?;
            }
            let record = container.record();
            self.talk.verbose(&format!(
                "Renaming container {} ({}) to {name}",
                record.name,
                record.short_id()
            ));
            self.tried(container.rename(&name))?;
        }
        Ok(())
    }

    fn wait_to_retire(&self) -> Result<String, Halt> {
        let app = self.known(self.host.store().app(&self.app))?;
        let own = app.property("checks.wait-to-retire").to_owned();
        if !own.is_empty() {
            return Ok(own);
        }
        let globals = self.known(self.host.store().globals())?;
        Ok(globals
            .properties
            .get("checks.wait-to-retire")
            .cloned()
            .unwrap_or_else(|| "60".to_owned()))
    }
}
