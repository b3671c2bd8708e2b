//! Third-party plugins: directories `plugins/NAME/` under the root, with executables named after triggers,
//! `subcommands/SUB` and `commands`, called as a real host calls them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::child;
use crate::commands::{Call, Caller, Failure};
use crate::host::SandboxHost;
use crate::io::{Io, Out};

/// Exit code of a plugin's `commands` that says "not mine".
const NOT_IMPLEMENTED: u8 = 10;

/// The plugins of a host.
pub struct Triggers {
    root: PathBuf,
}

/// A plugin's trigger ended with another exit code than 0; what it had to say has been shown already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("exit status {code}")]
pub struct TriggerFailed {
    /// The plugin.
    pub plugin: String,
    /// The trigger.
    pub trigger: String,
    /// Its exit code.
    pub code: u8,
}

impl From<TriggerFailed> for Failure {
    fn from(failed: TriggerFailed) -> Self {
        Self::new(failed.to_string())
    }
}

/// What surrounds a trigger besides the host: working directory and further variables.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The working directory; the host's home where it is not set.
    pub directory: Option<PathBuf>,
    /// Variables on top of those of every plugin call, e.g. `DOKKU_BUILD_ID`.
    pub variables: Vec<(String, String)>,
}

impl Triggers {
    /// The plugins under a root; they are looked up anew at each call.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Directories of all plugins, sorted by name.
    pub fn plugins(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs_err::read_dir(self.root.join("plugins")) else {
            return Vec::new();
        };
        let mut plugins: Vec<_> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
            .collect();
        plugins.sort();
        plugins
    }

    /// Fires a trigger in every plugin that has it, in order; the first failure ends it.
    ///
    /// `io`'s stdin is not given to triggers: on a real host it is the client's stream, never to be read.
    pub fn fire(
        &self,
        trigger: &str,
        args: &[&str],
        caller: &Caller,
        io: &mut Io,
        host: &SandboxHost,
    ) -> Result<(), TriggerFailed> {
        self.fire_in(&Surroundings::default(), trigger, args, caller, io, host)
    }

    /// [`Triggers::fire`] with a working directory and variables.
    pub fn fire_in(
        &self,
        surroundings: &Surroundings,
        trigger: &str,
        args: &[&str],
        caller: &Caller,
        io: &mut Io,
        host: &SandboxHost,
    ) -> Result<(), TriggerFailed> {
        for plugin in self.plugins() {
            let program = plugin.join(trigger);
            if !is_executable(&program) {
                continue;
            }
            let mut command = self.command(&program, caller, host);
            command
                .args(args)
                .envs(surroundings.variables.iter().cloned())
                .stdin(Stdio::null());
            if let Some(directory) = &surroundings.directory {
                command.current_dir(directory);
            }
            let code = child::run(command, None, &io.stdout, &io.stderr);
            if code != 0 {
                let plugin = plugin
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                return Err(TriggerFailed {
                    plugin,
                    trigger: trigger.to_owned(),
                    code,
                });
            }
        }
        Ok(())
    }

    /// `user-auth` of every plugin lets the command pass.
    pub fn is_allowed(&self, call: &Call, io: &mut Io, host: &SandboxHost) -> bool {
        let mut args = vec!["dokku", call.caller.key_name.as_str()];
        args.extend(call.words.iter().map(String::as_str));
        self.fire("user-auth", &args, &call.caller, io, host)
            .is_ok()
    }

    /// `user-auth-app`: what the plugins print is the list of visible apps.
    pub fn visible_apps(
        &self,
        apps: Vec<String>,
        caller: &Caller,
        host: &SandboxHost,
    ) -> Vec<String> {
        let has_filter = self
            .plugins()
            .iter()
            .any(|plugin| is_executable(&plugin.join("user-auth-app")));
        if !has_filter || apps.is_empty() {
            return apps;
        }
        let (mut io, stdout, _) = Io::captured(b"");
        let mut args = vec!["dokku", caller.key_name.as_str()];
        args.extend(apps.iter().map(String::as_str));
        drop(self.fire("user-auth-app", &args, caller, &mut io, host));
        stdout
            .text()
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    }

