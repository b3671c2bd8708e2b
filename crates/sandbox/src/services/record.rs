//! What is remembered about one service.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::plugin::Plugin;
use crate::engine::{Access, EngineError, Password, write_atomically};

/// What the operator wants of a service's container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// It runs (`create`, `start`).
    Running,
    /// It is kept, but does not run (`pause`).
    Paused,
    /// It is gone (`stop`); the data stays.
    Removed,
}

/// A service as it lies on disk, in `lib/services/PLUGIN/NAME/service.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// The service's name.
    pub name: String,
    /// What is wanted of it.
    pub wanted: Wanted,
    /// The container's id: 64 hexadecimal digits.
    pub id: String,
    /// The engine's port on 127.0.0.1.
    pub port: u16,
    /// The database's name; `-` of the service's name is `_` here.
    pub database: String,
    /// Password of the user in the address.
    pub password: Password,
    /// Password of MariaDB's root.
    pub root_password: Option<Password>,
    /// Names of the linked apps.
    pub links: BTreeSet<String>,
    /// What `expose` was told, one entry a port.
    pub exposed: Vec<String>,
    /// `--config-options`; shown, without effect.
    pub config_options: String,
    /// Networks by property name; shown, without effect.
    pub networks: BTreeMap<String, String>,
    /// The engine's version when the service was made.
    pub version: String,
}

impl Record {
    /// Reads a service; none when there is none at `directory`.
    pub fn load(directory: &Path) -> Result<Option<Self>, EngineError> {
        let file = file(directory);
        let bytes = match fs_err::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(EngineError::io("read", &file)(error)),
        };
        let record = serde_json::from_slice(&bytes)
            .map_err(|error| EngineError::io("read", &file)(error.into()))?;
        Ok(Some(record))
    }

    /// Writes the service.
    pub fn save(&self, directory: &Path) -> Result<(), EngineError> {
        let file = file(directory);
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| EngineError::io("write", &file)(error.into()))?;
        text.push(b'\n');
        write_atomically(&file, &text, 0o600)
    }

    /// How clients reach it.
    pub fn access(&self, plugin: &Plugin) -> Access {
        Access {
            port: self.port,
            user: plugin.user.to_owned(),
            password: self.password.clone(),
            root_password: self.root_password.clone(),
            database: self.database.clone(),
        }
    }

    /// The address that links give to apps. On a real host its name is `dokku-PLUGIN-NAME`, which
    /// resolves inside containers only; apps of the sandbox run beside the engine.
    pub fn url(&self, plugin: &Plugin, scheme: &str) -> String {
        let Self { port, database, .. } = self;
        let user = plugin.user;
        let password = self.password.expose();
        match plugin.prefix {
            "redis" => format!("{scheme}://:{password}@127.0.0.1:{port}"),
            _ => format!("{scheme}://{user}:{password}@127.0.0.1:{port}/{database}"),
        }
    }

    /// `5432->15432 ` for each exposed port, or `-`.
    pub fn exposed_ports(&self, plugin: &Plugin) -> String {
        if self.exposed.is_empty() {
            return "-".to_owned();
        }
        let ports: Vec<_> = self
            .exposed
            .iter()
            .map(|port| format!("{}->{port}", plugin.usual_port))
            .collect();
        ports.join(" ") + " "
    }
}

fn file(directory: &Path) -> PathBuf {
    directory.join("service.json")
}

/// The database of a new service: some engines do not like `-` or `.` in it.
pub fn database_name(service: &str) -> String {
    service.replace(['-', '.'], "_")
}

/// Whether Dokku takes the name for a service.
pub fn is_valid_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_names_follow_dokkus_rule() {
        for good in ["maindb", "my-db", "A_1"] {
            assert!(is_valid_name(good), "{good}");
        }
        for bad in ["", "bad.name!", "two words", "../x"] {
            assert!(!is_valid_name(bad), "{bad}");
        }
        assert_eq!(database_name("my-db"), "my_db");
    }
}
