//! One deploy of an app: from a commit to an image, then to running processes.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::apps::Apps;
use super::build;
use super::builds::Build;
use super::images::Images;
use super::lock::DeployLock;
use super::talk::{Talk, Tee};
use crate::commands::{Caller, Failure};
use crate::host::SandboxHost;
use crate::io::Io;
use crate::store::Scope;
use crate::triggers::Surroundings;

/// Why a deploy ended early; its words have been said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// Exit code 1.
    Failed,
    /// Exit code 1 in the build phase: a recorded Dokku then leaves its lock file and an
    /// unfinished record behind.
    BuildFailed,
}

/// A deploy that goes on.
pub struct Deploy {
    pub(super) apps: Arc<Apps>,
    pub(super) host: SandboxHost,
    pub(super) app: String,
    pub(super) caller: Caller,
    pub(super) talk: Talk,
    build: Option<Build>,
    pub(super) variables: Vec<(String, String)>,
}

impl Deploy {
    /// Begins one that is recorded as `kind` and `source`; what it says goes to `out`.
    pub fn begin(
        host: &SandboxHost,
        app: &str,
        caller: &Caller,
        out: impl Write + Send + 'static,
        (kind, source): (&str, &str),
    ) -> Result<Self, Failure> {
        let apps = host
            .apps()
            .ok_or_else(|| Failure::new("This host runs no apps"))?;
        let (build, log) = apps.builds.begin(app, kind, source)?;
        let variables = [
            ("DOKKU_BUILD_ID", build.id.clone()),
            (
                "DOKKU_BUILD_LOG_FILE",
                apps.builds
                    .log_path(app, &build.id)
                    .to_string_lossy()
                    .into_owned(),
            ),
            ("DOKKU_BUILD_SOURCE", source.to_owned()),
            ("DOKKU_REDIRECT_OUTPUT", "true".to_owned()),
        ];
        Ok(Self {
            apps,
            host: host.clone(),
            app: app.to_owned(),
            caller: caller.clone(),
            talk: Talk::new(Tee {
                client: out,
                record: log,
            }),
            build: Some(build),
            variables: variables
                .map(|(key, value)| (key.to_owned(), value))
                .to_vec(),
        })
    }

    /// One without a record of its own, as `ps:restart` and `ps:scale` do.
    pub fn unrecorded(
        host: &SandboxHost,
        app: &str,
        caller: &Caller,
        out: impl Write + Send + 'static,
    ) -> Result<Self, Failure> {
        let apps = host
            .apps()
            .ok_or_else(|| Failure::new("This host runs no apps"))?;
        Ok(Self {
            talk: Talk::new(out),
            caller: caller.clone(),
            variables: vec![("DOKKU_REDIRECT_OUTPUT".to_owned(), "true".to_owned())],
            ..Self::quiet(&apps, host, app)
        })
    }

    /// One that says and records nothing.
    pub fn quiet(apps: &Arc<Apps>, host: &SandboxHost, app: &str) -> Self {
        Self {
            apps: Arc::clone(apps),
            host: host.clone(),
            app: app.to_owned(),
            caller: Caller::local(),
            talk: Talk::new(io::sink()),
            build: None,
            variables: Vec::new(),
        }
    }

    /// Git's variables of a push, seen by triggers and needed to read commits not accepted yet.
    #[must_use]
    pub fn with_variables(mut self, variables: Vec<(String, String)>) -> Self {
        self.variables.extend(variables);
        self
    }

    /// Does `work` and ends the record; the exit code.
    pub fn run(self, work: impl FnOnce(&Self) -> Result<(), Halt>) -> Result<u8, Failure> {
        let result = work(&self);
        let code = u8::from(result.is_err());
        if let Some(build) = self.build {
            let recorded = (result != Err(Halt::BuildFailed)).then_some(code);
            self.apps.builds.finish(build, recorded)?;
        }
        Ok(code)
    }

    /// As [`Deploy::run`]; after a failure the complaints are repeated, as Go plugins do.
    pub fn run_with_echo(
        self,
        work: impl FnOnce(&Self) -> Result<(), Halt>,
    ) -> Result<u8, Failure> {
        let talk = self.talk.clone();
        let code = self.run(work)?;
        if code != 0 {
            talk.raw(format!(" !     {}\n", talk.complaints()).as_bytes());
        }
        Ok(code)
    }

    /// Builds a commit (or the deploy branch's) and deploys it, under the app's deploy lock.
    pub fn receive(&self, commit: Option<&str>) -> Result<(), Halt> {
        let path = self.host.root().join("locks").join(&self.app);
        let id = self.build.as_ref().map_or("", |build| &build.id);
        let Some(lock) = self.tried(DeployLock::try_acquire(&path, id))? else {
            self.talk.warn(&format!(
                "{} currently has a deploy lock in place. Exiting...",
                self.app
            ));
            self.talk
                .warn("Run 'apps:unlock' to release the existing deploy lock");
            return Err(Halt::Failed);
        };
        let result = self.build_and_release(commit);
        if result != Err(Halt::BuildFailed) {
            self.tried(lock.release())?;
        }
        result
    }

