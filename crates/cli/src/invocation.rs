//! What one run of the program stands on: settings from flags, environment and file, and the
//! doors to the host and the repository.

use std::{
    cell::OnceCell,
    env,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use dokku_deploy::{app::AppName, interrupt::Interrupts};
use tempfile::NamedTempFile;

use crate::{
    failure::Failure,
    global::Global,
    host::{Route, SshHost, no_host_key},
    repository::Repository,
    settings_file::{SettingsFile, edit},
    target::Target,
    ui::Ui,
};

/// How long a host may be silent before it counts as unreachable.
const PATIENCE: Duration = Duration::from_secs(15);

/// One run of the program.
pub struct Invocation<'a> {
    /// Options of the command line.
    pub global: &'a Global,
    /// All printing.
    pub ui: &'a Ui,
    file: OnceCell<SettingsFile>,
    key: OnceCell<NamedTempFile>,
}

/// No host is named anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("No Dokku host is set")]
pub struct NoHost;

impl<'a> Invocation<'a> {
    /// Takes the command line; files are read when they are needed.
    pub fn new(global: &'a Global, ui: &'a Ui) -> Self {
        Self {
            global,
            ui,
            file: OnceCell::new(),
            key: OnceCell::new(),
        }
    }

    /// The settings file, read once. Misspelt names in it are warned about.
    pub fn file(&self) -> Result<&SettingsFile, Failure> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let file = SettingsFile::read(&self.file_path()?, &home()?)?;
        for name in file.unknown() {
            self.ui.warning(&format!(
                "{} sets {name}, which means nothing here",
                file.path.display()
            ));
        }
        for (line, name) in file.odd_aliases() {
            self.ui.warning(&format!(
                "{}:{line}: {name:?} cannot be an alias: letters, digits and underscores only; \
                 `dokku-cli alias remove '{name}'` removes the line",
                file.path.display()
            ));
        }
        Ok(self.file.get_or_init(|| file))
    }

    /// Where the settings file lies.
    #[allow(clippy::unused_self, reason = "it is the file of this invocation")]
    pub fn file_path(&self) -> Result<PathBuf, Failure> {
        settings_path()
    }

    /// Where what one run leaves for the next is kept.
    #[allow(clippy::unused_self, reason = "it is the directory of this invocation")]
    pub fn state_directory(&self) -> Result<PathBuf, Failure> {
        let parent = match variable("XDG_STATE_HOME")? {
            Some(parent) => PathBuf::from(parent),
            None => Path::new(&home()?).join(".local/state"),
        };
        Ok(parent.join("dokku-cli"))
    }

    /// Changes the text of the settings file; one that is not understood is left alone.
    pub fn edit_file(&self, change: impl FnOnce(&str) -> String) -> Result<(), Failure> {
        let path = self.file_path()?;
        let text = if self.file()?.exists {
            fs_err::read_to_string(&path)?
        } else {
            "# Settings of dokku-cli: read, never executed\n".to_owned()
        };
        edit::write(&path, &change(&text))
            .map_err(|error| Failure::settings(format!("cannot write {}: {error}", path.display())))
    }

    /// A setting: its flag, else the environment, else the file.
    pub fn setting(&self, flag: Option<&str>, name: &str) -> Result<Option<String>, Failure> {
        if let Some(given) = flag {
            return Ok(Some(given.to_owned()));
        }
        if let Some(given) = variable(name)? {
            return Ok(Some(given));
        }
        Ok(self.file()?.get(name).map(str::to_owned))
    }

    /// The host to talk to.
    pub fn target(&self) -> Result<Target, Failure> {
        let given = self
            .setting(self.global.host.as_deref(), "DOKKU_HOST")?
            .ok_or(NoHost)?;
        Ok(Target::parse(&given)?)
    }

    /// The ssh key to offer, if that file exists; otherwise ssh chooses.
    pub fn ssh_key(&self) -> Result<Option<PathBuf>, Failure> {
        if self.global.ssh_key.is_none()
            && let Some(text) = variable("DOKKU_SSH_PRIVATE_KEY")?
        {
            return self.key_file(&text).map(Some);
        }
        let given = self.setting(self.global.ssh_key.as_deref(), "SSH_KEY")?;
        let home = home()?;
        let Some(given) = given else {
            let usual = Path::new(&home).join(".ssh/dokku_deploy");
            return Ok(usual.is_file().then_some(usual));
        };
        let path = match given.strip_prefix("~/") {
            Some(rest) => Path::new(&home).join(rest),
            None => PathBuf::from(&given),
        };
        if path.is_file() {
            return Ok(Some(path));
        }
        self.ui.warning(&format!(
            "The ssh key {} does not exist; ssh uses its own keys",
            path.display()
        ));
        Ok(None)
    }

    /// The key that CI gives as a text, in a file that only this user can read and that goes when
    /// this run ends.
    fn key_file(&self, text: &str) -> Result<PathBuf, Failure> {
        if let Some(file) = self.key.get() {
            return Ok(file.path().to_owned());
        }
        if !text.contains("PRIVATE KEY-----") {
            return Err(
                Failure::settings("DOKKU_SSH_PRIVATE_KEY holds no private ssh key").hint(
                    "It has to be the whole text of the key's file, from -----BEGIN to -----END.",
                ),
            );
        }
        // Who pastes a key into a web form often loses its last line break.
        let text = format!("{}\n", text.replace("\r\n", "\n").trim_end());
        let directory = variable("RUNNER_TEMP")?.map_or_else(env::temp_dir, PathBuf::from);
        let mut file = tempfile::Builder::new()
            .prefix("dokku-key-")
            .tempfile_in(directory)
            .map_err(|error| Failure::internal(format!("the ssh key cannot be stored: {error}")))?;
        file.write_all(text.as_bytes())
            .map_err(|error| Failure::internal(format!("the ssh key cannot be stored: {error}")))?;
        Ok(self.key.get_or_init(|| file).path().to_owned())
    }

    /// The domain under which apps get theirs.
    pub fn base_domain(&self) -> Result<Option<String>, Failure> {
        self.setting(self.global.base_domain.as_deref(), "BASE_DOMAIN")
    }

    /// How long the host may be silent.
    pub fn patience(&self) -> Result<Duration, Failure> {
        match (self.global.connect_timeout, variable("DOKKU_TIMEOUT")?) {
            (Some(given), _) => Ok(given),
            (None, Some(given)) => crate::global::duration(&given)
                .map_err(|why| Failure::settings(format!("DOKKU_TIMEOUT: {why}"))),
            (None, None) => Ok(PATIENCE),
        }
    }

    /// The way to the host.
    pub fn route(&self) -> Result<Route, Failure> {
        // A line of known_hosts, for CI.
        let host_key = variable("DOKKU_HOST_KEY")?;
        if let Some(line) = host_key.as_deref().and_then(no_host_key) {
            return Err(Failure::settings(format!(
                "DOKKU_HOST_KEY holds no host key: {line:?}"
            ))
            .hint("It is a line of known_hosts, such as `ssh-keyscan HOST` prints: HOST ssh-ed25519 AAAA…")
            .hint("Compare the key with the host's own before you pin it."));
        }
        Ok(Route {
            target: self.target()?,
            key: self.ssh_key()?,
            host_key,
            patience: self.patience()?,
            is_interactive: io::stdin().is_terminal(),
        })
    }

    /// The host, which is connected to when it is first asked. The connection ends with the value.
    pub fn host<'h>(&'h self, interrupts: &'h dyn Interrupts) -> Result<SshHost<'h>, Failure> {
        Ok(SshHost::new(self.route()?, interrupts, self.ui))
    }

    /// The app that a command is about: the one given, else the one named as this repository.
    pub fn app(&self, given: Option<&str>) -> Result<AppName, Failure> {
        if let Some(given) = given {
            return self.named_app(given);
        }
        let repository = Repository::here()?
            .ok_or_else(|| Failure::usage("No app name provided and not in a git repository"))?;
        self.named_app(&repository.name()).map_err(|mut failure| {
            failure
                .hints
                .push("The app was taken from the repository's name; give it as APP.".to_owned());
            failure
        })
    }

    /// The app behind what a person wrote: an alias of the settings file, or the app itself.
    pub fn named_app(&self, given: &str) -> Result<AppName, Failure> {
        match self.file()?.alias(given) {
            Some(app) => AppName::new(app).map_err(|error| {
                Failure::settings(format!(
                    "the alias {given:?} in {} leads to no app: {error}",
                    self.file
                        .get()
                        .map_or_else(String::new, |f| f.path.display().to_string())
                ))
            }),
            None => Ok(AppName::new(given)?),
        }
    }
}

