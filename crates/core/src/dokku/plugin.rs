//! `plugin:*`. Over ssh only `plugin:list` answers; the rest wants root.

use serde::Deserialize;

use super::{data_lines, text};
use crate::{
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// A plugin of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugin {
    /// Its name, the first part of its verbs.
    pub name: String,
    /// Its own version, such as `1.48.0`.
    pub version: String,
    /// Whether its commands and triggers work.
    pub is_enabled: bool,
    /// Whether it comes with Dokku.
    pub is_core: bool,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    #[serde(default)]
    version: String,
    enabled: bool,
    core: bool,
}

/// Lists the plugins. Dokku before 0.38.22 ignores the flags and answers in text, which
/// [`read`] reads too.
pub fn list() -> DokkuCommand {
    DokkuCommand::new("plugin:list")
        .flag("--format")
        .flag("json")
}

/// Reads the list, as JSON or as text.
pub fn read(answer: &Answer) -> Result<Vec<Plugin>, HostError> {
    let text = text(answer)?;
    let plugins = if text.trim_start().starts_with('[') {
        read_json(text)
    } else {
        data_lines(text).map(read_line).collect()
    };
    match plugins {
        // Dokku cannot work without its own plugins.
        Some(plugins) if !plugins.is_empty() => Ok(plugins),
        _ => Err(answer.unparsable("a list of plugins")),
    }
}

fn read_json(text: &str) -> Option<Vec<Plugin>> {
    let entries: Vec<Entry> = serde_json::from_str(text).ok()?;
    let plugin = |entry: Entry| Plugin {
        name: entry.name,
        version: entry.version,
        is_enabled: entry.enabled,
        is_core: entry.core,
    };
    Some(entries.into_iter().map(plugin).collect())
}

/// `  apps   0.38.27 enabled    dokku core apps plugin`
fn read_line(line: &str) -> Option<Plugin> {
    let state = |word: &str| match word {
        "enabled" => Some(true),
        "disabled" => Some(false),
        _ => None,
    };
    let mut words = line.split_whitespace();
    let (name, second) = (words.next()?, words.next()?);
    // A plugin may have no version in its plugin.toml.
    let (version, is_enabled) = match state(second) {
        Some(is_enabled) => ("", is_enabled),
        None => (second, state(words.next()?)?),
    };
    Some(Plugin {
        name: name.to_owned(),
        version: version.to_owned(),
        is_enabled,
        is_core: words.next() == Some("dokku") && words.next() == Some("core"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::{answer, recorded};

    #[test]
    fn both_forms_of_the_recorded_list_say_the_same() {
        assert_eq!(list().wire().unwrap(), "plugin:list --format json");
        let json = read(&recorded("plugin-list-json")).unwrap();
        let text = read(&recorded("plugin-list")).unwrap();
        assert_eq!(json, text);
        let postgres = json.iter().find(|p| p.name == "postgres").unwrap();
        assert!(postgres.is_enabled && !postgres.is_core);
        assert_eq!(postgres.version, "1.48.0");
        assert!(json.iter().any(|p| p.name == "apps" && p.is_core));
    }

    #[test]
    fn plugins_without_version_or_description_are_read() {
        let text = "  apps  0.38.27 enabled    dokku core apps plugin\n  mine  disabled\n  other  1.0 enabled\n";
        let plugins = read(&answer(0, text, "")).unwrap();
        assert_eq!(
            (plugins[1].version.as_str(), plugins[1].is_enabled),
            ("", false)
        );
        assert!(plugins[2].is_enabled && !plugins[2].is_core);
    }

    #[test]
    fn anything_else_is_no_list() {
        for text in ["", "[]", "[{}]", "=====> Nothing\n", "hello there\n"] {
            let read = read(&answer(0, text, ""));
            assert!(
                matches!(read, Err(HostError::Unparsable { .. })),
                "{text:?}"
            );
        }
        assert!(matches!(
            read(&answer(1, "", "no")),
            Err(HostError::Refused { .. })
        ));
    }
}