    /// Runs a plugin's subcommand or the `commands` that takes the verb; `None` if nobody does.
    pub fn run_subcommand(&self, call: &Call, io: &mut Io, host: &SandboxHost) -> Option<u8> {
        let (name, sub) = call.verb.split_once(':').unwrap_or((&call.verb, ""));
        let directory = self
            .plugins()
            .into_iter()
            .find(|plugin| plugin.ends_with(name));
        if let Some(directory) = directory {
            let sub = if sub.is_empty() { "default" } else { sub };
            let program = directory.join("subcommands").join(sub);
            if !sub.contains('/') && is_executable(&program) {
                return Some(self.call_plugin(&program, call, io, host));
            }
        }
        for plugin in self.plugins() {
            let program = plugin.join("commands");
            if is_executable(&program) {
                let code = self.call_plugin(&program, call, io, host);
                if code != NOT_IMPLEMENTED {
                    return Some(code);
                }
            }
        }
        None
    }

    fn call_plugin(&self, program: &Path, call: &Call, io: &mut Io, host: &SandboxHost) -> u8 {
        let mut command = self.command(program, &call.caller, host);
        command.args(&call.words).env(
            "DOKKU_COMMAND",
            call.words.first().map_or("", String::as_str),
        );
        command.env("DOKKU_GLOBAL_FLAGS", &call.flags.exported);
        if let Some(app) = &call.flags.app {
            command.env("DOKKU_APP_NAME", app);
        }
        for (name, is_set) in [
            ("DOKKU_QUIET_OUTPUT", call.flags.quiet),
            ("DOKKU_TRACE", call.flags.trace),
            ("DOKKU_APPS_FORCE_DELETE", call.flags.force),
        ] {
            if is_set {
                command.env(name, "1");
            }
        }
        let stdin = std::mem::replace(&mut io.stdin, Box::new(std::io::empty()));
        child::run(command, Some(stdin), &io.stdout, &io.stderr)
    }

    /// Lines that the plugins' `commands help` print.
    pub fn help_lines(&self, caller: &Caller, host: &SandboxHost) -> Vec<String> {
        let (io, stdout, _) = Io::captured(b"");
        for plugin in self.plugins() {
            let program = plugin.join("commands");
            if is_executable(&program) {
                let mut command = self.command(&program, caller, host);
                command.arg("help").stdin(Stdio::null());
                child::run(command, None, &io.stdout, &Out::sink());
            }
        }
        stdout.text().lines().map(str::to_owned).collect()
    }

    /// A plugin's program with the environment that a real host gives it.
    fn command(&self, program: &Path, caller: &Caller, host: &SandboxHost) -> Command {
        let home = host.root().join("home");
        let plugins = self.root.join("plugins");
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env_clear()
            .env(
                "PATH",
                format!("{}:{path}", host.root().join("bin").display()),
            )
            .env("HOME", &home)
            .env("USER", "dokku")
            .env("LOGNAME", "dokku")
            .env("LANG", "C.UTF-8")
            .env("SHELL", "/bin/bash")
            .env("DOKKU_ROOT", &home)
            .env("DOKKU_HOST_ROOT", &home)
            .env("DOKKU_LIB_ROOT", host.root().join("lib"))
            .env("DOKKU_LOGS_DIR", host.root().join("logs"))
            .env("DOKKU_API_VERSION", "1")
            .env("DOKKU_NOT_IMPLEMENTED_EXIT", NOT_IMPLEMENTED.to_string())
            .env("DOKKU_VALID_EXIT", "0")
            .env("DOKKU_PID", std::process::id().to_string())
            .env("DOKKU_SYSTEM_USER", "dokku")
            .env("DOKKU_SYSTEM_GROUP", "dokku")
            .env("PLUGIN_PATH", &plugins)
            .env("PLUGIN_AVAILABLE_PATH", &plugins)
            .env("PLUGIN_ENABLED_PATH", &plugins)
            .env("SSH_USER", "dokku")
            .env("SSH_NAME", &caller.key_name)
            .env("NAME", &caller.key_name)
            .env("FINGERPRINT", &caller.fingerprint)
            .env(
                "SSH_CLIENT",
                format!(
                    "{} {} {}",
                    caller.client.ip(),
                    caller.client.port(),
                    caller.server.port()
                ),
            )
            .env(
                "SSH_CONNECTION",
                format!(
                    "{} {} {} {}",
                    caller.client.ip(),
                    caller.client.port(),
                    caller.server.ip(),
                    caller.server.port()
                ),
            );
        if home.is_dir() {
            command.current_dir(home);
        }
        command
    }
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
