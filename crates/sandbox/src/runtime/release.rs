//! Release and deploy of an app's latest image.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::container::Kind;
use super::containers::Spec;
use super::deploy::{Deploy, Halt, passed};
use super::images::{Image, Images};
use super::procfile::Procfile;
use crate::host::Runtime;

/// The builder that a recorded Dokku takes for such a tree.
pub(super) fn builder(tree: &Path) -> &'static str {
    if tree.join("Dockerfile").is_file() {
        "dockerfile"
    } else {
        "herokuish"
    }
}

/// What `app.json` says about tasks and process counts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AppJson {
    scripts: Scripts,
    formation: std::collections::BTreeMap<String, Formation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Scripts {
    dokku: Tasks,
    postdeploy: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tasks {
    predeploy: String,
    postdeploy: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Formation {
    quantity: Option<u32>,
}

impl Deploy {
    /// Takes process types, counts and ports over from a new image.
    pub(super) fn learn_from(&self, tree: &Path, builder: &str) -> Result<(), Halt> {
        let procfile = self.tried(Procfile::read(tree, "Procfile"))?;
        let app_json = self.app_json(tree)?;
        let port = if builder == "dockerfile" {
            super::dockerfile::exposed_port(tree)
        } else {
            None
        };
        let mapping = port.map_or("http:80:5000".to_owned(), |port| {
            format!("http:{port}:{port}")
        });
        let learn = |app: &mut crate::store::App| {
            let types: Vec<&str> = procfile
                .as_ref()
                .map_or(vec!["web"], |file| file.process_types().collect());
            for process_type in types.into_iter().filter(|name| *name != "release") {
                app.scale
                    .entry(process_type.to_owned())
                    .or_insert(u32::from(process_type == "web"));
            }
            for (process_type, formation) in &app_json.formation {
                if let Some(quantity) = formation.quantity {
                    app.scale.insert(process_type.clone(), quantity);
                }
            }
            app.set_property(
                "ps.can-scale",
                if app_json.formation.is_empty() {
                    ""
                } else {
                    "false"
                },
            );
            app.detected_ports = vec![mapping];
        };
        self.known(self.host.store().update_app(&self.app, learn))
    }

    fn app_json(&self, tree: &Path) -> Result<AppJson, Halt> {
        let path = tree.join("app.json");
        let read = super::files::read_json::<AppJson>(&path).map_err(|error| {
            let reason = error.to_string();
            let reason = reason
                .rsplit_once("app.json: ")
                .map_or(reason.as_str(), |(_, reason)| reason);
            std::io::Error::other(format!("app.json cannot be read: {reason}"))
        });
        Ok(self.tried(read)?.unwrap_or_default())
    }

    /// The release phase, then the processes unless `skip-deploy` is set. Without an image there
    /// is nothing to do.
    pub fn release_and_deploy(&self) -> Result<(), Halt> {
        let Some(image) = self.tried(self.apps.images.tagged(&Images::latest_tag(&self.app)))?
        else {
            return Ok(());
        };
        self.talk.info1(&format!("Releasing {}...", self.app));
        let result = self
            .release(&image)
            .and_then(|()| self.deploy_unless_skipped());
        self.talk.plain("");
        result
    }

    fn deploy_unless_skipped(&self) -> Result<(), Halt> {
        if self.known(super::git::is_deploy_skipped(&self.host, &self.app))? {
            self.talk.info1("Skipping deployment");
            return Ok(());
        }
        self.talk.info1(&format!(
            "Deploying {} via the docker-local scheduler...",
            self.app
        ));
        self.deploy_processes(None)?;
        self.talk.info2("Application deployed:");
        let known = self.known(self.host.store().app(&self.app))?;
        for url in crate::commands::ports::addresses(&known, &self.host) {
            self.talk.verbose(&url);
        }
        Ok(())
    }

    fn release(&self, image: &Image) -> Result<(), Halt> {
        let app = self.app.as_str();
        let tree = self.apps.images.tree(&image.id);
        let builder = builder(&tree);
        let tag = Images::latest_tag(app);
        let app_json = self.app_json(&tree)?;
        let procfile = self
            .tried(Procfile::read(&tree, "Procfile"))?
            .unwrap_or_default();
        let is_first = !self.apps.is_deployed(&self.host, app);
        passed(self.fire_deprecated(
            "pre-release-builder",
            &format!("pre-release-{builder}"),
            &[app, "latest"],
        ))?;
        passed(self.fire("pre-release-builder", &[builder, app, &tag], None))?;
        self.task(
            image,
            "predeploy",
            "app.json",
            &app_json.scripts.dokku.predeploy,
        )?;
        self.task(
            image,
            "release",
            "Procfile",
            procfile.command("release").unwrap_or_default(),
        )?;
        if is_first {
            self.task(
                image,
                "heroku.postdeploy",
                "app.json",
                &app_json.scripts.postdeploy,
            )?;
        }
        passed(self.fire("post-release-builder", &[builder, app, &tag], None))?;
        let before = self.talk.complaints().len();
        if !self.fire_deprecated("pre-release-builder", "pre-deploy", &[app, "latest"]) {
            // This one runs inside a Go trigger, which repeats what it wrote to standard error.
            let complaints = self.talk.complaints().split_off(before);
            self.talk.raw(format!(" !     {complaints}\n").as_bytes());
            return Err(Halt::Failed);
        }
        passed(self.fire("builder-release", &[builder, app, "latest"], None))?;
        self.talk.info2("Processing deployment checks");
        Ok(())
    }

    /// The postdeploy task of the image's `app.json`.
    pub(super) fn postdeploy_task(&self, image: &Image) -> Result<(), Halt> {
        let app_json = self.app_json(&self.apps.images.tree(&image.id))?;
        self.task(
            image,
            "postdeploy",
            "app.json",
            &app_json.scripts.dokku.postdeploy,
        )
    }

    /// Runs a task of a phase in a container of its own.
    fn task(&self, image: &Image, phase: &str, source: &str, command: &str) -> Result<(), Halt> {
        let app = &self.app;
        self.talk.info1(&format!("Checking for {phase} task"));
        if command.is_empty() {
            self.talk
                .verbose(&format!("No {phase} task found, skipping"));
            return Ok(());
        }
        self.talk.verbose(&format!(
            "Executing {phase} task from {source} in ephemeral container: {command}"
        ));
        let container = self.tried(self.apps.containers.create(Spec {
            name: format!("{app}.{phase}.{}", rand::random_range(1000..32000_u32)),
            app: app.clone(),
            process_type: phase.to_owned(),
            dyno: phase.to_owned(),
            kind: Kind::Deploy,
            image: (image.id.clone(), self.apps.images.tree(&image.id)),
            command: super::schedule::shell(command),
            env: self.known(self.environment())?,
            port: None,
            restart_limit: 0,
            ttl_seconds: None,
        }))?;
        let short = container
            .record()
            .id
            .get(..9)
            .unwrap_or_default()
            .to_owned();
        self.tried(container.start(None))?;
        let code = container.wait();
        self.talk
            .info2(&format!("Start of {app} {phase} task ({short}) output"));
        for line in self.tried(container.log().tail(usize::MAX))? {
            self.talk.verbose(line.log.trim_end_matches('\n'));
        }
        self.talk
            .info2(&format!("End of {app} {phase} task ({short}) output"));
        self.tried(
            self.apps
                .containers
                .stop_and_remove(&container, Duration::ZERO),
        )?;
        if code != 0 {
            self.talk
                .warn(&format!("Execution of {phase} task failed: {command}"));
            return Err(Halt::Failed);
        }
        Ok(())
    }
}