    fn build_and_release(&self, commit: Option<&str>) -> Result<(), Halt> {
        let commit = match commit {
            Some(commit) => {
                self.set_revision(commit)?;
                commit.to_owned()
            }
            None => self.branch_commit()?,
        };
        let checkout = self.tried(
            tempfile::Builder::new()
                .prefix(&format!("{}-", self.app))
                .tempdir_in(self.apps.scratch()),
        )?;
        let tree = checkout.path().join("app");
        let repository = self.apps.repository(&self.host, &self.app);
        self.tried(repository.check_out(&commit, &tree, &self.variables))?;
        self.build(&tree, &commit)?;
        self.release_and_deploy()
    }

    /// `GIT_REV` (or what the app calls it) is set before the build: a rejected deploy leaves it.
    fn set_revision(&self, commit: &str) -> Result<(), Halt> {
        let app = self.known(self.host.store().app(&self.app))?;
        let name = match app.properties.get("git.rev-env-var") {
            Some(name) => name.clone(),
            None => "GIT_REV".to_owned(),
        };
        let set = |env: &mut crate::store::Env| env.insert(name.clone(), commit.to_owned());
        self.known(self.host.store().update_env(Scope::App(&self.app), set))?;
        if !self.fire("post-config-update", &[&self.app, "set", &name], None) {
            self.talk
                .warn("Failure while triggering post-config-update: exit status 1");
        }
        Ok(())
    }

    fn branch_commit(&self) -> Result<String, Halt> {
        let branch = self.known(super::git::deploy_branch(&self.host, &self.app))?;
        let repository = self.apps.repository(&self.host, &self.app);
        let found = self.tried(repository.resolve(&format!("refs/heads/{branch}")))?;
        found.ok_or_else(|| {
            self.talk.plain(&format!(
                "\u{1b}[1G\u{1b}[K-----> WARNING: Cannot build from '{branch}' as there are no commits stored at that branch."
            ));
            Halt::Failed
        })
    }

    /// From a checked out tree to the app's latest image.
    fn build(&self, tree: &Path, commit: &str) -> Result<(), Halt> {
        let app = self.app.as_str();
        let directory = tree.to_string_lossy().into_owned();
        let inside = Some(tree);
        if !self.fire("core-post-extract", &[app, &directory, commit], inside) {
            return Err(Halt::Failed);
        }
        // A recorded Dokku goes on whatever these two answer.
        self.fire("post-extract", &[app, &directory, commit], inside);
        let chosen = self.known(self.chosen_builder(tree, &directory))?;
        let builder = chosen
            .clone()
            .unwrap_or_else(|| super::release::builder(tree).to_owned());
        self.fire(
            "pre-receive-app",
            &[app, &builder, &directory, commit],
            inside,
        );
        self.clean_up()?;
        // No buildpack comes near a tree here, so that without a choice its image is no different
        // from one of a Dockerfile.
        let counts_as = chosen.as_deref().unwrap_or("dockerfile");
        self.known(self.host.store().update_app(app, |app| {
            app.set_property("builder.detected", counts_as);
        }))?;
        let shown = if builder == "dockerfile" {
            "Dockerfile"
        } else {
            &builder
        };
        self.talk.info1(&format!("Building {app} from {shown}"));
        let is_built = self.fire_deprecated("pre-build", &format!("pre-build-{builder}"), &[app])
            && self.fire("pre-build", &[&builder, app, &directory], inside)
            && self.tried(self.run_script(tree))?
            && self.fire_deprecated("post-build", &format!("post-build-{builder}"), &[app])
            && self.fire("post-build", &[&builder, app, &directory], inside)
            && self.fire("builder-build", &[&builder, app, &directory], inside);
        let latest = Images::latest_tag(app);
        if !is_built {
            match self.tried(self.apps.images.tagged(&latest))? {
                Some(image) => {
                    let short = image
                        .id
                        .trim_start_matches("sha256:")
                        .get(..12)
                        .unwrap_or_default()
                        .to_owned();
                    self.talk
                        .warn(&format!("Retagging old image {short} as {latest}"));
                }
                None => self
                    .talk
                    .warn(&format!("Removing invalid image tag {latest}")),
            }
            self.talk.warn("App build failed");
            return Err(Halt::BuildFailed);
        }
        let image = self.tried(
            self.apps
                .images
                .add(app, commit, tree, jiff::Timestamp::now()),
        )?;
        self.tried(self.apps.images.tag(&image.id, &latest))?;
        self.learn_from(&self.apps.images.tree(&image.id), &builder)
    }

