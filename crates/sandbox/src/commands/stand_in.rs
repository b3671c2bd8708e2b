//! Stand-ins for third-party plugins: absent until they are switched on.

use crate::host::SandboxHost;
use crate::store::StoreError;

fn property(plugin: &str) -> String {
    format!("{plugin}.installed")
}

/// Whether the stand-in for a plugin is switched on.
pub fn is_installed(host: &SandboxHost, plugin: &str) -> bool {
    host.store()
        .globals()
        .is_ok_and(|globals| globals.properties.contains_key(&property(plugin)))
}

/// Switches it on or off.
pub fn install(host: &SandboxHost, plugin: &str, is_installed: bool) -> Result<(), StoreError> {
    host.store().update_globals(|globals| {
        if is_installed {
            globals
                .properties
                .insert(property(plugin), "true".to_owned());
        } else {
            globals.properties.remove(&property(plugin));
        }
    })
}
