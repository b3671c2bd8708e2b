//! `domains:*`. Each change costs seconds on the host (nginx is rebuilt): one call for all names.

use super::report::{self, Form, Report};
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// The domains of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domains {
    /// Whether the app is reached by its domains at all.
    pub is_enabled: bool,
    /// The app's own domains, in Dokku's order.
    pub app: Vec<String>,
    /// The host's domains, which new apps get one under.
    pub global: Vec<String>,
}

/// Asks for the domains of an app.
pub fn report(app: &AppName, form: Form) -> DokkuCommand {
    report::ask("domains", app, form)
}

/// Reads the answer to [`report()`]; `None` when the app does not exist.
pub fn read(answer: &Answer) -> Result<Option<Domains>, HostError> {
    let Some(report) = Report::read("domains", answer)? else {
        return Ok(None);
    };
    Ok(Some(Domains {
        is_enabled: report.flag("app-enabled")?,
        app: report.words("app-vhosts")?,
        global: report.words("global-vhosts")?,
    }))
}

/// Adds domains; those that the app has are skipped by Dokku.
pub fn add<D: AsRef<str>>(app: &AppName, domains: &[D]) -> DokkuCommand {
    DokkuCommand::on("domains:add", app).args(domains.iter().map(AsRef::as_ref))
}

/// Removes domains; those that the app has not are skipped.
pub fn remove<D: AsRef<str>>(app: &AppName, domains: &[D]) -> DokkuCommand {
    DokkuCommand::on("domains:remove", app).args(domains.iter().map(AsRef::as_ref))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::{answer, app, recorded};

    #[test]
    fn the_commands_on_the_wire() {
        let app = app("myapp");
        assert_eq!(
            report(&app, Form::Json).wire().unwrap(),
            "domains:report myapp --format json"
        );
        assert_eq!(
            report(&app, Form::Text).wire().unwrap(),
            "domains:report myapp"
        );
        assert_eq!(
            add(&app, &["a.example.com", "b.example.com"])
                .wire()
                .unwrap(),
            "domains:add myapp a.example.com b.example.com"
        );
        assert_eq!(
            remove(&app, &["a.example.com"]).wire().unwrap(),
            "domains:remove myapp a.example.com"
        );
    }

    #[test]
    fn both_forms_are_read() {
        for id in ["domains-report", "domains-report-json"] {
            let domains = read(&recorded(id)).unwrap().unwrap();
            assert!(domains.is_enabled);
            assert_eq!(domains.app, ["myapp.dokku.test"]);
            assert_eq!(domains.global, ["dokku.test"]);
        }
        let none = read(&recorded("domains-report-3")).unwrap().unwrap();
        assert!(none.app.is_empty());
    }

    #[test]
    fn several_domains_on_one_line_are_several() {
        let text = r#"{"app-enabled":"true","app-vhosts":"a.test b.test","global-vhosts":""}"#;
        let domains = read(&answer(0, text, "")).unwrap().unwrap();
        assert_eq!(domains.app, ["a.test", "b.test"]);
        assert!(domains.global.is_empty());
    }

    #[test]
    fn a_missing_app_is_no_error_and_a_missing_key_is() {
        assert_eq!(read(&recorded("domains-missing")), Ok(None));
        assert!(read(&recorded("domains-report-global")).is_err());
    }
}
