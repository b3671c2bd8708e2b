//! Which healthchecks a process type has: `app.json`, the older `CHECKS` file, Dokku's defaults.

use std::io;
use std::path::Path;

use fs_err as fs;
use serde::Deserialize;

/// One healthcheck, as `app.json` writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Healthcheck {
    /// How often it is tried; 3 when zero.
    pub attempts: u32,
    /// A command to run in the container.
    pub command: Vec<String>,
    /// A text that the answer has to hold.
    pub content: String,
    /// Headers of the request.
    pub http_headers: Vec<Header>,
    /// Seconds before the first attempt.
    pub initial_delay: u64,
    /// Whether the port has to be listened on.
    pub listening: bool,
    /// Its name in the output.
    pub name: String,
    /// A path to ask for.
    pub path: String,
    /// The port; the process's own when zero.
    pub port: u16,
    /// Seconds for an attempt; 5 when zero.
    pub timeout: u64,
    /// `startup`, `readiness` or `liveness`; only the first is run.
    pub r#type: String,
    /// Seconds that the process has to stay up.
    pub uptime: u64,
    /// Seconds between attempts; 5 when zero.
    pub wait: u64,
    /// Whether a failure only warns.
    pub warn: bool,
}

/// A header of a healthcheck's request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AppJson {
    healthchecks: std::collections::BTreeMap<String, Vec<Healthcheck>>,
}

/// What a process type has to pass, and whether it came from the deprecated `CHECKS` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthchecks {
    /// The checks, in order.
    pub checks: Vec<Healthcheck>,
    /// Whether a `CHECKS` file was read.
    pub is_deprecated: bool,
}

impl Healthchecks {
    /// Reads the checks of a process type from an image's directory.
    ///
    /// # Errors
    /// An `app.json` or `CHECKS` that cannot be understood, with the file's name and place.
    pub fn read(tree: &Path, process_type: &str) -> io::Result<Self> {
        let mut checks = match optional(&tree.join("app.json"))? {
            Some(text) => serde_json::from_str::<AppJson>(&text)
                .map_err(|error| invalid(&format!("app.json: {error}")))?
                .healthchecks
                .remove(process_type)
                .unwrap_or_default(),
            None => Vec::new(),
        };
        let mut is_deprecated = false;
        if let Some(text) = optional(&tree.join("CHECKS"))?.filter(|text| !text.is_empty()) {
            is_deprecated = true;
            if process_type == "web" {
                checks.extend(parse_checks(&text)?);
            }
        }
        if checks.is_empty() {
            checks.push(Healthcheck {
                name: "default".to_owned(),
                uptime: 10,
                ..startup()
            });
        }
        if process_type == "web" {
            checks.push(Healthcheck {
                name: "port listening check".to_owned(),
                listening: true,
                warn: true,
                ..startup()
            });
        }
        checks.retain(|check| check.r#type == "startup");
        Ok(Self {
            checks,
            is_deprecated,
        })
    }
}

impl Healthcheck {
    /// Attempts, with the default filled in.
    pub fn attempts(&self) -> u32 {
        if self.attempts == 0 { 3 } else { self.attempts }
    }

    /// Seconds for an attempt, with the default filled in.
    pub fn timeout(&self) -> u64 {
        if self.timeout == 0 { 5 } else { self.timeout }
    }

    /// Seconds between attempts, with the default filled in.
    pub fn wait(&self) -> u64 {
        if self.wait == 0 { 5 } else { self.wait }
    }

