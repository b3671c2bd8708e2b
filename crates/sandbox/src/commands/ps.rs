//! `ps:*`.

use std::collections::BTreeMap;

use super::answer::{info, info_quiet, warn};
use super::arguments::{Arguments, check_app};
use super::git::apps;
use super::report::{Report, Style};
use super::{Call, Failure, Outcome, Verb, property, say};
use crate::host::{Runtime, SandboxHost};
use crate::io::Io;
use crate::runtime::deploy::{Deploy, Halt};
use crate::runtime::git;
use crate::runtime::images::Images;
use crate::runtime::procfile::Procfile;

/// Verbs of this plugin.
pub const VERBS: &[Verb] = &[
    Verb::new("ps:rebuild", rebuild),
    Verb::new("ps:restart", restart),
    Verb::new("ps:start", start),
    Verb::new("ps:stop", stop),
    Verb::new("ps:scale", scale),
    Verb::new("ps:set", set),
    Verb::new("ps:report", report),
    Verb::new("ps:inspect", super::ps_inspect::inspect),
];

/// Does `each` for the app that is named, or for all with `--all`.
fn for_apps(
    call: &Call,
    io: &mut Io,
    host: &SandboxHost,
    each: impl Fn(&str, &Arguments, &mut Io) -> Outcome,
) -> Outcome {
    let arguments = Arguments::parse(call, &["all"], &["parallel"])?;
    if arguments.has("all") {
        for app in host.store().apps()? {
            each(&app, &arguments, io)?;
        }
        return Ok(());
    }
    check_app(host, arguments.at(0))?;
    each(arguments.at(0), &arguments, io)
}

fn exit(code: u8) -> Outcome {
    if code == 0 {
        Ok(())
    } else {
        Err(Failure::silent(code))
    }
}

/// Whether the app has been deployed; says so where it has not (which is no failure).
fn is_deployed(app: &str, io: &mut Io, host: &SandboxHost) -> Result<bool, Failure> {
    let is_deployed = apps(host)?.is_deployed(host, app);
    if !is_deployed {
        warn(io, &format!("App {app} has not been deployed"))?;
    }
    Ok(is_deployed)
}

fn rebuild(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    for_apps(call, io, host, |app, _, io| {
        let deploy = Deploy::begin(
            host,
            app,
            &call.caller,
            io.stdout.clone(),
            ("build", "ps:rebuild"),
        )?;
        exit(deploy.run_with_echo(|deploy| {
            deploy.receive(None)?;
            deploy.notify("receive-app", &[app])
        })?)
    })
}

fn restart(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    for_apps(call, io, host, |app, arguments, io| {
        if !is_deployed(app, io, host)? {
            return Ok(());
        }
        let process = Some(arguments.at(1)).filter(|process| !process.is_empty());
        let deploy = Deploy::unrecorded(host, app, &call.caller, io.stdout.clone())?;
        exit(deploy.run_with_echo(|deploy| deploy.deploy_processes(process))?)
    })
}

fn start(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    for_apps(call, io, host, |app, _, io| {
        if !is_deployed(app, io, host)? {
            return Ok(());
        }
        host.triggers()
            .fire("pre-start", &[app], &call.caller, io, host)?;
        let (state, _) = apps(host)?.running_state(app)?;
        match state {
            "true" => warn(io, &format!("App {app} already running"))?,
            "mixed" => warn(io, "App is running in mixed mode, releasing")?,
            _ => warn(io, "App has been detected as not running, releasing")?,
        }
        if state != "true" {
            let deploy = Deploy::begin(
                host,
                app,
                &call.caller,
                io.stdout.clone(),
                ("deploy", "deploy"),
            )?;
            exit(deploy.run_with_echo(Deploy::release_and_deploy)?)?;
        }
        let deploy = Deploy::unrecorded(host, app, &call.caller, io.stdout.clone())?;
        exit(deploy.run(Deploy::rebuild_proxy)?)
    })
}

fn stop(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    for_apps(call, io, host, |app, _, io| {
        if !is_deployed(app, io, host)? {
            return Ok(());
        }
        info_quiet(call, io, &format!("Stopping {app}"))?;
        let triggers = host.triggers();
        triggers.fire(
            "scheduler-stop",
            &["docker-local", app],
            &call.caller,
            io,
            host,
        )?;
        apps(host)?.stop_app(app)?;
        host.store()
            .update_app(app, |known| known.set_property("ps.restore", "false"))?;
        triggers.fire("post-stop", &[app], &call.caller, io, host)?;
        Ok(())
    })
}

fn scale(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &["skip-deploy"], &["format"])?;
    let app = arguments.at(0);
    check_app(host, app)?;
    let tuples = arguments.positional.get(1..).unwrap_or_default();
    let known = host.store().app(app)?;
    if tuples.is_empty() {
        return show_scale(
            call,
            io,
            app,
            &apps(host)?.scale(host, app)?,
            arguments.value("format"),
        );
    }
    if known.property("ps.can-scale") == "false" {
        return Err(Failure::new(format!(
            "App {app} contains an app.json file with a formations key and cannot be manually scaled"
        )));
    }
    info(
        io,
        &format!("Scaling {app} processes: {}", tuples.join(" ")),
    )?;
    let wanted = parse_scale(tuples)?;
    check_process_types(app, &wanted, host)?;
    host.store()
        .update_app(app, |known| known.scale.extend(wanted.clone()))?;
    if arguments.has("skip-deploy") || !apps(host)?.is_deployed(host, app) {
        return Ok(());
    }
    for (process_type, _) in wanted
        .iter()
        .filter(|(name, count)| known.scale.get(*name) != Some(count))
    {
        let deploy = Deploy::unrecorded(host, app, &call.caller, io.stdout.clone())?;
        exit(deploy.run_with_echo(|deploy| deploy.deploy_processes(Some(process_type)))?)?;
    }
    Ok(())
}

