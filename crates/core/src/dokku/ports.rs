//! `ports:*`.

use std::fmt;

use super::report::{self, Form, Report};
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// One mapping of a port of the host's proxy to one of the container: `http:80:5000`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct PortMapping {
    /// `http`, `https`, `grpc` …
    pub scheme: String,
    /// Port on the host.
    pub host: u16,
    /// Port in the container.
    pub container: u16,
}

impl fmt::Display for PortMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.scheme, self.host, self.container)
    }
}

impl PortMapping {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (scheme, host, container) = (parts.next()?, parts.next()?, parts.next()?);
        let is_scheme = !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric());
        (is_scheme && parts.next().is_none()).then_some(())?;
        Some(Self {
            scheme: scheme.to_owned(),
            host: host.parse().ok()?,
            container: container.parse().ok()?,
        })
    }
}

/// The ports of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ports {
    /// Mappings that were set.
    pub set: Vec<PortMapping>,
    /// Mappings that Dokku derived from the image, used while none is set.
    pub detected: Vec<PortMapping>,
}

impl Ports {
    /// The mappings that the proxy uses.
    pub fn used(&self) -> &[PortMapping] {
        if self.set.is_empty() {
            &self.detected
        } else {
            &self.set
        }
    }
}

/// Asks for the ports of an app.
pub fn report(app: &AppName) -> DokkuCommand {
    report::ask("ports", app, Form::Json)
}

/// Reads the answer to [`report()`]; `None` when the app does not exist.
pub fn read(answer: &Answer) -> Result<Option<Ports>, HostError> {
    let Some(report) = Report::read("ports", answer)? else {
        return Ok(None);
    };
    let mappings = |key| -> Result<Vec<PortMapping>, HostError> {
        report
            .words(key)?
            .iter()
            .map(|word| PortMapping::parse(word).ok_or_else(|| report.broken(key)))
            .collect()
    };
    Ok(Some(Ports {
        set: mappings("map")?,
        detected: mappings("map-detected")?,
    }))
}

/// Replaces all mappings.
pub fn set(app: &AppName, mappings: &[PortMapping]) -> DokkuCommand {
    DokkuCommand::on("ports:set", app).args(mappings.iter().map(ToString::to_string))
}

/// Adds mappings.
pub fn add(app: &AppName, mappings: &[PortMapping]) -> DokkuCommand {
    DokkuCommand::on("ports:add", app).args(mappings.iter().map(ToString::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::{answer, app, recorded};

    fn http(host: u16, container: u16) -> PortMapping {
        PortMapping {
            scheme: "http".to_owned(),
            host,
            container,
        }
    }

    #[test]
    fn the_commands_on_the_wire() {
        let app = app("myapp");
        assert_eq!(
            report(&app).wire().unwrap(),
            "ports:report myapp --format json"
        );
        assert_eq!(
            set(&app, &[http(80, 5000)]).wire().unwrap(),
            "ports:set myapp http:80:5000"
        );
        assert_eq!(
            add(&app, &[http(80, 1)]).wire().unwrap(),
            "ports:add myapp http:80:1"
        );
    }

    #[test]
    fn set_and_detected_mappings_are_read() {
        let ports = read(&recorded("ports-report-json")).unwrap().unwrap();
        assert_eq!(ports.set, [http(80, 5000)]);
        assert_eq!(ports.detected, [http(5000, 5000)]);
        assert_eq!(ports.used(), [http(80, 5000)]);
        let new = read(&answer(
            0,
            r#"{"map":"","map-detected":"http:80:5000 https:443:5000"}"#,
            "",
        ));
        assert_eq!(new.unwrap().unwrap().used().len(), 2);
    }

    #[test]
    fn a_mapping_that_is_none_is_unparsable() {
        for bad in [
            "http:80",
            "http:x:1",
            "http:80:70000",
            ":80:80",
            "http:80:80:80",
        ] {
            let text = format!(r#"{{"map":"{bad}","map-detected":""}}"#);
            assert!(read(&answer(0, &text, "")).is_err(), "{bad}");
        }
    }
}
