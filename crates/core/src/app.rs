//! Apps and environments: whose deploy this is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of an app on a Dokku host.
///
/// Dokku 0.38 accepts names that begin with a lower-case letter or digit and hold only lower-case
/// letters, digits, dots and hyphens; anything else it refuses with "App name must begin with
/// lowercase alphanumeric character, …".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AppName(String);

/// Why a text is not an app's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not an app name: {why}")]
pub struct BadAppName {
    /// The text as it was given.
    pub given: String,
    /// The rule that it breaks.
    pub why: &'static str,
}

/// Longest name taken: it has to fit into a domain label, a container's and a file's name.
const LONGEST: usize = 63;

impl AppName {
    /// Checks `given` against Dokku's rule for app names.
    pub fn new(given: &str) -> Result<Self, BadAppName> {
        let bad = |why| {
            Err(BadAppName {
                given: given.chars().take(80).collect(),
                why,
            })
        };
        let Some(first) = given.chars().next() else {
            return bad("it is empty");
        };
        if !(first.is_ascii_lowercase() || first.is_ascii_digit()) {
            return bad("it must begin with a lower-case letter or a digit");
        }
        if !given
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
        {
            return bad("it may only contain lower-case letters, digits, dots and hyphens");
        }
        if given.len() > LONGEST {
            return bad("it is longer than 63 characters");
        }
        Ok(Self(given.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The app that this preview belongs to, judged by the name alone: `myapp` for
    /// `myapp-pr-12`, nothing for any other name.
    ///
    /// ```
    /// use dokku_deploy::app::AppName;
    /// let preview = AppName::new("myapp-pr-12").unwrap();
    /// assert_eq!(preview.base_by_name().unwrap().as_str(), "myapp");
    /// assert!(AppName::new("myapp-staging").unwrap().base_by_name().is_none());
    /// ```
    pub fn base_by_name(&self) -> Option<Self> {
        let (base, number) = self.0.rsplit_once("-pr-")?;
        let is_number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
        if is_number {
            Self::new(base).ok()
        } else {
            None
        }
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AppName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = String::deserialize(deserializer)?;
        Self::new(&given).map_err(serde::de::Error::custom)
    }
}

impl std::str::FromStr for AppName {
    type Err = BadAppName;
    fn from_str(given: &str) -> Result<Self, Self::Err> {
        Self::new(given)
    }
}

/// What an app is for. Settings, names and notifications differ by it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// The one that users see; the app is named as the repository.
    Production,
    /// `{repository}-staging`.
    Staging,
    /// `{repository}-dev`.
    Development,
    /// `{repository}-pr-{number}`, one for each pull request.
    Preview,
}

impl Environment {
    /// All of them, in the order in which they are listed to people.
    pub const ALL: [Self; 4] = [
        Self::Production,
        Self::Staging,
        Self::Development,
        Self::Preview,
    ];

    /// The word for it in settings, variables (`APP_ENV`) and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Development => "development",
            Self::Preview => "preview",
        }
    }

    /// The environment that an app's name alone speaks of: previews and the two suffixes are
    /// recognised, everything else is production.
    pub fn of_app(app: &AppName) -> Self {
        if app.base_by_name().is_some() {
            Self::Preview
        } else if app.as_str().ends_with("-staging") {
            Self::Staging
        } else if app.as_str().ends_with("-dev") {
            Self::Development
        } else {
            Self::Production
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown environment {0:?}: expected production, staging, development or preview")]
pub struct UnknownEnvironment(pub String);

impl std::str::FromStr for Environment {
    type Err = UnknownEnvironment;
    fn from_str(given: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|environment| environment.as_str() == given)
            .ok_or_else(|| UnknownEnvironment(given.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_dokkus_rule() {
        for good in ["a", "my.app", "myapp-pr-1", "0app"] {
            assert!(AppName::new(good).is_ok(), "{good}");
        }
        for bad in [
            "", "my_app", "MyApp", "-app", ".app", "a b", "a'b", "é", "a\nb", "a;id",
        ] {
            assert!(AppName::new(bad).is_err(), "{bad}");
        }
        assert!(AppName::new(&"a".repeat(64)).is_err());
    }

    #[test]
    fn only_previews_have_a_base_by_name() {
        let base = |name: &str| {
            AppName::new(name)
                .unwrap()
                .base_by_name()
                .map(|b| b.to_string())
        };
        assert_eq!(base("myapp-pr-12"), Some("myapp".into()));
        assert_eq!(base("my-pr-1-pr-2"), Some("my-pr-1".into()));
        assert_eq!(base("myapp-pr-"), None);
        assert_eq!(base("myapp-pr-x"), None);
        assert_eq!(base("myapp-staging"), None);
    }

    #[test]
    fn the_environment_is_read_from_the_name() {
        let of = |name: &str| Environment::of_app(&AppName::new(name).unwrap());
        assert_eq!(of("myapp"), Environment::Production);
        assert_eq!(of("myapp-staging"), Environment::Staging);
        assert_eq!(of("myapp-dev"), Environment::Development);
        assert_eq!(of("myapp-pr-3"), Environment::Preview);
        assert_eq!(of("api-device"), Environment::Production);
    }

    #[test]
    fn an_unknown_environment_names_the_known_ones() {
        let error = "prod".parse::<Environment>().unwrap_err().to_string();
        assert!(
            error.contains("production, staging, development or preview"),
            "{error}"
        );
    }
}