fn show_scale(
    call: &Call,
    io: &mut Io,
    app: &str,
    scale: &BTreeMap<String, u32>,
    format: Option<&str>,
) -> Outcome {
    if format == Some("json") {
        let formations: Vec<_> = scale
            .iter()
            .map(|(name, count)| serde_json::json!({"process_type": name, "quantity": count}))
            .collect();
        return Ok(say(io, &serde_json::Value::from(formations).to_string())?);
    }
    info_quiet(call, io, &format!("Scaling for {app}"))?;
    if !call.flags.quiet {
        say(io, "proctype: qty")?;
        say(io, "--------: ---")?;
    }
    for (process_type, count) in scale {
        say(io, &format!("{:5} {count}", format!("{process_type}:")))?;
    }
    Ok(())
}

fn parse_scale(tuples: &[String]) -> Result<BTreeMap<String, u32>, Failure> {
    let mut wanted = BTreeMap::new();
    for tuple in tuples {
        let (process_type, count) = tuple
            .split_once('=')
            .ok_or_else(|| Failure::new(format!("Missing count for process type {tuple}")))?;
        let count = count
            .trim()
            .parse()
            .map_err(|_| Failure::new(format!("Invalid count for process type {process_type}")))?;
        wanted
            .entry(process_type.trim().to_owned())
            .or_insert(count);
    }
    Ok(wanted)
}

/// Process types that the latest image's Procfile does not have cannot be scaled up.
fn check_process_types(app: &str, wanted: &BTreeMap<String, u32>, host: &SandboxHost) -> Outcome {
    let apps = apps(host)?;
    let Some(image) = apps.images.tagged(&Images::latest_tag(app))? else {
        return Ok(());
    };
    let Some(procfile) = Procfile::read(&apps.images.tree(&image.id), "Procfile")? else {
        return Ok(());
    };
    match wanted
        .iter()
        .find(|(name, count)| **count > 0 && procfile.command(name).is_none())
    {
        Some((name, _)) => Err(Failure::new(format!(
            "{name} is not a valid process name to scale up"
        ))),
        None => Ok(()),
    }
}

const KEYS: &[&str] = &[
    "dockerfile-start-cmd",
    "procfile-path",
    "restart-policy",
    "skip-deploy",
    "start-cmd",
    "stop-timeout-seconds",
];

fn set(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let policy = call.arg(2);
    let is_policy = matches!(
        policy,
        "" | "no" | "always" | "unless-stopped" | "on-failure"
    ) || policy.starts_with("on-failure:");
    if call.arg(1) == "restart-policy" && !is_policy {
        return Err(Failure::new("Invalid restart-policy specified"));
    }
    property::set(call, io, host, "ps", KEYS)
}

fn report(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    super::report::answer(call, io, host, "ps", Style::Go, |host, app| {
        let apps = apps(host)?;
        let known = host.store().app(app)?;
        let globals = host.store().globals()?;
        let own = |key: &str| known.property(&format!("ps.{key}")).to_owned();
        let global = |key: &str| {
            globals
                .properties
                .get(&format!("ps.{key}"))
                .cloned()
                .unwrap_or_default()
        };
        let computed = |key: &str, default: &str| {
            let chosen = [own(key), global(key), default.to_owned()];
            chosen
                .into_iter()
                .find(|value| !value.is_empty())
                .unwrap_or_default()
        };
        let (state, count) = apps.running_state(app)?;
        let mut report = Report::default();
        report.add_bare("deployed", apps.is_deployed(host, app).to_string());
        report.add_bare("processes", count.to_string());
        report.add(
            "can-scale",
            if own("can-scale").is_empty() {
                "true"
            } else {
                "false"
            },
        );
        report.add("computed-dockerfile-start-cmd", own("dockerfile-start-cmd"));
        report.add(
            "computed-procfile-path",
            computed("procfile-path", "Procfile"),
        );
        report.add(
            "computed-restart-policy",
            computed("restart-policy", "on-failure:10"),
        );
        report.add(
            "computed-skip-deploy",
            git::is_deploy_skipped(host, app)?.to_string(),
        );
        report.add("computed-start-cmd", own("start-cmd"));
        report.add(
            "computed-stop-timeout-seconds",
            computed("stop-timeout-seconds", "30"),
        );
        for key in [
            "procfile-path",
            "restart-policy",
            "skip-deploy",
            "stop-timeout-seconds",
        ] {
            report.add(&format!("global-{key}"), global(key));
        }
        for key in KEYS {
            report.add(key, own(key));
        }
        report.add_bare(
            "restore",
            if own("restore") == "false" {
                "false"
            } else {
                "true"
            },
        );
        report.add_bare("running", state);
        for (dyno, container) in apps.current(app)? {
            let record = container.record();
            let short = record.id.get(..11).unwrap_or_default().to_owned();
            report.add_bare(
                &format!("status-{dyno}"),
                format!("{} (CID: {short})", record.status.word()),
            );
        }
        Ok(report)
    })
}

impl Deploy {
    /// Fires a trigger whose failure is the command's.
    pub fn notify(&self, trigger: &str, args: &[&str]) -> Result<(), Halt> {
        crate::runtime::deploy::passed(self.fire(trigger, args, None))
    }
}
