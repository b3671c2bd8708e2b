//! `checks:*`: Dokku's own checks before it switches to new containers.

use super::report::{self, Form, Report};
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// How Dokku checks an app's new containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checks {
    /// Process types that are switched without zero downtime: old ones stop first.
    pub disabled: Vec<String>,
    /// Process types that are switched without checks.
    pub skipped: Vec<String>,
    /// Seconds that old containers go on after a switch, where Dokku says.
    pub wait_to_retire: Option<u32>,
}

/// Asks how an app is checked.
pub fn report(app: &AppName, form: Form) -> DokkuCommand {
    report::ask("checks", app, form)
}

/// Reads the answer to [`report()`]; `None` when the app does not exist.
pub fn read(answer: &Answer) -> Result<Option<Checks>, HostError> {
    let Some(report) = Report::read("checks", answer)? else {
        return Ok(None);
    };
    let processes = |key| -> Result<Vec<String>, HostError> {
        let list = report.want(key)?;
        Ok(list
            .split([',', ' '])
            .filter(|word| !word.is_empty() && *word != "none")
            .map(str::to_owned)
            .collect())
    };
    let wait_to_retire = match report.get("computed-wait-to-retire") {
        None | Some("") => None,
        Some(seconds) => {
            let seconds = seconds.parse();
            Some(seconds.map_err(|_| report.broken("computed-wait-to-retire"))?)
        }
    };
    Ok(Some(Checks {
        disabled: processes("disabled-list")?,
        skipped: processes("skipped-list")?,
        wait_to_retire,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::{answer, app, recorded};

    #[test]
    fn both_forms_are_read() {
        assert_eq!(
            report(&app("myapp"), Form::Json).wire().unwrap(),
            "checks:report myapp --format json"
        );
        for id in ["checks-report", "checks-report-json"] {
            let checks = read(&recorded(id)).unwrap().unwrap();
            assert_eq!(checks.wait_to_retire, Some(60));
            assert!(checks.disabled.is_empty() && checks.skipped.is_empty());
        }
    }

    #[test]
    fn process_types_are_read() {
        let text = r#"{"disabled-list":"web,worker","skipped-list":"_all_"}"#;
        let checks = read(&answer(0, text, "")).unwrap().unwrap();
        assert_eq!(checks.disabled, ["web", "worker"]);
        assert_eq!(checks.skipped, ["_all_"]);
    }
}
