//! `<plugin>:report [<app>] [<flag>] [--format json]`.

use super::answer::header;
use super::arguments::check_app;
use super::{Call, Failure, Outcome, say};
use crate::host::SandboxHost;
use crate::io::Io;

/// How a plugin's report looks: Dokku's Go plugins and its bash ones differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// JSON keys stand with and without the plugin's name.
    Go,
    /// As `Go`, but only keys without the plugin's name in text and flags (such as `--deployed` of `ps:report`).
    Bash,
}

/// Values by key, in the order in which they are added, keys without the plugin's name.
#[derive(Debug, Default, Clone)]
pub struct Report(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    key: String,
    value: String,
    is_bare: bool,
}

impl Report {
    /// A value shown as `plugin-key`.
    pub fn add(&mut self, key: &str, value: impl Into<String>) {
        self.0.push(Entry {
            key: key.to_owned(),
            value: value.into(),
            is_bare: false,
        });
    }

    /// A value whose key never carries the plugin's name, such as `deployed` of `ps:report`.
    pub fn add_bare(&mut self, key: &str, value: impl Into<String>) {
        self.0.push(Entry {
            key: key.to_owned(),
            value: value.into(),
            is_bare: true,
        });
    }
}

/// Answers a report for one app or for all.
pub fn answer(
    call: &Call,
    io: &mut Io,
    host: &SandboxHost,
    plugin: &str,
    style: Style,
    collect: impl Fn(&SandboxHost, &str) -> Result<Report, Failure>,
) -> Outcome {
    let request = Request::parse(call)?;
    let apps = match &request.app {
        Some(app) => {
            check_app(host, app)?;
            vec![app.clone()]
        }
        None => host
            .triggers()
            .visible_apps(host.store().apps()?, &call.caller, host),
    };
    if apps.is_empty() {
        return Ok(super::answer::warn(
            io,
            "You haven't deployed any applications yet",
        )?);
    }
    for app in apps {
        let report = collect(host, &app)?;
        request.show(call, io, plugin, style, &app, &report)?;
    }
    Ok(())
}

struct Request {
    app: Option<String>,
    flag: Option<String>,
    is_json: bool,
}

impl Request {
    fn parse(call: &Call) -> Result<Self, Failure> {
        let mut request = Self {
            app: None,
            flag: None,
            is_json: false,
        };
        let mut words = call.args.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--format" => request.is_json = words.next().is_some_and(|format| format == "json"),
                "--format=json" => request.is_json = true,
                "--quiet" | "--trace" | "--force" => {}
                flag if flag.starts_with("--") && request.flag.is_some() => {
                    return Err(Failure::new("Only a single flag may be specified"));
                }
                flag if flag.starts_with("--") => request.flag = Some(flag.to_owned()),
                app if request.app.is_none() => request.app = Some(app.to_owned()),
                _ => {}
            }
        }
        Ok(request)
    }

    fn show(
        &self,
        call: &Call,
        io: &mut Io,
        plugin: &str,
        style: Style,
        app: &str,
        report: &Report,
    ) -> Outcome {
        let full = |entry: &Entry| {
            if entry.is_bare {
                entry.key.clone()
            } else {
                format!("{plugin}-{}", entry.key)
            }
        };
        if let Some(flag) = &self.flag {
            let wanted = flag.trim_start_matches("--");
            let Some(entry) = report.0.iter().find(|entry| full(entry) == wanted) else {
                let mut flags: Vec<_> = report
                    .0
                    .iter()
                    .map(|entry| format!("--{}", full(entry)))
                    .collect();
                flags.sort();
                return Err(Failure::new(format!(
                    "Invalid flag passed, valid flags: {}",
                    flags.join(", ")
                )));
            };
            return Ok(say(io, &entry.value)?);
        }
        if self.is_json {
            let mut pairs: Vec<(String, &str)> = Vec::new();
            for entry in &report.0 {
                pairs.push((entry.key.clone(), &entry.value));
                if style == Style::Go && !entry.is_bare {
                    pairs.push((full(entry), &entry.value));
                }
            }
            pairs.sort();
            let fields: Vec<_> = pairs
                .iter()
                .map(|(key, value)| {
                    Ok(format!(
                        "{}:{}",
                        serde_json::to_string(key)?,
                        serde_json::to_string(value)?
                    ))
                })
                .collect::<Result<_, serde_json::Error>>()
                .map_err(|error| Failure::new(error.to_string()))?;
            return Ok(say(io, &format!("{{{}}}", fields.join(",")))?);
        }
        header(call, io, &format!("{app} {plugin} information"))?;
        let mut lines: Vec<_> = report
            .0
            .iter()
            .map(|entry| (format!("{}:", sentence(&full(entry))), entry.value.as_str()))
            .collect();
        lines.sort();
        let width = lines
            .iter()
            .map(|(label, _)| label.len())
            .max()
            .unwrap_or_default();
        for (label, value) in lines {
            say(io, &format!("       {label:width$} {value}"))?;
        }
        Ok(())
    }
}

/// `app-created-at` as `App created at`, `status-web.1` as `Status web 1`.
fn sentence(key: &str) -> String {
    let text = key.replace(['-', '.'], " ");
    let mut characters = text.chars();
    characters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(characters).collect()
    })
}
