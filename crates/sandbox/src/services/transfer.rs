//! `connect`, `enter`, `export`, `import`, `clone`: what runs a program beside the server.

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};

use super::arguments::{Options, positional, rest};
use super::datastores::{RefusedByDocker, Service, container_id};
use super::lifecycle::{forget_log, make};
use super::record::Wanted;
use super::streams::{Complaints, Leash, code, run};
use super::{Request, named_service};
use crate::commands::answer::{info, info_quiet};
use crate::commands::{Failure, Outcome};
use crate::engine::Kind;

/// What `redis-cli` says when it is given a password as an argument, as the real plugin does.
const REDIS_WARNING: &str = "Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.";

pub fn connect(request: &mut Request<'_>) -> Outcome {
    let service = named_service(request)?;
    check_running(request, &service)?;
    let engine = request.stores.engines().engine(request.plugin.kind)?;
    if request.plugin.kind == Kind::Redis {
        writeln!(request.io.stderr, "{REDIS_WARNING}")?;
    }
    let client = engine.connect(&service.record.access(request.plugin))?;
    finish(run(client, request.io, true, Complaints::Passed)?)
}

pub fn enter(request: &mut Request<'_>) -> Outcome {
    let name = positional(request.call, 0);
    if name.is_empty() {
        return Err(Failure::new("SERVICE must not be empty"));
    }
    let service = request.stores.existing(request.plugin, name)?;
    info_quiet(
        request.call,
        request.io,
        "Filesystem changes may not persist after container restarts",
    )?;
    match request.stores.status(&service) {
        "running" => {}
        "missing" => return Err(Failure::new("Service container does not exist")),
        _ => return Err(Failure::new("Service container is not running")),
    }
    let words = rest(request.call, 1);
    let mut command = Command::new(words.first().map_or("/bin/bash", String::as_str));
    command
        .args(words.get(1..).unwrap_or_default())
        .current_dir(service.directory.join("data"));
    finish(run(command, request.io, false, Complaints::Passed)?)
}

pub fn export(request: &mut Request<'_>) -> Outcome {
    let service = named_service(request)?;
    check_running(request, &service)?;
    let complaints = match request.plugin.kind {
        Kind::Redis => {
            for _ in 0..2 {
                writeln!(request.io.stderr, "{REDIS_WARNING}")?;
            }
            // `redis-cli` tells its progress there.
            Complaints::OnFailure
        }
        _ => Complaints::Passed,
    };
    let dump = dump(request, &service)?;
    finish(run(dump, request.io, false, complaints)?)
}

pub fn import(request: &mut Request<'_>) -> Outcome {
    let service = named_service(request)?;
    if request.plugin.kind == Kind::Redis {
        let source = std::mem::replace(&mut request.io.stdin, Box::new(io::empty()));
        return replace_redis_data(request, service, source);
    }
    check_running(request, &service)?;
    let restore = restore(request, &service)?;
    finish(run(restore, request.io, true, Complaints::Passed)?)
}

pub fn clone(request: &mut Request<'_>) -> Outcome {
    let plugin = request.plugin;
    let (from, to) = (
        positional(request.call, 0),
        positional(request.call, 1).to_owned(),
    );
    if from.is_empty() {
        return Err(Failure::new("Please specify a valid name for the service"));
    }
    if to.is_empty() {
        return Err(Failure::new("Please specify a name for the new service"));
    }
    let service = request.stores.existing(plugin, from)?;
    if request.stores.find(plugin, &to)?.is_some() {
        return Err(Failure::new(format!(
            "Invalid service name {to}. Verify the service name is not already in use."
        )));
    }
    if request.stores.status(&service) != "running" {
        return Err(Failure::new(format!(
            "Service {from} container is not running"
        )));
    }
    let options = Options::parse(rest(request.call, 2), request.io)?;
    let image = format!("{}:{}", plugin.image, service.record.version);
    writeln!(request.io.stdout, "=====> Cloning {from} to {to} @ {image}")?;
    make(request, &to, &options)?;
    info(request.io, &format!("Copying data from {from} to {to}"))?;
    let copy = request.stores.existing(plugin, &to)?;
    // The real plugin hides a copy that fails and says "Done", exit code 0. So does this one: a
    // client that trusts it has to be found out here. The copy's own log tells.
    if let Err(failure) = copy_data(request, &service, &copy) {
        let mut log = fs_err::OpenOptions::new()
            .append(true)
            .create(true)
            .open(copy.directory.join("log"))?;
        writeln!(
            log,
            "sandbox: copying the data of {from} failed: {}",
            failure.lines.join("; ")
        )?;
    }
    writeln!(request.io.stdout, "=====> Done")?;
    Ok(())
}

