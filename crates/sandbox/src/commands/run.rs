//! `run`, `run:*` and `enter`: commands in containers. None of them reads standard input.

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::{header, info_quiet, warn, write_or_hang_up};
use super::arguments::check_app;
use super::git::apps;
use super::{Call, Failure, Outcome, Verb, say};
use crate::host::SandboxHost;
use crate::io::Io;
use crate::runtime::Apps;
use crate::runtime::container::{Container, Kind, Status};
use crate::runtime::containers::Spec;
use crate::runtime::deploy::environment;
use crate::runtime::entry_point;
use crate::runtime::images::{Image, Images};
use crate::runtime::process::{self, Launch};
use crate::runtime::procfile::Procfile;

/// Verbs of these plugins.
pub const VERBS: &[Verb] = &[
    Verb::new("run", run_attached),
    Verb::new("run:detached", run_detached),
    Verb::new("run:list", list),
    Verb::new("run:logs", super::logs::of_run),
    Verb::new("run:stop", stop),
    Verb::new("enter", enter),
];

/// Dokku's default for `--ttl-seconds`.
const TTL_SECONDS: u64 = 86_400;

/// The words of a `run`.
struct Request {
    app: String,
    env: Vec<(String, String)>,
    ttl_seconds: u64,
    command: Vec<String>,
}

impl Request {
    /// Flags stand before the app; what follows it is the command, word for word.
    fn parse(call: &Call) -> Result<Self, Failure> {
        let mut request = Self {
            app: String::new(),
            env: Vec::new(),
            ttl_seconds: TTL_SECONDS,
            command: Vec::new(),
        };
        let mut words = call.args.iter();
        while let Some(word) = words.next() {
            let (flag, inline) = match word.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            let mut value = || {
                inline
                    .clone()
                    .or_else(|| words.next().cloned())
                    .unwrap_or_default()
            };
            match flag {
                "-e" | "--env" => {
                    let pair = value();
                    let (key, value) = pair.split_once('=').unwrap_or((&pair, ""));
                    request.env.push((key.to_owned(), value.to_owned()));
                }
                "--ttl-seconds" => {
                    request.ttl_seconds = value()
                        .parse()
                        .map_err(|_| Failure::new("--ttl-seconds must be a positive integer"))?;
                }
                "--cron-id" | "--concurrency-policy" => drop(value()),
                "--no-tty" | "--force-tty" => {}
                _ => {
                    request.app.clone_from(word);
                    break;
                }
            }
        }
        request.command = words.cloned().collect();
        if request.command.first().is_some_and(|word| word == "--") {
            request.command.remove(0);
        }
        Ok(request)
    }
}

fn run_attached(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let apps = apps(host)?;
    let Some(container) = prepare(call, io, host, &apps)? else {
        return Err(Failure::silent(1));
    };
    container.start(Some((
        Box::new(io.stdout.clone()),
        Box::new(io.stderr.clone()),
    )))?;
    watch(&apps, &container)?;
    // A client that has gone changes nothing: the container goes on, and ends this thread.
    match u8::try_from(container.wait()) {
        Ok(0) => Ok(()),
        code => Err(Failure::silent(code.unwrap_or(255))),
    }
}

fn run_detached(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let apps = apps(host)?;
    let Some(container) = prepare(call, io, host, &apps)? else {
        return Err(Failure::silent(1));
    };
    container.start(None)?;
    watch(&apps, &container)?;
    Ok(say(io, &container.record().name)?)
}