/// The command line's options with the form of the output as the environment and the settings file
/// want it, where the command line says nothing of it.
pub fn with_form(given: &Global) -> Result<Global, Failure> {
    // A file that cannot be read is told of by whatever needs it.
    let file = settings_path()
        .ok()
        .zip(home().ok())
        .and_then(|(path, home)| SettingsFile::read(&path, &home).ok());
    let choice = |name: &str, words: [&str; 2]| -> Result<bool, Failure> {
        let (place, value) = if let Some(value) = variable(name)? {
            ("the variable ".to_owned(), value)
        } else if let Some(file) = &file
            && let Some((line, value)) = file.with_line(name)
        {
            (
                format!("{}:{line}: ", file.path.display()),
                value.to_owned(),
            )
        } else {
            return Ok(false);
        };
        let [yes, no] = words;
        if value == yes || value == no {
            return Ok(value == yes);
        }
        Err(Failure::settings(format!(
            "{place}{name} is {value:?}; it has to be {yes} or {no}"
        )))
    };
    let mut global = given.clone();
    if !given.json {
        global.json = choice("OUTPUT_FORMAT", ["json", "text"])?;
    }
    // Who wants to be told more wants to be told.
    if !given.quiet && !given.verbose {
        global.quiet = choice("QUIET_MODE", ["true", "false"])?;
    }
    Ok(global)
}

/// Where the settings file lies.
fn settings_path() -> Result<PathBuf, Failure> {
    Ok(Path::new(&home()?).join(".dokku-cli"))
}

/// The person's home directory.
fn home() -> Result<String, Failure> {
    variable("HOME")?.ok_or_else(|| Failure::settings("the variable HOME is not set"))
}

/// A variable of the environment; an empty one counts as not set.
fn variable(name: &str) -> Result<Option<String>, Failure> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Failure::settings(format!(
            "the variable {name} is not UTF-8"
        ))),
    }
}
