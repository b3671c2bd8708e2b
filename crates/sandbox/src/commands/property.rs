//! `<plugin>:set <app>|--global <key> [<value>]`: single values, cleared by leaving the value out.

use super::answer::header;
use super::arguments::check_app;
use super::{Call, Failure, Outcome};
use crate::host::SandboxHost;
use crate::io::Io;

/// Sets or clears a property of `plugin`; `keys` are the valid ones.
pub fn set(call: &Call, io: &mut Io, host: &SandboxHost, plugin: &str, keys: &[&str]) -> Outcome {
    let args: Vec<&str> = call
        .args
        .iter()
        .map(String::as_str)
        .filter(|arg| !is_global_flag(arg))
        .collect();
    let (target, key) = (
        args.first().copied().unwrap_or_default(),
        args.get(1).copied().unwrap_or_default(),
    );
    let value = args.get(2..).unwrap_or_default().join(" ");
    if target != "--global" {
        check_app(host, target)?;
    }
    if key.is_empty() {
        return Err(Failure::new("No property specified"));
    }
    if !keys.contains(&key) {
        return Err(Failure::new(format!(
            "Invalid property specified, valid properties include: {}",
            keys.join(", ")
        )));
    }
    if value.is_empty() {
        header(call, io, &format!("Unsetting {key}"))?;
    } else {
        header(call, io, &format!("Setting {key} to {value}"))?;
    }
    let name = format!("{plugin}.{key}");
    if target == "--global" {
        host.store().update_globals(|globals| {
            if value.is_empty() {
                globals.properties.remove(&name);
            } else {
                globals.properties.insert(name, value);
            }
        })?;
    } else {
        host.store()
            .update_app(target, |app| app.set_property(&name, &value))?;
    }
    Ok(())
}

fn is_global_flag(word: &str) -> bool {
    matches!(word, "--quiet" | "--trace" | "--force")
}

/// The value of a property of the host as a whole, empty if it is not set.
pub fn global(host: &SandboxHost, key: &str) -> Result<String, Failure> {
    Ok(host
        .store()
        .globals()?
        .properties
        .get(key)
        .cloned()
        .unwrap_or_default())
}
