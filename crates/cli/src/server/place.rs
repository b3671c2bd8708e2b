//! Where on the host things are, and in whose name the plugin was called.

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
};

use dokku_deploy::service::ServiceKind;
use serde::{Deserialize, Serialize};

/// The host as a plugin sees it. Dokku exports all of it to triggers and subcommands.
#[derive(Debug, Clone)]
pub struct Place {
    lib: PathBuf,
    home: PathBuf,
    core_plugins: PathBuf,
    /// `DOKKU_BUILD_SOURCE`: `git-hook`, `ps:rebuild`, `git:sync` and so on; a Dokku before 0.38 does
    /// not say.
    pub source: Option<String>,
    /// The ssh key that the command came with.
    pub key: Key,
}

/// An ssh key, as `dokku ssh-keys:list` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The name that it was added under; `default` for commands given on the host itself.
    pub name: String,
    /// `SHA256:…`; empty for commands given on the host itself.
    pub fingerprint: String,
}

impl Place {
    /// Reads the environment that Dokku gives.
    pub fn from_environment() -> Self {
        let path = |name: &str, fallback: &str| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map_or_else(|| PathBuf::from(fallback), PathBuf::from)
        };
        let text = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let lib = path("DOKKU_LIB_ROOT", "/var/lib/dokku");
        Self {
            core_plugins: env::var_os("PLUGIN_CORE_AVAILABLE_PATH")
                .map_or_else(|| lib.join("core-plugins/available"), PathBuf::from),
            lib,
            home: path("DOKKU_ROOT", "/home/dokku"),
            source: text("DOKKU_BUILD_SOURCE"),
            key: Key {
                name: text("SSH_NAME")
                    .or_else(|| text("NAME"))
                    .unwrap_or_default(),
                fingerprint: text("FINGERPRINT").unwrap_or_default(),
            },
        }
    }

    /// The plugin's own directory.
    pub fn data(&self) -> PathBuf {
        self.lib.join("data/deploy-system")
    }

    /// By what this host is known, whoever calls it what: made once.
    pub fn host_id(&self) -> io::Result<String> {
        let path = self.data().join("host-id");
        match fs_err::read_to_string(&path) {
            Ok(id) if !id.trim().is_empty() => return Ok(id.trim().to_owned()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs_err::create_dir_all(self.data())?;
        let mut file = tempfile::NamedTempFile::new_in(self.data())?;
        file.write_all(format!("{:016x}", rand::random::<u64>()).as_bytes())?;
        file.as_file().sync_data()?;
        match file.persist_noclobber(&path) {
            Ok(_) => {}
            // Somebody else has made it at the same moment.
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.error),
        }
        fs_err::read_to_string(&path)
    }

    /// Dokku's file of an app's variables.
    pub fn env_file(&self, app: &str) -> PathBuf {
        self.lib.join("config").join(app).join("ENV")
    }

    /// Where the plugin of a kind of service keeps the data of its services.
    pub fn services(&self, kind: ServiceKind) -> PathBuf {
        self.lib.join("services").join(kind.as_str())
    }

    /// The bare repository of an app.
    pub fn repository(&self, app: &str) -> PathBuf {
        self.home.join(app)
    }

    /// Where backups are kept: `/var/backups/dokku`, unless `server setup` was given another place
    /// and wrote it down.
    pub fn backups(&self) -> io::Result<PathBuf> {
        match fs_err::read_to_string(self.data().join("backups")) {
            Ok(text) if text.starts_with('/') => Ok(PathBuf::from(text.trim_end())),
            Ok(_) => Err(io::Error::other(format!(
                "{} does not name a directory by its full path",
                self.data().join("backups").display()
            ))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(PathBuf::from("/var/backups/dokku"))
            }
            Err(error) => Err(error),
        }
    }

    /// The settings of backups, where `server schedule` or somebody else wrote them.
    pub fn backup_settings(&self) -> PathBuf {
        self.data().join("backup.json")
    }

    /// Lets every deploy through while it exists.
    pub fn break_glass(&self) -> PathBuf {
        self.data().join("break-glass")
    }

    /// Dokku's own code that makes commits from archives and images.
    pub fn git_from_directory(&self) -> PathBuf {
        self.core_plugins.join("git/git-from-directory")
    }

    /// A place for tests.
    #[cfg(test)]
    pub fn under(root: &Path) -> Self {
        Self {
            lib: root.join("lib"),
            home: root.join("home"),
            core_plugins: root.join("lib/core-plugins/available"),
            source: None,
            key: Key {
                name: "ada".to_owned(),
                fingerprint: "SHA256:x".to_owned(),
            },
        }
    }
}

/// Whether a name can be part of a path below the directory of apps, whatever else it is.
pub fn is_path_part(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(['.', '-'])
        && !name.contains(['/', '\0'])
        && Path::new(name).components().count() == 1
}