/// One service's dump goes straight into another service.
fn copy_data(request: &mut Request<'_>, from: &Service, to: &Service) -> Outcome {
    let mut dump = dump(request, from)?;
    let mut dump = dump
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let leash = Leash::tie(&dump, &request.io.hangup);
    let output = dump
        .stdout
        .take()
        .ok_or_else(|| Failure::new("the dump has no output"))?;
    let restored = if request.plugin.kind == Kind::Redis {
        replace_redis_data(request, to.clone(), Box::new(output))
    } else {
        let mut restore = restore(request, to)?;
        let status = restore
            .stdin(output)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::new(format!(
                "the restore ended with {}",
                code(status)
            )))
        }
    };
    let dumped = leash.wait(&mut dump)?;
    if !dumped.success() {
        return Err(Failure::new(format!(
            "the dump ended with {}",
            code(dumped)
        )));
    }
    restored
}

/// Replaces the file of a Redis service, the server being down meanwhile. Data that breaks off
/// (an error, not an end) leaves the old data in place.
fn replace_redis_data(
    request: &mut Request<'_>,
    mut service: Service,
    mut source: impl Read,
) -> Outcome {
    let stores = request.stores;
    let turn = stores.turn(request.plugin, &service.record.name);
    let _turn = turn.take();
    let data = service.directory.join("data");
    let mut file = tempfile::NamedTempFile::new_in(&data)?;
    stores.stop(&service)?;
    let written = io::copy(&mut source, &mut file).and_then(|_| {
        if request.io.hangup.is_raised() {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe));
        }
        file.persist(data.join("dump.rdb"))
            .map(drop)
            .map_err(|error| error.error)
    });
    if written.is_ok() {
        forget_log(&service)?;
    }
    stores.update(&mut service, |record| {
        record.wanted = Wanted::Running;
        record.id = container_id();
    })?;
    stores.start(&service)?;
    Ok(written?)
}

fn dump(request: &Request<'_>, service: &Service) -> Result<Command, Failure> {
    let engine = request.stores.engines().engine(request.plugin.kind)?;
    Ok(engine.dump(
        &service.record.access(request.plugin),
        request.plugin.is_dumped_as_root,
    )?)
}

fn restore(request: &Request<'_>, service: &Service) -> Result<Command, Failure> {
    let engine = request.stores.engines().engine(request.plugin.kind)?;
    let restore = engine.restore(
        &service.record.access(request.plugin),
        request.plugin.is_dumped_as_root,
    )?;
    restore.ok_or_else(|| Failure::new("Not yet implemented"))
}

/// A container that does not run is Docker's to refuse, in its own words.
fn check_running(request: &mut Request<'_>, service: &Service) -> Outcome {
    request
        .stores
        .check_running(service)
        .or_else(|RefusedByDocker(words)| {
            writeln!(request.io.stderr, "{words}")?;
            Err(Failure::silent(1))
        })
}

fn finish(code: u8) -> Outcome {
    if code == 0 {
        Ok(())
    } else {
        Err(Failure::silent(code))
    }
}