/// Makes the container; `None` where its program is missing, which has been said.
fn prepare(
    call: &Call,
    io: &mut Io,
    host: &SandboxHost,
    apps: &Apps,
) -> Result<Option<Arc<Container>>, Failure> {
    let request = Request::parse(call)?;
    let app = request.app.as_str();
    if app.is_empty() || app.starts_with('-') {
        return Err(Failure::coded("App  does not exist", 20));
    }
    check_app(host, app)?;
    let Some(image) = apps.images.tagged(&Images::latest_tag(app))? else {
        warn(
            io,
            "Invalid image stage detected: expected 'release', got ''",
        )?;
        return Err(Failure::new(
            "Successfully deploy your app to fix dokku run calls",
        ));
    };
    let mut args = vec![
        "docker-local".to_owned(),
        app.to_owned(),
        request.env.len().to_string(),
    ];
    args.extend(
        request
            .env
            .iter()
            .map(|(key, value)| format!("{key}={value}")),
    );
    args.push("--".to_owned());
    args.extend(request.command.iter().cloned());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    host.triggers()
        .fire("scheduler-run", &args, &call.caller, io, host)?;
    host.triggers()
        .fire("docker-args-run", &[app, "latest"], &call.caller, io, host)?;
    let words = expand(call, io, apps, &image, request.command)?;
    let builder = host
        .store()
        .app(app)?
        .property("builder.detected")
        .to_owned();
    let command = entry_point::command(&builder, words);
    let number = rand::random_range(1..32768_u32);
    let mut env = environment(host, app)?;
    env.push(("DYNO".to_owned(), format!("run.{number}")));
    for (key, value) in request.env {
        env.retain(|(known, _)| *known != key);
        env.push((key, value));
    }
    if let Some(complaint) = missing(&command, &env, &apps.images.tree(&image.id)) {
        write_or_hang_up(&mut io.stderr, &complaint);
        return Ok(None);
    }
    let container = apps.containers.create(Spec {
        name: format!("{app}.run.{number}"),
        app: app.to_owned(),
        process_type: "run".to_owned(),
        dyno: format!("run.{number}"),
        kind: Kind::Run,
        image: (image.id.clone(), apps.images.tree(&image.id)),
        command,
        env,
        port: None,
        restart_limit: 0,
        ttl_seconds: Some(request.ttl_seconds),
    })?;
    let id = container.record().id;
    host.triggers().fire(
        "post-container-create",
        &["app", &id, app, "run"],
        &call.caller,
        io,
        host,
    )?;
    Ok(Some(container))
}

/// A process type of the Procfile stands for its command; no command at all is a shell.
fn expand(
    call: &Call,
    io: &mut Io,
    apps: &Apps,
    image: &Image,
    mut command: Vec<String>,
) -> Result<Vec<String>, Failure> {
    let Some(first) = command.first().cloned() else {
        return Ok(vec!["/bin/sh".to_owned()]);
    };
    let procfile = Procfile::read(&apps.images.tree(&image.id), "Procfile")?.unwrap_or_default();
    if let Some(line) = procfile.command(&first) {
        info_quiet(
            call,
            io,
            &format!("Found '{first}' in Procfile, running that command"),
        )?;
        command.splice(0..1, line.split_whitespace().map(str::to_owned));
    }
    Ok(command)
}

/// Docker's complaint about a program that is not there.
fn missing(command: &[String], env: &[(String, String)], tree: &std::path::Path) -> Option<String> {
    let program = command.first()?;
    let path = env
        .iter()
        .find(|(key, _)| key == "PATH")
        .map_or("", |(_, path)| path);
    let reason = if program.contains('/') {
        if process::is_executable(&tree.join(program)) {
            return None;
        }
        format!("exec: \"{program}\": stat {program}: no such file or directory")
    } else {
        if process::find_program(program, path).is_some() {
            return None;
        }
        format!("exec: \"{program}\": executable file not found in $PATH")
    };
    Some(format!(
        "Error response from daemon: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: {reason}: unknown\n"
    ))
}

