//! `builder:*`. Only what keeping earlier images and running commands in new ones needs.

use super::report::{self, Form, Report};
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// Keeps the images of earlier releases: otherwise Dokku removes them at the next deploy, whatever
/// further tags they have. Since Dokku 0.38.0; before, the variable `DOKKU_SKIP_CLEANUP` does it.
pub fn keep_images(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("builder:set", app)
        .flag("skip-cleanup")
        .flag("true")
}

/// Asks for the app's builder. This plugin answers in JSON on every supported Dokku.
pub fn report(app: &AppName) -> DokkuCommand {
    report::ask("builder", app, Form::Json)
}

/// Reads which builder made the app's last build: empty where Dokku does not tell, as before 0.37
/// or before the first build; `None` when the app does not exist.
pub fn read_detected(answer: &Answer) -> Result<Option<String>, HostError> {
    let report = Report::read("builder", answer)?;
    Ok(report.map(|report| report.get("detected").unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::{answer, app, recorded};

    #[test]
    fn the_command_on_the_wire() {
        assert_eq!(
            keep_images(&app("myapp")).wire().unwrap(),
            "builder:set myapp skip-cleanup true"
        );
        assert_eq!(
            report(&app("myapp")).wire().unwrap(),
            "builder:report myapp --format json"
        );
    }

    #[test]
    fn the_builder_of_the_last_build() {
        let told = read_detected(&recorded("builder-report-json")).unwrap();
        assert_eq!(told.as_deref(), Some("dockerfile"));
        let told = read_detected(&answer(0, "{}", "")).unwrap();
        assert_eq!(told.as_deref(), Some(""));
        assert!(read_detected(&answer(0, "[]", "")).is_err());
    }
}
