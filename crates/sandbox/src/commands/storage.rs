//! `storage:*` and `docker-options:*`: lists of what goes into an app's containers. The sandbox keeps and shows
//! them; its processes run on the machine itself and are not mounted or limited by them.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::answer::{info, info_quiet, verbose};
use super::arguments::{Arguments, check_app};
use super::report::{self, Report, Style};
use super::{Call, Failure, Outcome, Verb, say};
use crate::host::SandboxHost;
use crate::io::Io;

/// Verbs of these plugins.
pub const VERBS: &[Verb] = &[
    Verb::new("storage:list", list),
    Verb::new("storage:report", show),
    Verb::new("storage:mount", mount),
    Verb::new("storage:unmount", unmount),
    Verb::new("storage:ensure-directory", ensure_directory),
    Verb::new("docker-options:report", show_options),
    Verb::new("docker-options:add", add_option),
    Verb::new("docker-options:remove", remove_option),
];

const MOUNTS: &str = "storage.mounts";
const PHASES: [&str; 3] = ["build", "deploy", "run"];

fn list(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &[], &["format"])?;
    let app = arguments.at(0);
    check_app(host, app)?;
    let known = host.store().app(app)?;
    let mounts = known.list(MOUNTS);
    if arguments.value("format") == Some("json") {
        let objects: Vec<BTreeMap<&str, &str>> = mounts
            .iter()
            .map(|mount| {
                let (from, to) = mount.split_once(':').unwrap_or((mount, ""));
                BTreeMap::from([
                    ("host_path", from),
                    ("container_path", to),
                    ("volume_options", ""),
                ])
            })
            .collect();
        let json =
            serde_json::to_string(&objects).map_err(|error| Failure::new(error.to_string()))?;
        return Ok(say(io, &json)?);
    }
    info_quiet(call, io, &format!("{app} volume bind-mounts:"))?;
    for mount in mounts {
        verbose(io, mount)?;
    }
    Ok(())
}

fn show(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    report::answer(call, io, host, "storage", Style::Go, |host, app| {
        let known = host.store().app(app)?;
        let mounts = known.list(MOUNTS);
        let options: Vec<_> = mounts.iter().map(|mount| format!("-v {mount}")).collect();
        let mut report = Report::default();
        for (index, mount) in mounts.iter().enumerate() {
            let (from, to) = mount.split_once(':').unwrap_or((mount, ""));
            let name = entry_name(mount);
            let mut add = |key: &str, value: &str| {
                report.add(&format!("attachment.{}.{key}", index + 1), value);
            };
            add("container-path", to);
            add("entry-name", &name);
            add("host-path", from);
            add("phases", "deploy,run");
            add("process-type", "_default_");
            add("readonly", "false");
            add("subpath", "");
            add("volume-chown", "");
            add("volume-options", "");
        }
        report.add("build-mounts", "");
        report.add("deploy-mounts", options.join(" "));
        report.add("run-mounts", options.join(" "));
        Ok(report)
    })
}

/// A name for a mount that was given without one; a real host takes another digest of it.
fn entry_name(mount: &str) -> String {
    let digest = Sha256::digest(mount.as_bytes());
    digest
        .iter()
        .take(5)
        .fold("legacy-".to_owned(), |name, byte| {
            format!("{name}{byte:02x}")
        })
}

fn parse(call: &Call, host: &SandboxHost) -> Result<(String, String), Failure> {
    let arguments = Arguments::parse(call, &[], &[])?;
    check_app(host, arguments.at(0))?;
    let mount = arguments.at(1);
    if mount
        .split_once(':')
        .is_none_or(|(from, to)| from.is_empty() || !to.starts_with('/'))
    {
        return Err(Failure::new(
            "Storage path must be two valid paths divided by colon.",
        ));
    }
    Ok((arguments.at(0).to_owned(), mount.to_owned()))
}

fn mount(call: &Call, _io: &mut Io, host: &SandboxHost) -> Outcome {
    let (app, mount) = parse(call, host)?;
    if host.store().app(&app)?.list(MOUNTS).contains(&mount) {
        return Err(Failure::new("Mount path already exists."));
    }
    Ok(host.store().update_app(&app, |app| {
        app.lists.entry(MOUNTS.to_owned()).or_default().push(mount);
    })?)
}

fn unmount(call: &Call, _io: &mut Io, host: &SandboxHost) -> Outcome {
    let (app, mount) = parse(call, host)?;
    if !host.store().app(&app)?.list(MOUNTS).contains(&mount) {
        return Err(Failure::new("Mount path does not exist."));
    }
    Ok(host.store().update_app(&app, |app| {
        app.lists
            .entry(MOUNTS.to_owned())
            .or_default()
            .retain(|known| *known != mount);
    })?)
}

fn ensure_directory(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &[], &["chown"])?;
    let name = arguments.at(0);
    if name.is_empty()
        || !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    {
        return Err(Failure::new(
            "Directory can only contain the following set of characters: [A-Za-z0-9_-]",
        ));
    }
    info(
        io,
        &format!("Ensuring /var/lib/dokku/data/storage/{name} exists"),
    )?;
    fs_err::create_dir_all(host.root().join("lib/data/storage").join(name))
        .map_err(|error| Failure::new(format!("Unable to create directory: {error}")))?;
    if !call.flags.quiet {
        verbose(io, "Setting directory ownership to 32767:32767")?;
        verbose(io, "Directory ready for mounting")?;
    }
    Ok(())
}

fn options_key(phase: &str) -> String {
    format!("docker-options.{phase}")
}

fn show_options(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    report::answer(call, io, host, "docker-options", Style::Go, |host, app| {
        let known = host.store().app(app)?;
        let mut report = Report::default();
        for phase in PHASES {
            let options = known.list(&options_key(phase));
            report.add(phase, options.join(" "));
            report.add_list(&format!("{phase}-list"), options.to_vec());
        }
        Ok(report)
    })
}

/// The app, the phases and the option of a command.
fn parse_option(call: &Call, host: &SandboxHost) -> Result<(String, Vec<String>, String), Failure> {
    check_app(host, call.arg(0))?;
    let phases: Vec<String> = call.arg(1).split(',').map(str::to_owned).collect();
    if phases.iter().any(|phase| !PHASES.contains(&phase.as_str())) {
        return Err(Failure::new("Phase(s) must be one of [build deploy run]"));
    }
    let option = call.args.get(2..).unwrap_or_default().join(" ");
    if option.is_empty() {
        return Err(Failure::new(
            "Please specify docker options to add to the phase",
        ));
    }
    Ok((call.arg(0).to_owned(), phases, option))
}

fn add_option(call: &Call, _io: &mut Io, host: &SandboxHost) -> Outcome {
    let (app, phases, option) = parse_option(call, host)?;
    Ok(host.store().update_app(&app, |app| {
        for phase in phases {
            let options = app.lists.entry(options_key(&phase)).or_default();
            if !options.contains(&option) {
                options.push(option.clone());
            }
        }
    })?)
}

fn remove_option(call: &Call, _io: &mut Io, host: &SandboxHost) -> Outcome {
    let (app, phases, option) = parse_option(call, host)?;
    Ok(host.store().update_app(&app, |app| {
        for phase in phases {
            app.lists
                .entry(options_key(&phase))
                .or_default()
                .retain(|known| *known != option);
        }
    })?)
}
