//! Where on the host things are, and in whose name the plugin was called.

use std::{
    env,
    path::{Path, PathBuf},
};

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

    /// Dokku's file of an app's variables.
    pub fn env_file(&self, app: &str) -> PathBuf {
        self.lib.join("config").join(app).join("ENV")
    }

    /// The bare repository of an app.
    pub fn repository(&self, app: &str) -> PathBuf {
        self.home.join(app)
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