/// Ends the container at its deadline, and forgets it once it has ended (`docker run --rm`).
fn watch(apps: &Arc<Apps>, container: &Arc<Container>) -> Outcome {
    let (apps, container) = (Arc::clone(apps), Arc::clone(container));
    std::thread::Builder::new()
        .name("run".to_owned())
        .spawn(move || {
            let record = container.record();
            let limit = Duration::from_secs(record.ttl_seconds.unwrap_or(TTL_SECONDS));
            if !container.wait_until(Instant::now() + limit, |record| {
                record.status == Status::Exited
            }) {
                container.stop(apps.pace.stop);
            }
            // Its files are removed at the next start at the latest.
            let _ = apps.containers.remove(&record.id);
        })?;
    Ok(())
}

/// `--name value` or `--name=value` among the words, and the words that are no flags.
pub fn split_flag(words: &[String], name: &str) -> (Option<String>, Vec<String>) {
    let mut value = None;
    let mut rest = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == name {
            value = words.next().cloned();
        } else if let Some(given) = word
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('='))
        {
            value = Some(given.to_owned());
        } else if !matches!(word.as_str(), "--quiet" | "--trace" | "--force") {
            rest.push(word.clone());
        }
    }
    (value, rest)
}

fn list(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let (format, words) = split_flag(&call.args, "--format");
    let app = words.first().map_or("", String::as_str);
    check_app(host, app)?;
    let containers = apps(host)?.containers.of_app(app, Kind::Run);
    let records: Vec<_> = containers
        .iter()
        .map(|container| container.record())
        .collect();
    if format.as_deref().is_some_and(|format| format != "stdout") {
        let list: Vec<_> = records
            .iter()
            .rev()
            .map(|record| {
                serde_json::json!({
                    "name": record.name,
                    "state": record.status.word(),
                    "command": format!("\"{}\"", entry_point::shown(&record.command)),
                    "created_at": record.created.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
                })
            })
            .collect();
        let text =
            serde_json::to_string_pretty(&list).map_err(|error| Failure::new(error.to_string()))?;
        return Ok(say(io, &text)?);
    }
    header(call, io, &format!("{app} run containers"))?;
    let width = records
        .iter()
        .map(|record| record.name.len())
        .max()
        .unwrap_or(0)
        .max(5);
    if !call.flags.quiet {
        say(io, &format!("{:width$}   COMMAND   CREATED", "NAMES"))?;
    }
    for record in records {
        let age = jiff::Timestamp::now()
            .duration_since(record.created)
            .as_secs();
        say(
            io,
            &format!(
                "{:width$}   \"{}\"   {age} seconds ago",
                record.name,
                entry_point::shown(&record.command)
            ),
        )?;
    }
    Ok(())
}

/// The app of a run container's name, or why it is none.
pub fn app_of_container(name: &str) -> Result<String, Failure> {
    // An app's name may hold dots itself.
    let mut parts = name.rsplitn(3, '.');
    let (_, kind, app) = (parts.next(), parts.next(), parts.next());
    match (kind, app) {
        (Some("run"), Some(app)) if !app.is_empty() => Ok(app.to_owned()),
        (Some(_), Some(_)) => Err(Failure::new("Specified container must be a run container")),
        _ => Err(Failure::new(format!(
            "Invalid container name specified: {name}"
        ))),
    }
}

fn stop(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let (name, words) = split_flag(&call.args, "--container");
    let app = match (
        words
            .first()
            .filter(|word| *word != "--app")
            .or(words.get(1)),
        &name,
    ) {
        (Some(app), _) => app.clone(),
        (None, Some(name)) => app_of_container(name)?,
        (None, None) => return Err(Failure::new("No container or app specified")),
    };
    check_app(host, &app)?;
    let apps = apps(host)?;
    let all = apps.containers.of_app(&app, Kind::Run);
    let chosen: Vec<_> = all
        .into_iter()
        .filter(|container| {
            name.as_ref()
                .is_none_or(|name| container.record().name == *name)
        })
        .collect();
    if chosen.is_empty() {
        return match name {
            Some(_) => Ok(warn(io, "Specified container does not exist")?),
            None if call.flags.quiet => Ok(()),
            None => Ok(say(io, "No run containers exist")?),
        };
    }
    for container in chosen {
        container.stop(apps.pace.stop);
        say(io, &container.record().name)?;
    }
    Ok(())
}

