//! `<plugin>:report [<app>] [<flag>] [--format json]`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answer::header;
use super::arguments::check_app;
use super::{Call, Failure, Outcome, say};
use crate::host::SandboxHost;
use crate::io::Io;

/// Width of the labels where they are short.
const NARROWEST: usize = 30;

/// How a plugin's report looks: Dokku's Go plugins and its bash ones differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// JSON keys stand with and without the plugin's name.
    Go,
    /// JSON keys stand without the plugin's name only.
    Bash,
}

/// Values by key, in the order in which they are added, keys without the plugin's name.
#[derive(Debug, Default, Clone)]
pub struct Report(Vec<Entry>);

impl Report {
    /// Entries of the host as a whole alone, as `--global` asks for.
    fn global(mut self) -> Self {
        self.0.retain(|entry| entry.key.starts_with("global-"));
        self
    }
}

#[derive(Debug, Clone)]
struct Entry {
    key: String,
    value: String,
    is_bare: bool,
    /// Shown in JSON only, under its bare key, as a list.
    list: Option<Vec<String>>,
}

impl Report {
    /// A value shown as `plugin-key`.
    pub fn add(&mut self, key: &str, value: impl Into<String>) {
        self.0.push(Entry {
            key: key.to_owned(),
            value: value.into(),
            is_bare: false,
            list: None,
        });
    }

    /// A list that only JSON shows, under a key without the plugin's name.
    pub fn add_list(&mut self, key: &str, list: Vec<String>) {
        self.0.push(Entry {
            key: key.to_owned(),
            value: String::new(),
            is_bare: true,
            list: Some(list),
        });
    }

    /// A value whose key never carries the plugin's name, such as `deployed` of `ps:report`.
    pub fn add_bare(&mut self, key: &str, value: impl Into<String>) {
        self.0.push(Entry {
            key: key.to_owned(),
            value: value.into(),
            is_bare: true,
            list: None,
        });
    }
}

impl Entry {
    fn full_key(&self, plugin: &str) -> String {
        if self.is_bare {
            self.key.clone()
        } else {
            format!("{plugin}-{}", self.key)
        }
    }
}

/// One object on one line, keys sorted.
fn json(entries: &[Entry], plugin: &str, style: Style) -> Result<String, Failure> {
    let mut fields: BTreeMap<String, Value> = BTreeMap::new();
    for entry in entries {
        let value = match &entry.list {
            Some(list) => Value::from(list.clone()),
            None => Value::from(entry.value.clone()),
        };
        if style == Style::Go {
            fields.insert(entry.full_key(plugin), value.clone());
        }
        fields.insert(entry.key.clone(), value);
    }
    serde_json::to_string(&fields).map_err(|error| Failure::new(error.to_string()))
}

/// Answers a report for one app, for the host (`--global`), or for all apps.
///
/// `collect` gets an empty name for `--global`.
pub fn answer(
    call: &Call,
    io: &mut Io,
    host: &SandboxHost,
    plugin: &str,
    style: Style,
    collect: impl Fn(&SandboxHost, &str) -> Result<Report, Failure>,
) -> Outcome {
    let request = Request::parse(call)?;
    if request.is_global {
        let report = collect(host, "")?.global();
        return request.show(call, io, plugin, style, "--global", &report);
    }
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
    is_global: bool,
}

impl Request {
    fn parse(call: &Call) -> Result<Self, Failure> {
        let mut request = Self {
            app: None,
            flag: None,
            is_json: false,
            is_global: false,
        };
        let mut words = call.args.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--format" => request.is_json = words.next().is_some_and(|format| format == "json"),
                "--global" => request.is_global = true,
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
        let full = |entry: &Entry| entry.full_key(plugin);
        if let Some(flag) = &self.flag {
            let wanted = flag.trim_start_matches("--");
            let Some(entry) = report.0.iter().find(|entry| full(entry) == wanted) else {
                let mut flags: Vec<_> = report
                    .0
                    .iter()
                    .filter(|entry| entry.list.is_none())
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
            return Ok(say(io, &json(&report.0, plugin, style)?)?);
        }
        header(call, io, &format!("{app} {plugin} information"))?;
        let mut lines: Vec<_> = report
            .0
            .iter()
            .filter(|entry| entry.list.is_none())
            .map(|entry| (sentence(&full(entry)), entry.value.as_str()))
            .collect();
        lines.sort();
        let width = lines
            .iter()
            .map(|(label, _)| label.len() + 1)
            .max()
            .unwrap_or_default()
            .max(NARROWEST);
        for (label, value) in lines {
            let label = format!("{label}:");
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