    /// The line that announces it, for a process that listens on `port`.
    pub fn announcement(&self, port: u16) -> String {
        let (name, timeout, retries) = (&self.name, self.timeout(), self.attempts() - 1);
        if self.listening {
            let (attempts, wait) = (self.attempts(), self.wait());
            format!(
                "Running healthcheck name='{name}' attempts={attempts} port={port} retries={retries} timeout={timeout} type='listening' wait={wait}"
            )
        } else if !self.command.is_empty() {
            let (attempts, wait, command) = (self.attempts(), self.wait(), self.command.join(" "));
            format!(
                "Running healthcheck name='{name}' attempts={attempts} command='[{command}]' timeout={timeout} type='command' wait={wait}"
            )
        } else if self.path.is_empty() {
            format!(
                "Running healthcheck name='{name}' type='uptime' uptime={}",
                self.uptime
            )
        } else {
            let (delay, path) = (self.initial_delay, &self.path);
            format!(
                "Running healthcheck name='{name}' delay={delay} path='{path}' retries={retries} timeout={timeout} type='path'"
            )
        }
    }
}

fn startup() -> Healthcheck {
    Healthcheck {
        r#type: "startup".to_owned(),
        ..Healthcheck::default()
    }
}

/// The `CHECKS` file: `WAIT=`, `TIMEOUT=`, `ATTEMPTS=` and lines of a path with expected content.
fn parse_checks(text: &str) -> io::Result<Vec<Healthcheck>> {
    let mut checks: Vec<Healthcheck> = Vec::new();
    let (mut wait, mut timeout, mut attempts) = (0, 0, 0);
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let number = |value: &str| -> io::Result<u64> {
            value.parse().map_err(|_| {
                invalid(&format!(
                    "CHECKS line {}: {value:?} is not a number",
                    index + 1
                ))
            })
        };
        if line.is_empty() {
            continue;
        }
        if let Some(value) = line.strip_prefix("WAIT=") {
            wait = number(value)?;
        } else if let Some(value) = line.strip_prefix("TIMEOUT=") {
            timeout = number(value)?;
        } else if let Some(value) = line.strip_prefix("ATTEMPTS=") {
            attempts = u32::try_from(number(value)?).unwrap_or(u32::MAX);
        } else {
            let (target, content) = line.split_once(' ').unwrap_or((line, ""));
            let target = target
                .strip_prefix("http:")
                .or_else(|| target.strip_prefix("https:"))
                .unwrap_or(target);
            let (host, path) = match target.strip_prefix("//") {
                Some(rest) => rest
                    .find('/')
                    .map_or((rest, "/"), |slash| rest.split_at(slash)),
                None => ("", target),
            };
            let host_header = Header {
                name: "Host".to_owned(),
                value: host.to_owned(),
            };
            checks.push(Healthcheck {
                name: format!("check-{}", checks.len() + 1),
                content: content.trim().to_owned(),
                path: path.to_owned(),
                http_headers: if host.is_empty() {
                    Vec::new()
                } else {
                    vec![host_header]
                },
                ..startup()
            });
        }
    }
    for check in &mut checks {
        (check.wait, check.timeout, check.attempts) = (wait, timeout, attempts);
    }
    Ok(checks)
}

fn optional(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(files: &[(&str, &str)], process_type: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let found = Healthchecks::read(dir.path(), process_type).unwrap();
        found
            .checks
            .iter()
            .map(|check| check.announcement(5000))
            .collect()
    }

    const LISTENING: &str = "Running healthcheck name='port listening check' attempts=3 port=5000 retries=2 timeout=5 type='listening' wait=5";

    #[test]
    fn without_files_a_process_has_to_stay_up_and_web_should_listen() {
        let uptime = "Running healthcheck name='default' type='uptime' uptime=10";
        assert_eq!(announced(&[], "web"), [uptime, LISTENING]);
        assert_eq!(announced(&[], "worker"), [uptime]);
    }

    #[test]
    fn app_json_is_announced_as_recorded() {
        let text = r#"{"healthchecks":{"web":[{"type":"startup","name":"health","path":"/health","timeout":2},{"type":"liveness","path":"/live"}]}}"#;
        assert_eq!(
            announced(&[("app.json", text)], "web"),
            [
                "Running healthcheck name='health' delay=0 path='/health' retries=2 timeout=2 type='path'",
                LISTENING
            ]
        );
    }

    #[test]
    fn a_checks_file_still_counts() {
        let checks =
            parse_checks("WAIT=1\nATTEMPTS=2 # two\n\n/  My App\n//www.example.com/x\n").unwrap();
        assert_eq!(
            (
                checks[0].path.as_str(),
                checks[0].content.as_str(),
                checks[0].attempts
            ),
            ("/", "My App", 2)
        );
        assert_eq!(checks[1].http_headers[0].value, "www.example.com");
        assert_eq!((checks[1].path.as_str(), checks[1].wait), ("/x", 1));
        assert!(
            parse_checks("WAIT=soon")
                .unwrap_err()
                .to_string()
                .contains("line 1")
        );
    }

    #[test]
    fn a_broken_app_json_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("app.json"), "{").unwrap();
        let error = Healthchecks::read(dir.path(), "web").unwrap_err();
        assert!(error.to_string().contains("app.json"), "{error}");
    }
}
