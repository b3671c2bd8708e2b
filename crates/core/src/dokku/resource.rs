//! `resource:*`.

use std::collections::BTreeMap;

use super::{
    report::{self, Form, Report},
    text_unless_missing,
};
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// The process type under which limits for all process types are reported.
pub const ALL: &str = "_default_";

/// Limits of one process type; `None`: no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Docker's text: `512m`, `1g`, `268435456`.
    pub memory: Option<String>,
    /// Number of CPUs: `1`, `0.5`.
    pub cpu: Option<String>,
}

/// Asks for the limits of an app.
pub fn report(app: &AppName) -> DokkuCommand {
    report::ask("resource", app, Form::Json)
}

/// Reads the answer to [`report()`]: limits by process type, [`ALL`] for the default of all;
/// `None` when the app does not exist.
pub fn read(answer: &Answer) -> Result<Option<BTreeMap<String, Limits>>, HostError> {
    // An app that never had a limit has no report: Dokku prints nothing, status 0.
    if text_unless_missing(answer)?.is_some_and(|text| text.trim().is_empty()) {
        return Ok(Some(BTreeMap::new()));
    }
    let Some(report) = Report::read("resource", answer)? else {
        return Ok(None);
    };
    let mut limits: BTreeMap<String, Limits> = BTreeMap::new();
    for (key, value) in report.entries() {
        // `web.limit.memory`, in newer versions also `resource-web.limit.memory`.
        let key = key.strip_prefix("resource-").unwrap_or(key);
        let Some((process, what)) = key.split_once(".limit.") else {
            continue;
        };
        let of_process = limits.entry(process.to_owned()).or_default();
        let value = (!value.is_empty()).then(|| value.to_owned());
        match what {
            "memory" => of_process.memory = value,
            "cpu" => of_process.cpu = value,
            _ => {}
        }
    }
    limits.retain(|_, limits| *limits != Limits::default());
    Ok(Some(limits))
}

/// Sets limits for all process types; one that is not given stays. They count from the next
/// start of the containers on.
pub fn limit(app: &AppName, limits: &Limits) -> DokkuCommand {
    let mut command = DokkuCommand::new("resource:limit");
    for (flag, value) in [("--cpu", &limits.cpu), ("--memory", &limits.memory)] {
        if let Some(value) = value {
            command = command.flag(flag).arg(value.as_str());
        }
    }
    command.arg(app.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::{answer, app, recorded};

    #[test]
    fn the_commands_on_the_wire() {
        let app = app("myapp");
        assert_eq!(
            report(&app).wire().unwrap(),
            "resource:report myapp --format json"
        );
        let limits = Limits {
            memory: Some("512m".into()),
            cpu: Some("0.5".into()),
        };
        assert_eq!(
            limit(&app, &limits).wire().unwrap(),
            "resource:limit --cpu 0.5 --memory 512m myapp"
        );
    }

    #[test]
    fn the_recorded_limits_are_read() {
        let limits = read(&recorded("resource-report-json")).unwrap().unwrap();
        assert_eq!(limits.len(), 1);
        assert_eq!(limits["web"].memory.as_deref(), Some("256"));
        assert_eq!(limits["web"].cpu.as_deref(), Some("1"));
    }

    #[test]
    fn an_app_without_limits_has_none() {
        for text in ["", "{}\n"] {
            assert_eq!(read(&answer(0, text, "")), Ok(Some(BTreeMap::new())));
        }
        let text =
            r#"{"_default_.limit.cpu":"","_default_.limit.memory":"1g","web.reserve.cpu":"1"}"#;
        let limits = read(&answer(0, text, "")).unwrap().unwrap();
        assert_eq!(limits[ALL].memory.as_deref(), Some("1g"));
        assert_eq!(limits.len(), 1);
    }
}
