//! `builds:*`: the record of builds and deploys.

use std::io::Write;

use super::answer::info;
use super::arguments::{Arguments, check_app};
use super::git::apps;
use super::report::{Report, Style};
use super::{Call, Failure, Outcome, Verb, property, say};
use crate::host::SandboxHost;
use crate::io::Io;
use crate::runtime::Apps;
use crate::runtime::builds::Build;

/// Verbs of this plugin.
pub const VERBS: &[Verb] = &[
    Verb::new("builds:list", list),
    Verb::new("builds:output", output),
    Verb::new("builds:info", show),
    Verb::new("builds:report", report),
    Verb::new("builds:set", set),
    Verb::new("cleanup", cleanup),
];

/// There is nothing left over here: containers are processes, and images without a name are not kept.
fn cleanup(_call: &Call, io: &mut Io, _host: &SandboxHost) -> Outcome {
    info(io, "Cleaning up...")?;
    Ok(())
}

fn duration(build: &Build) -> String {
    let end = build.finished_at.unwrap_or_else(jiff::Timestamp::now);
    let seconds = end.duration_since(build.started_at).as_secs().max(0);
    if seconds < 60 {
        format!("{seconds}s")
    } else {
        format!("{}m{}s", seconds / 60, seconds % 60)
    }
}

fn view(apps: &Apps, build: &Build) -> Result<serde_json::Value, Failure> {
    let mut view = serde_json::to_value(build).map_err(|error| Failure::new(error.to_string()))?;
    view["display_status"] = apps.builds.display_status(build).into();
    view["duration"] = duration(build).into();
    view["log_path"] = format!("/var/lib/dokku/data/builds/{}/{}.log", build.app, build.id).into();
    Ok(view)
}

fn list(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &[], &["format", "kind", "status"])?;
    let apps = apps(host)?;
    let app = arguments.at(0);
    check_app(host, app)?;
    let mut builds = apps.builds.of_app(app)?;
    builds.retain(|build| {
        arguments
            .value("kind")
            .is_none_or(|kind| build.kind == kind)
            && arguments
                .value("status")
                .is_none_or(|status| apps.builds.display_status(build) == status)
    });
    match arguments.value("format") {
        Some("json") => {
            let views = builds
                .iter()
                .map(|build| view(&apps, build))
                .collect::<Result<Vec<_>, _>>()?;
            return Ok(say(io, &serde_json::Value::from(views).to_string())?);
        }
        None | Some("stdout") => {}
        Some(_) => {
            return Err(Failure::new(
                "Invalid format specified, supported formats: json, stdout",
            ));
        }
    }
    if builds.is_empty() {
        return Ok(say(io, "No builds recorded for this app")?);
    }
    let mut rows = vec![
        [
            "Build ID", "Kind", "Status", "PID", "Source", "Started", "Duration",
        ]
        .map(str::to_owned),
    ];
    rows.extend(builds.iter().map(|build| {
        [
            build.id.clone(),
            build.kind.clone(),
            apps.builds.display_status(build),
            build.pid.to_string(),
            build.source.clone(),
            format!("{:.0}", build.started_at),
            duration(build),
        ]
    }));
    let widths: Vec<usize> = (0..7)
        .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0))
        .collect();
    for row in rows {
        let cells: Vec<_> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        say(io, cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// The build with an id, or the one that runs.
fn find(apps: &Apps, app: &str, id: &str) -> Result<Option<Build>, Failure> {
    if !id.is_empty() && id != "current" {
        let found = apps.builds.find(app, id)?;
        return found
            .map(Some)
            .ok_or_else(|| Failure::new(format!("No build record found for {app}/{id}")));
    }
    let builds = apps.builds.of_app(app)?;
    Ok(builds
        .into_iter()
        .find(|build| apps.builds.display_status(build) == "running"))
}

fn output(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &[], &[])?;
    let apps = apps(host)?;
    let app = arguments.at(0);
    check_app(host, app)?;
    match find(&apps, app, arguments.at(1))? {
        Some(build) => Ok(io
            .stdout
            .write_all(&fs_err::read(apps.builds.log_path(app, &build.id))?)?),
        None => Ok(info(io, "App not currently deploying")?),
    }
}

fn show(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &[], &["format"])?;
    let apps = apps(host)?;
    let app = arguments.at(0);
    check_app(host, app)?;
    if arguments.at(1).is_empty() {
        return Err(Failure::new("Please specify a build id"));
    }
    let Some(build) = find(&apps, app, arguments.at(1))? else {
        return Err(Failure::silent(1));
    };
    let view = view(&apps, &build)?;
    if arguments.value("format") == Some("json") {
        return Ok(say(io, &view.to_string())?);
    }
    for (label, key) in [
        ("Build ID", "id"),
        ("App", "app"),
        ("Kind", "kind"),
        ("Status", "display_status"),
    ] {
        say(
            io,
            &format!(
                "{:10} {}",
                format!("{label}:"),
                view[key].as_str().unwrap_or_default()
            ),
        )?;
    }
    Ok(())
}

fn report(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    super::report::answer(call, io, host, "builds", Style::Go, |host, app| {
        let known = host.store().app(app)?;
        let globals = host.store().globals()?;
        let own = known.property("builds.retention");
        let global = globals
            .properties
            .get("builds.retention")
            .map_or("", String::as_str);
        let computed = [own, global, "20"]
            .into_iter()
            .find(|value| !value.is_empty())
            .unwrap_or_default();
        let mut report = Report::default();
        report.add("computed-retention", computed);
        report.add("global-retention", global);
        report.add("retention", own);
        if let Some(build) = apps(host)?.builds.of_app(app)?.first() {
            let time = |time: jiff::Timestamp| format!("{time:.0}");
            report.add_bare(
                "build-exit-code",
                build
                    .exit_code
                    .map_or(String::new(), |code| code.to_string()),
            );
            report.add_bare(
                "build-finished-at",
                build.finished_at.map_or(String::new(), time),
            );
            report.add_bare("build-id", &build.id);
            report.add_bare("build-kind", &build.kind);
            report.add_bare("build-pid", build.pid.to_string());
            report.add_bare("build-source", &build.source);
            report.add_bare("build-started-at", time(build.started_at));
            report.add_bare("build-status", &build.status);
        }
        Ok(report)
    })
}

fn set(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    property::set(call, io, host, "builds", &["retention"])
}