fn enter(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let app = call.arg(0);
    check_app(host, app)?;
    let (container_id, words) = split_container_id(call.args.get(1..).unwrap_or_default());
    let apps = apps(host)?;
    let current = apps.current(app)?;
    let mut types: Vec<String> = current
        .iter()
        .map(|(_, container)| container.record().process_type)
        .collect();
    types.dedup();
    let available = || format!("Available types for app ({app}): {}", types.join(" "));
    let (container, command) = if let Some(id) = container_id {
        let found = current
            .iter()
            .find(|(_, container)| container.record().id.starts_with(&id));
        let found =
            found.ok_or_else(|| Failure::new(format!("Invalid container id for app: {id}")))?;
        (Arc::clone(&found.1), words.as_slice())
    } else {
        let wanted = words
            .first()
            .map(String::as_str)
            .filter(|word| *word != "--");
        let wanted = match wanted {
            Some(wanted) => wanted.to_owned(),
            None if types.len() > 1 => {
                return Err(Failure {
                    lines: vec!["No container type specified.".to_owned(), available()],
                    code: 1,
                });
            }
            None => types
                .first()
                .cloned()
                .ok_or_else(|| Failure::new("No containers found for app"))?,
        };
        let found = current
            .iter()
            .find(|(dyno, container)| *dyno == wanted || container.record().process_type == wanted)
            .ok_or_else(|| Failure {
                lines: vec![
                    format!("No containers found for type '{wanted}'"),
                    available(),
                ],
                code: 1,
            })?;
        (Arc::clone(&found.1), words.get(1..).unwrap_or_default())
    };
    if container.record().status != Status::Running {
        return Err(Failure::new("Container is not running"));
    }
    let command = command.strip_prefix(&["--".to_owned()]).unwrap_or(command);
    execute(io, &apps, &container, command)
}

fn split_container_id(words: &[String]) -> (Option<String>, Vec<String>) {
    match words.first().map(String::as_str) {
        Some("--container-id") => (
            words.get(1).cloned(),
            words.get(2..).unwrap_or_default().to_vec(),
        ),
        Some(word) if word.starts_with("--container-id=") => (
            word.split_once('=').map(|(_, id)| id.to_owned()),
            words[1..].to_vec(),
        ),
        _ => (None, words.to_vec()),
    }
}

/// A further process in a running container (`docker exec`).
fn execute(io: &mut Io, apps: &Apps, container: &Container, command: &[String]) -> Outcome {
    let command = if command.is_empty() {
        vec!["/bin/sh".to_owned()]
    } else {
        command.to_vec()
    };
    if let Some(complaint) = missing(&command, container.env(), &container.working_copy()) {
        let complaint = complaint
            .rsplit_once("unable to start")
            .map_or("", |(_, rest)| rest)
            .to_owned();
        io.stderr.write_all(
            format!("OCI runtime exec failed: exec failed: unable to start{complaint}").as_bytes(),
        )?;
        return Err(Failure::silent(1));
    }
    let mut child = apps.spawner.spawn(Launch {
        command,
        directory: container.working_copy(),
        env: container.env().to_vec(),
        stdin: Stdio::null(),
        stdout: Stdio::piped(),
        stderr: Stdio::piped(),
    })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (mut out, mut err) = (io.stdout.clone(), io.stderr.clone());
    std::thread::scope(|scope| {
        // A client that has gone does not stop the process.
        scope.spawn(move || stdout.map(|mut from| std::io::copy(&mut from, &mut out)));
        scope.spawn(move || stderr.map(|mut from| std::io::copy(&mut from, &mut err)));
    });
    match u8::try_from(process::exit_code(child.wait()?)) {
        Ok(0) => Ok(()),
        code => Err(Failure::silent(code.unwrap_or(255))),
    }
}