    fn run_script(&self, tree: &Path) -> io::Result<bool> {
        let env = self
            .environment()
            .map_err(|failure| io::Error::other(failure.lines.join("\n")))?;
        build::build(tree, env, &self.apps.spawner, &self.talk)
    }

    /// The builder that the settings or a plugin ask for.
    fn chosen_builder(&self, tree: &Path, directory: &str) -> Result<Option<String>, Failure> {
        let (mut io, said, _) = Io::captured(b"");
        let surroundings = self.surroundings(Some(tree));
        let args = [self.app.as_str(), directory];
        // Whatever its exit code: only the first line that comes counts.
        let _ = self.host.triggers().fire_in(
            &surroundings,
            "builder-detect",
            &args,
            &self.caller,
            &mut io,
            &self.host,
        );
        let text = said.text();
        let app = self.host.store().app(&self.app)?;
        let global = crate::commands::property::global(&self.host, "builder.selected")?;
        let selected = [app.property("builder.selected"), &global];
        Ok(selected
            .into_iter()
            .chain(text.lines().next())
            .find(|name| !name.is_empty())
            .map(str::to_owned))
    }

    /// Dokku's clean-up before each build: images that nothing needs any more.
    fn clean_up(&self) -> Result<(), Halt> {
        self.talk.info1("Cleaning up...");
        let app = self.known(self.host.store().app(&self.app))?;
        if app.property("builder.skip-cleanup") == "true" {
            return Ok(());
        }
        let containers = &self.apps.containers;
        let used = [super::container::Kind::Deploy, super::container::Kind::Run]
            .into_iter()
            .flat_map(|kind| containers.of_app(&self.app, kind))
            .map(|container| container.record().image)
            .collect();
        self.tried(self.apps.images.clean_up(&self.app, &used))
            .map(drop)
    }

    /// Variables of the app's processes and build, without those of a single process.
    pub fn environment(&self) -> Result<Vec<(String, String)>, Failure> {
        environment(&self.host, &self.app)
    }

    /// Fires a trigger of third-party plugins; whether it went well. Its output is told.
    pub(crate) fn fire(&self, trigger: &str, args: &[&str], directory: Option<&Path>) -> bool {
        let mut io = self.io();
        let surroundings = self.surroundings(directory);
        self.host
            .triggers()
            .fire_in(
                &surroundings,
                trigger,
                args,
                &self.caller,
                &mut io,
                &self.host,
            )
            .is_ok()
    }

    /// Fires a trigger that Dokku calls deprecated, with its warning where a plugin has it.
    pub(super) fn fire_deprecated(&self, instead: &str, trigger: &str, args: &[&str]) -> bool {
        let has_it = self
            .host
            .triggers()
            .plugins()
            .iter()
            .any(|plugin| plugin.join(trigger).exists());
        if !has_it {
            return true;
        }
        self.talk.plain(&format!(
            " !     Deprecated: please upgrade plugin to use '{instead}' plugin trigger instead of {trigger}"
        ));
        self.fire(trigger, args, None)
    }

    /// Streams for other commands' functions that take part in the deploy.
    pub(super) fn io(&self) -> Io {
        let (stdout, stderr) = self.talk.outputs();
        Io::new(Box::new(io::empty()), stdout, stderr)
    }

    fn surroundings(&self, directory: Option<&Path>) -> Surroundings {
        Surroundings {
            directory: directory.map(Path::to_owned),
            variables: self.variables.clone(),
        }
    }

    /// A result of the disk; an error is told and fails the deploy.
    pub(super) fn tried<T>(&self, result: io::Result<T>) -> Result<T, Halt> {
        result.map_err(|error| {
            self.talk.warn(&format!("{}: {error}", self.app));
            Halt::Failed
        })
    }

    /// A result of the store; an error is told and fails the deploy.
    pub(super) fn known<T>(&self, result: Result<T, impl Into<Failure>>) -> Result<T, Halt> {
        result.map_err(|error| {
            for line in error.into().lines {
                self.talk.warn(&line);
            }
            Halt::Failed
        })
    }
}

/// A trigger's result: a failed one fails the deploy, its words have been told.
pub fn passed(is_well: bool) -> Result<(), Halt> {
    if is_well { Ok(()) } else { Err(Halt::Failed) }
}

/// The variables of an app, and a path to find programs in.
pub fn environment(host: &SandboxHost, app: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut env: Vec<(String, String)> = host.store().merged_env(app)?.into_iter().collect();
    if !env.iter().any(|(key, _)| key == "PATH") {
        let path =
            std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
        env.push(("PATH".to_owned(), path));
    }
    Ok(env)
}
