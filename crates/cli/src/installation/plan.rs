//! What a host has, and what is missing.

/// Kinds of backups, each with a directory of its own.
pub const KINDS: [&str; 7] = [
    "postgres",
    "mysql",
    "mariadb",
    "redis",
    "mongo",
    "rabbitmq",
    "elasticsearch",
];

/// A host, as root saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Whether commands run as root there.
    pub is_root: bool,
    /// `uname -m`.
    pub machine: String,
    /// What `dokku version` answers; `None` without Dokku.
    pub dokku: Option<String>,
    /// The version of the plugin that is there.
    pub plugin: Option<String>,
    /// A digest of the plugin's files.
    pub digest: Option<String>,
    /// Whether it is enabled.
    pub is_enabled: bool,
    /// Directories of backups that are missing.
    pub missing_backups: Vec<String>,
}

/// The answer of the host was not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the host answered {0:?} where a line NAME=VALUE was expected")]
pub struct Unexpected(pub String);

impl Found {
    /// Reads lines of `NAME=VALUE`.
    pub fn read(text: &str) -> Result<Self, Unexpected> {
        let mut found = Self::default();
        for line in text.lines() {
            let unexpected = || Unexpected(line.to_owned());
            let (name, value) = line.split_once('=').ok_or_else(unexpected)?;
            let given = Some(value.to_owned()).filter(|value| !value.is_empty());
            match name {
                "user" => found.is_root = value == "0",
                "machine" => value.clone_into(&mut found.machine),
                "dokku" => found.dokku = given,
                "plugin" => found.plugin = given,
                "digest" => found.digest = given,
                "enabled" => found.is_enabled = value == "yes",
                "missing" => found.missing_backups.extend(given),
                _ => return Err(unexpected()),
            }
        }
        // Without this line it was not our question that was answered.
        if found.machine.is_empty() {
            return Err(Unexpected(text.chars().take(200).collect()));
        }
        Ok(found)
    }
}

/// One thing to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Install the plugin.
    Install,
    /// Replace the plugin's files; the version that was there.
    Replace(String),
    /// Enable it.
    Enable,
    /// Make the directory of a kind of backups.
    MakeBackups(String),
}

impl Step {
    /// The step in words.
    pub fn words(&self, version: &str, backups: &str) -> String {
        match self {
            Self::Install => format!("install the plugin deploy-system {version}"),
            Self::Replace(was) if was == version => {
                format!("replace the plugin's files, which differ from those of {version}")
            }
            Self::Replace(was) => format!("replace the plugin deploy-system {was} by {version}"),
            Self::Enable => "enable the plugin deploy-system".to_owned(),
            Self::MakeBackups(kind) => format!("make {backups}/{kind}, owned by dokku"),
        }
    }
}

/// What has to be done so that the host has the plugin with this digest. Nothing, if it has.
pub fn plan(found: &Found, digest: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    match &found.plugin {
        None => steps.push(Step::Install),
        Some(version) => {
            if found.digest.as_deref() != Some(digest) {
                steps.push(Step::Replace(version.clone()));
            }
            if !found.is_enabled {
                steps.push(Step::Enable);
            }
        }
    }
    steps.extend(found.missing_backups.iter().cloned().map(Step::MakeBackups));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "user=0\nmachine=x86_64\ndokku=dokku version 0.38.27\nplugin=0.1.0\ndigest=d\nenabled=yes\n";

    #[test]
    fn a_host_that_has_everything_needs_nothing() {
        assert_eq!(plan(&Found::read(WHOLE).unwrap(), "d"), []);
    }

    #[test]
    fn only_what_is_missing_is_planned() {
        let bare = "user=0\nmachine=x86_64\ndokku=dokku version 0.38.27\nplugin=\ndigest=\nenabled=no\nmissing=redis\n";
        assert_eq!(
            plan(&Found::read(bare).unwrap(), "d"),
            [Step::Install, Step::MakeBackups("redis".to_owned())]
        );
        let old = WHOLE
            .replace("digest=d", "digest=other")
            .replace("enabled=yes", "enabled=no");
        assert_eq!(
            plan(&Found::read(&old).unwrap(), "d"),
            [Step::Replace("0.1.0".to_owned()), Step::Enable]
        );
    }

    #[test]
    fn another_answer_is_an_error() {
        for text in [
            "",
            "Welcome!\n",
            "user=0\n",
            "user=0\nmachine=x86_64\nhello=1\n",
        ] {
            assert!(Found::read(text).is_err(), "{text:?}");
        }
    }
}
