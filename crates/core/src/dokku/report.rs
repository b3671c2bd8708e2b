//! Reports (`<plugin>:report`), in both forms in which Dokku gives them.

use std::collections::BTreeMap;

use super::{is_true, text_unless_missing};
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// The form of a report to ask for.
///
/// The plugins in Go (`ps`, `ports`, `resource`, `apps`) answer in JSON on every supported Dokku.
/// `domains`, `git`, `certs` and `checks` do since 0.38.22; before, they know only text and refuse
/// `--format`. [`Capabilities`](super::capabilities::Capabilities) says which; readers take both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// `--format json`.
    #[default]
    Json,
    /// Lines such as `       Git sha:    d1de60f`.
    Text,
}

/// The report of `plugin` about `app`.
pub(super) fn ask(plugin: &str, app: &AppName, form: Form) -> DokkuCommand {
    let command = DokkuCommand::on(format!("{plugin}:report"), app);
    match form {
        Form::Json => command.flag("--format").flag("json"),
        Form::Text => command,
    }
}

/// A report: keys and texts. Keys are found with and without the plugin's name before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report<'a> {
    answer: &'a Answer,
    plugin: &'static str,
    entries: BTreeMap<String, String>,
}

impl<'a> Report<'a> {
    /// Reads a report; `None` when Dokku says that the app does not exist.
    pub(super) fn read(
        plugin: &'static str,
        answer: &'a Answer,
    ) -> Result<Option<Self>, HostError> {
        let Some(text) = text_unless_missing(answer)? else {
            return Ok(None);
        };
        let entries = if text.trim_start().starts_with('{') {
            read_json(text)
        } else {
            read_lines(text)
        };
        match entries {
            Some(entries) => Ok(Some(Self {
                answer,
                plugin,
                entries,
            })),
            None => Err(answer.unparsable(&format!("a report of {plugin}"))),
        }
    }

    /// A value; `None` when the report has no such key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.entries
            .get(&format!("{}-{key}", self.plugin))
            .or_else(|| self.entries.get(key))
            .map(String::as_str)
    }

    /// A value that every report of this plugin has.
    pub(super) fn want(&self, key: &str) -> Result<&str, HostError> {
        self.get(key).ok_or_else(|| self.broken(key))
    }

    /// A value that is `true` or `false`.
    pub(super) fn flag(&self, key: &str) -> Result<bool, HostError> {
        is_true(self.want(key)?).ok_or_else(|| self.broken(key))
    }

    /// Words between blanks.
    pub(super) fn words(&self, key: &str) -> Result<Vec<String>, HostError> {
        let value = self.want(key)?;
        Ok(value.split_whitespace().map(str::to_owned).collect())
    }

    /// All keys and values, as they came.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The answer does not hold what it should under `key`.
    pub(super) fn broken(&self, key: &str) -> HostError {
        self.answer.unparsable(&format!(
            "a report of {} with a usable {key:?}",
            self.plugin
        ))
    }
}

/// Dokku writes all values as texts; should it ever write `true` or `5`, that is the same.
fn read_json(text: &str) -> Option<BTreeMap<String, String>> {
    let object: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    object
        .into_iter()
        .map(|(key, value)| match value {
            serde_json::Value::String(text) => Some((key, text)),
            serde_json::Value::Null => Some((key, String::new())),
            serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
                Some((key, value.to_string()))
            }
            _ => None,
        })
        .collect()
}

/// `       Domains app vhosts:   myapp.dokku.test` → `domains-app-vhosts`, `myapp.dokku.test`.
fn read_lines(text: &str) -> Option<BTreeMap<String, String>> {
    let mut lines = text.lines();
    if !lines.next()?.starts_with("=====> ") {
        return None;
    }
    lines
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let (key, value) = line.strip_prefix("       ")?.split_once(':')?;
            let key = key.trim().to_lowercase().replace(' ', "-");
            Some((key, value.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::{answer, recorded};

    #[test]
    fn keys_are_found_with_and_without_the_plugins_name() {
        let answer = answer(0, r#"{"git-sha":"a","deploy-branch":"b"}"#, "");
        let report = Report::read("git", &answer).unwrap().unwrap();
        assert_eq!(
            (report.get("sha"), report.get("deploy-branch")),
            (Some("a"), Some("b"))
        );
        assert_eq!(report.get("nope"), None);
        let error = report.want("nope").unwrap_err().to_string();
        assert!(error.contains("nope"), "{error}");
    }

    #[test]
    fn the_recorded_text_says_what_the_recorded_json_says() {
        for (plugin, key, text, json) in [
            (
                "ps",
                "computed-procfile-path",
                "ps-report",
                "ps-report-json",
            ),
            (
                "domains",
                "app-vhosts",
                "domains-report",
                "domains-report-json",
            ),
            (
                "checks",
                "computed-wait-to-retire",
                "checks-report",
                "checks-report-json",
            ),
            ("ssl", "dir", "certs-report", "certs-report-json"),
        ] {
            let (text, json) = (recorded(text), recorded(json));
            let value = |answer| {
                let report = Report::read(plugin, answer).unwrap().unwrap();
                report.want(key).unwrap().to_owned()
            };
            assert_eq!(value(&text), value(&json), "{plugin} {key}");
        }
    }

    #[test]
    fn what_is_no_report_is_unparsable() {
        for text in [
            "",
            "hello",
            "{",
            "[]",
            r#"{"a":[1]}"#,
            "=====> x\nno indent: 1\n",
        ] {
            let answer = answer(0, text, "");
            let read = Report::read("git", &answer);
            assert!(
                matches!(read, Err(HostError::Unparsable { .. })),
                "{text:?}"
            );
        }
        let missing = recorded("apps-report-missing-json");
        assert_eq!(Report::read("apps", &missing), Ok(None));
    }
}
