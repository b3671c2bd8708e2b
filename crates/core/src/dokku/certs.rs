//! `certs:*`: TLS certificates of apps.

use super::report::{self, Form, Report};
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// The certificate of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certs {
    /// Whether the app has one.
    pub is_enabled: bool,
    /// The names that it is for.
    pub hostnames: Vec<String>,
    /// OpenSSL's text for its end, as `Dec 10 12:00:00 2026 GMT`; empty without certificate.
    pub expires_at: String,
}

/// Asks about the certificate of an app.
pub fn report(app: &AppName, form: Form) -> DokkuCommand {
    report::ask("certs", app, form)
}

/// Reads the answer to [`report()`]; `None` when the app does not exist.
pub fn read(answer: &Answer) -> Result<Option<Certs>, HostError> {
    // Its keys begin with `ssl`, not with the plugin's name.
    let Some(report) = Report::read("ssl", answer)? else {
        return Ok(None);
    };
    Ok(Some(Certs {
        is_enabled: report.flag("enabled")?,
        hostnames: report.words("hostnames")?,
        expires_at: report.want("expires-at")?.to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::{app, recorded};

    #[test]
    fn both_forms_are_read() {
        assert_eq!(
            report(&app("myapp"), Form::Json).wire().unwrap(),
            "certs:report myapp --format json"
        );
        for id in ["certs-report", "certs-report-json"] {
            let certs = read(&recorded(id)).unwrap().unwrap();
            assert!(!certs.is_enabled && certs.hostnames.is_empty() && certs.expires_at.is_empty());
        }
        assert!(read(&recorded("checks-report-json")).is_err());
    }
}
