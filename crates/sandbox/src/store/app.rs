//! What is remembered about one app.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An app as it lies on disk; its variables are kept apart, in Dokku's own format (see [`crate::store::env`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct App {
    /// Dokku's name of it.
    pub name: String,
    /// Seconds since 1970.
    pub created_at: i64,
    /// `git-push`, `docker-image`, … or empty before the first deploy.
    pub deploy_source: String,
    /// The commit or image that was deployed.
    pub deploy_source_metadata: String,
    /// Domains in the order in which they were added.
    pub domains: Vec<String>,
    /// `domains:enable` and `domains:disable`.
    pub is_vhosts_enabled: bool,
    /// Port mappings as `scheme:host:container`, in order; empty while Dokku detects them.
    pub ports: Vec<String>,
    /// Port mappings that the last build detected, same form.
    pub detected_ports: Vec<String>,
    /// Process counts as `ps:scale` set them.
    pub scale: BTreeMap<String, u32>,
    /// Single values by `plugin.key`, e.g. `git.deploy-branch`, `ps.skip-deploy`.
    pub properties: BTreeMap<String, String>,
    /// Lists by `plugin.key`, e.g. `storage.mounts`, `docker-options.deploy`.
    pub lists: BTreeMap<String, Vec<String>>,
}

impl Default for App {
    fn default() -> Self {
        Self {
            name: String::new(),
            created_at: 0,
            deploy_source: String::new(),
            deploy_source_metadata: String::new(),
            domains: Vec::new(),
            is_vhosts_enabled: true,
            ports: Vec::new(),
            detected_ports: Vec::new(),
            scale: BTreeMap::new(),
            properties: BTreeMap::new(),
            lists: BTreeMap::new(),
        }
    }
}

impl App {
    /// The value of a property, empty if it is not set.
    pub fn property(&self, key: &str) -> &str {
        self.properties.get(key).map_or("", String::as_str)
    }

    /// Sets a property; an empty value removes it.
    pub fn set_property(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            self.properties.remove(key);
        } else {
            self.properties.insert(key.to_owned(), value.to_owned());
        }
    }

    /// A list, empty if there is none.
    pub fn list(&self, key: &str) -> &[String] {
        self.lists.get(key).map_or(&[], Vec::as_slice)
    }
}

/// What is remembered about the host as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Globals {
    /// Global domains.
    pub domains: Vec<String>,
    /// Single values by `plugin.key`.
    pub properties: BTreeMap<String, String>,
    /// Lists by `plugin.key`.
    pub lists: BTreeMap<String, Vec<String>>,
}
