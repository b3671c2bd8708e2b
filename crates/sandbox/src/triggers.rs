//! Third-party plugins: directories `plugins/NAME/` under the root, with executables named after triggers,
//! `subcommands/SUB` and `commands`, called as a real host calls them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::child;
use crate::commands::answer::write_or_hang_up;
use crate::commands::{Call, Caller, Failure};
use crate::host::SandboxHost;
use crate::io::{Captured, Io, Out};
use crate::plugin_host::{DIRECTORIES, FIXED, VIEWS};

/// Exit code of a plugin's `commands` that says "not mine".
const NOT_IMPLEMENTED: u8 = 10;

/// The plugins of a host.
pub struct Triggers {
    root: PathBuf,
}

/// A plugin's trigger ended with another exit code than 0; what it had to say has been shown already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.words())]
pub struct TriggerFailed {
    /// The plugin.
    pub plugin: String,
    /// The trigger.
    pub trigger: String,
    /// Its exit code.
    pub code: u8,
    /// What it wrote to stderr; Dokku repeats it in its own message.
    pub stderr: String,
}

impl TriggerFailed {
    fn words(&self) -> String {
        if self.stderr.is_empty() {
            format!("exit status {}", self.code)
        } else {
            self.stderr.clone()
        }
    }
}

/// Passes on what is written and keeps a copy.
struct Copying {
    to: Out,
    copy: Captured,
}

impl Write for Copying {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.copy.write_all(buffer)?;
        self.to.write(buffer)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
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
            .filter(|path| path.is_dir() && !VIEWS.iter().any(|view| path.ends_with(view)))
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
            let mut command = Self::command(&program, caller, host);
            command
                .args(args)
                .envs(surroundings.variables.iter().cloned())
                .stdin(Stdio::null());
            if let Some(directory) = &surroundings.directory {
                command.current_dir(directory);
            }
            let copy = Captured::default();
            let stderr = Out::new(Copying {
                to: io.stderr.clone(),
                copy: copy.clone(),
            });
            let code = child::run(command, None, &io.stdout, &stderr);
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
                    stderr: copy.text(),
                });
            }
        }
        Ok(())
    }

    /// `user-auth` of every plugin lets the command pass.
    ///
    /// A flag that holds a quote or a backslash breaks the shell that hands the environment to such a plugin.
    pub fn is_allowed(&self, call: &Call, io: &mut Io, host: &SandboxHost) -> bool {
        if call.flags.exported.contains(['\\', '\'', '"']) && self.has("user-auth") {
            write_or_hang_up(
                &mut io.stderr,
                "/bin/bash: bashenv: syntax error near unexpected token\n",
            );
            return false;
        }
        let mut args = vec!["dokku", call.caller.key_name.as_str()];
        args.extend(call.words.iter().map(String::as_str));
        self.fire("user-auth", &args, &call.caller, io, host)
            .is_ok()
    }

    /// Whether any plugin has the trigger.
    pub fn has(&self, trigger: &str) -> bool {
        self.plugins()
            .iter()
            .any(|plugin| is_executable(&plugin.join(trigger)))
    }

    /// `user-auth-app`: what the plugins print is the list of visible apps.
    pub fn visible_apps(
        &self,
        apps: Vec<String>,
        caller: &Caller,
        host: &SandboxHost,
    ) -> Vec<String> {
        if apps.is_empty() || !self.has("user-auth-app") {
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
                return Some(Self::call_plugin(&program, call, io, host));
            }
        }
        for plugin in self.plugins() {
            let program = plugin.join("commands");
            if is_executable(&program) {
                let code = Self::call_plugin(&program, call, io, host);
                if code != NOT_IMPLEMENTED {
                    return Some(code);
                }
            }
        }
        None
    }

    fn call_plugin(program: &Path, call: &Call, io: &mut Io, host: &SandboxHost) -> u8 {
        let mut command = Self::command(program, &call.caller, host);
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
                let mut command = Self::command(&program, caller, host);
                command.arg("help").stdin(Stdio::null());
                child::run(command, None, &io.stdout, &Out::sink());
            }
        }
        stdout.text().lines().map(str::to_owned).collect()
    }

    /// Name, version and description of each plugin, from its `plugin.toml`.
    pub fn described(&self) -> Vec<(String, String, String)> {
        let describe = |plugin: PathBuf| {
            let text = fs_err::read_to_string(plugin.join("plugin.toml")).unwrap_or_default();
            let value = |key: &str| {
                let lines = text.lines().filter_map(|line| line.split_once('='));
                let mut values = lines.filter(|(name, _)| name.trim() == key);
                values
                    .next()
                    .map(|(_, value)| value.trim().trim_matches('"').to_owned())
                    .unwrap_or_default()
            };
            let name = plugin
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            (name, value("version"), value("description"))
        };
        self.plugins().into_iter().map(describe).collect()
    }

    /// A plugin's program with the environment that a real host gives it.
    fn command(program: &Path, caller: &Caller, host: &SandboxHost) -> Command {
        let root = host.root();
        let home = root.join("home");
        let mut command = Command::new(program);
        command
            .env_clear()
            .env(
                "PATH",
                format!(
                    "{}:/usr/local/bin:/usr/bin:/bin:/usr/games",
                    root.join("bin").display()
                ),
            )
            .envs(FIXED.iter().copied())
            .env("DOKKU_PID", std::process::id().to_string())
            .env("SSH_NAME", &caller.key_name)
            .env("NAME", &caller.key_name)
            .env("FINGERPRINT", &caller.fingerprint)
            .env("DOKKU_GLOBAL_FLAGS", "");
        for (name, directory) in DIRECTORIES {
            command.env(name, root.join(directory));
        }
        let (client, server) = (caller.client, caller.server);
        let client_words = format!("{} {}", client.ip(), client.port());
        command
            .env("SSH_CLIENT", format!("{client_words} {}", server.port()))
            .env(
                "SSH_CONNECTION",
                format!("{client_words} {} {}", server.ip(), server.port()),
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
