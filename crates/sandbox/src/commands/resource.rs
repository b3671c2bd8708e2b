//! `resource:*`.

use super::answer::{header, verbose};
use super::arguments::{Arguments, check_app};
use super::report::{self, Report, Style};
use super::{Call, Outcome, Verb, say};
use crate::host::SandboxHost;
use crate::io::Io;

/// Verbs of this plugin.
pub const VERBS: &[Verb] = &[
    Verb::new("resource:limit", limit),
    Verb::new("resource:reserve", limit),
    Verb::new("resource:limit-clear", clear),
    Verb::new("resource:reserve-clear", clear),
    Verb::new("resource:report", show),
];

const KEYS: &[&str] = &[
    "cpu",
    "memory",
    "memory-swap",
    "network",
    "network-ingress",
    "network-egress",
    "nvidia-gpu",
];
const DEFAULTS: &str = "_default_";

/// `limit` or `reserve`, and its noun.
fn kind(call: &Call) -> (&'static str, &'static str) {
    if call.verb.starts_with("resource:reserve") {
        ("reserve", "reservation")
    } else {
        ("limit", "limits")
    }
}

fn limit(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let valued = [KEYS, &["process-type"]].concat();
    let arguments = Arguments::parse(call, &[], &valued)?;
    let app = arguments.at(0);
    check_app(host, app)?;
    let process = arguments
        .value("process-type")
        .filter(|name| !name.is_empty())
        .unwrap_or(DEFAULTS);
    let (kind, noun) = kind(call);
    let given: Vec<(&str, &str)> = KEYS
        .iter()
        .filter_map(|key| Some((*key, arguments.value(key)?)))
        .collect();
    let of_process = if process == DEFAULTS {
        String::new()
    } else {
        format!(" ({process})")
    };
    if given.is_empty() {
        let known = host.store().app(app)?;
        let whose = if process == DEFAULTS {
            " [defaults]"
        } else {
            &of_process
        };
        header(
            call,
            io,
            &format!("resource {noun} {app} information{whose}"),
        )?;
        for key in KEYS {
            verbose(
                io,
                &format!(
                    "{key}: {}",
                    known.property(&format!("resource.{process}.{kind}.{key}"))
                ),
            )?;
        }
        return Ok(());
    }
    header(
        call,
        io,
        &format!("Setting resource {noun} for {app}{of_process}"),
    )?;
    for (key, value) in given {
        let is_cleared = value == "clear";
        verbose(
            io,
            &if is_cleared {
                format!("{key}: cleared")
            } else {
                format!("{key}: {value}")
            },
        )?;
        let name = format!("resource.{process}.{kind}.{key}");
        host.store().update_app(app, |app| {
            app.set_property(&name, if is_cleared { "" } else { value });
        })?;
    }
    Ok(())
}

fn clear(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &[], &["process-type"])?;
    let app = arguments.at(0);
    check_app(host, app)?;
    let (kind, noun) = kind(call);
    let process = arguments.value("process-type").unwrap_or_default();
    let of_process = if process.is_empty() || process == DEFAULTS {
        String::new()
    } else {
        format!(" ({process})")
    };
    header(call, io, &format!("clearing {app} {noun}{of_process}"))?;
    let prefix = if process.is_empty() {
        "resource.".to_owned()
    } else {
        format!("resource.{process}.{kind}.")
    };
    Ok(host.store().update_app(app, |app| {
        app.properties.retain(|key, _| !key.starts_with(&prefix));
    })?)
}

fn show(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    if call.args.iter().any(|arg| arg.starts_with("--")) {
        return report::answer(call, io, host, "resource", Style::Go, |host, app| {
            let mut report = Report::default();
            for (key, value) in values(host, app)? {
                report.add(&key, value);
            }
            Ok(report)
        });
    }
    let apps = match call.arg(0) {
        "" => host
            .triggers()
            .visible_apps(host.store().apps()?, &call.caller, host),
        app => {
            check_app(host, app)?;
            vec![app.to_owned()]
        }
    };
    for app in apps {
        header(call, io, &format!("{app} resource information"))?;
        for (key, value) in values(host, &app)? {
            let label = format!("resource {}:", key.replace('.', " "));
            say(io, &format!("       {label:30} {value}"))?;
        }
    }
    Ok(())
}

/// `web.limit.cpu` and the like, in order.
fn values(host: &SandboxHost, app: &str) -> Result<Vec<(String, String)>, super::Failure> {
    let known = host.store().app(app)?;
    let own = known.properties.iter().filter_map(|(key, value)| {
        let key = key.strip_prefix("resource.")?;
        Some((key.to_owned(), value.clone()))
    });
    Ok(own.collect())
}
