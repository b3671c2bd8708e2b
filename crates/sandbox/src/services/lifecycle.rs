//! `create`, `destroy`, `start`, `stop`, `pause`, `restart`, `set`, `expose`, `unexpose`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};

use super::arguments::{Options, positional, rest};
use super::datastores::{Datastores, Service, container_id, is_database_there};
use super::info::show;
use super::plugin::Plugin;
use super::record::{Record, Wanted, database_name, is_valid_name};
use super::settings::NETWORKS;
use super::{Request, named_service};
use crate::commands::answer::{header, info, verbose, warn};
use crate::commands::{Failure, Outcome};
use crate::engine::{EngineError, Kind, Password, choose_port, open_to_all};

const BAD_NAME: &str =
    "Please specify a valid name for the service. Valid characters are: [A-Za-z0-9_]+";

pub fn create(request: &mut Request<'_>) -> Outcome {
    let options = Options::parse(rest(request.call, 1), request.io)?;
    let name = positional(request.call, 0).to_owned();
    make(request, &name, &options)
}

/// Makes a service and starts it; `create` and `clone` share this.
pub fn make(request: &mut Request<'_>, name: &str, options: &Options) -> Outcome {
    let (plugin, stores) = (request.plugin, request.stores);
    if !is_valid_name(name) {
        return Err(Failure::new(BAD_NAME));
    }
    let turn = stores.turn(plugin, name);
    let _turn = turn.take();
    if stores.find(plugin, name)?.is_some() {
        return Err(Failure::new(format!(
            "{} service {name} already exists",
            plugin.service
        )));
    }
    let engine = stores.engines().engine(plugin.kind)?;
    check_image(plugin, options, engine.version())?;
    let record = new_record(request, name, options, engine.version())?;
    let service = Service {
        plugin,
        directory: stores.directory(plugin, name),
        record,
    };
    request.verbose_quiet("Waiting for container to be ready")?;
    bring_up(stores, &service)?;
    say_created(request, &service, true)
}

/// Makes the data and starts the server; leaves nothing behind when that fails. The record comes
/// last: without it the directory is debris that the next start of the sandbox removes.
fn bring_up(stores: &Datastores, service: &Service) -> Result<(), EngineError> {
    let directory = &service.directory;
    let make = || -> Result<(), EngineError> {
        if directory.exists() {
            fs_err::remove_dir_all(directory).map_err(EngineError::io("remove", directory))?;
        }
        fs_err::create_dir(directory).map_err(EngineError::io("create", directory))?;
        open_to_all(directory)?;
        let engine = stores.engines().engine(service.plugin.kind)?;
        engine.prepare(directory, &service.record.access(service.plugin))?;
        stores.start(service)?;
        service.record.save(directory)
    };
    make().inspect_err(|_| {
        // The first error is the one to tell; the debris is removed at the next start at the latest.
        let _stopped = stores.stop(service);
        let _removed = fs_err::remove_dir_all(directory);
    })
}

fn new_record(
    request: &mut Request<'_>,
    name: &str,
    options: &Options,
    version: &str,
) -> Result<Record, Failure> {
    let plugin = request.plugin;
    let mut choose = |option: &str, kind: &str| -> Result<Password, Failure> {
        match options.value(option) {
            "" => Ok(Password::random(plugin.password_bytes)),
            given => {
                let warning =
                    format!("Specified {kind} may not be as secure as the auto-generated {kind}");
                warn(request.io, &warning)?;
                Ok(Password::new(given))
            }
        }
    };
    let password = choose("password", "password")?;
    let root_password = (plugin.kind == Kind::Mariadb)
        .then(|| choose("root-password", "root password"))
        .transpose()?;
    let networks: BTreeMap<_, _> = NETWORKS
        .into_iter()
        .filter(|network| !options.value(network).is_empty())
        .map(|network| (network.to_owned(), options.value(network).to_owned()))
        .collect();
    Ok(Record {
        name: name.to_owned(),
        wanted: Wanted::Running,
        id: container_id(),
        port: choose_port()
            .ok_or_else(|| Failure::new("no free port on 127.0.0.1 between 15000 and 32000"))?,
        database: database_name(name),
        password,
        root_password,
        links: BTreeSet::new(),
        exposed: Vec::new(),
        config_options: options.value("config-options").to_owned(),
        networks,
        version: version.to_owned(),
    })
}

/// There are no images here: another engine or version than the installed one is refused.
fn check_image(plugin: &Plugin, options: &Options, installed: &str) -> Outcome {
    let (image, version) = (options.value("image"), options.value("image-version"));
    let is_same_version = version.is_empty()
        || version.split(['-', '+']).next().is_some_and(|version| {
            installed == version || installed.starts_with(&format!("{version}."))
        });
    if (image.is_empty() || image == plugin.image) && is_same_version {
        return Ok(());
    }
    Err(Failure::new(format!(
        "The sandbox runs the installed {} {installed}; it cannot run the image {}:{}",
        plugin.kind,
        if image.is_empty() {
            plugin.image
        } else {
            image
        },
        if version.is_empty() {
            "latest"
        } else {
            version
        },
    )))
}

/// What a new container is told with, `create` and `start` after `stop` alike.
fn say_created(request: &mut Request<'_>, service: &Service, is_new: bool) -> Outcome {
    if service.plugin.kind == Kind::Postgres {
        request.verbose_quiet("Creating container database")?;
        if !is_new || is_database_there(service.plugin, &service.record.database) {
            request.verbose_quiet("Already exists")?;
        }
        request.verbose_quiet("Securing connection to database")?;
    }
    writeln!(
        request.io.stdout,
        "=====> {} container created: {}",
        service.plugin.service, service.record.name
    )?;
    show(request, service)
}

pub fn destroy(request: &mut Request<'_>) -> Outcome {
    let service = named_service(request)?;
    let (stores, name) = (request.stores, service.record.name.clone());
    if !service.record.links.is_empty() {
        return Err(Failure::new("Cannot delete linked service"));
    }
    let is_forced = request.call.flags.force
        || matches!(positional(request.call, 1), "force" | "-f" | "--force");
    if !is_forced {
        confirm(request, &name)?;
    }
    let turn = stores.turn(request.plugin, &name);
    let _turn = turn.take();
    let service = stores.existing(request.plugin, &name)?;
    if !service.record.links.is_empty() {
        return Err(Failure::new("Cannot delete linked service"));
    }
    header(request.call, request.io, &format!("Deleting {name}"))?;
    remove_container(request, &service)?;
    request.verbose_quiet("Removing data")?;
    // The record goes first: a service is there or not, never half.
    fs_err::remove_file(service.directory.join("service.json"))?;
    fs_err::remove_dir_all(&service.directory)?;
    writeln!(
        request.io.stdout,
        "=====> {} container deleted: {name}",
        request.plugin.service
    )?;
    Ok(())
}

fn confirm(request: &mut Request<'_>, name: &str) -> Outcome {
    warn(request.io, "WARNING: Potentially Destructive Action")?;
    warn(
        request.io,
        &format!(
            "This command will destroy {name} {} service.",
            request.plugin.service
        ),
    )?;
    warn(request.io, &format!("To proceed, type \"{name}\""))?;
    writeln!(request.io.stdout)?;
    let mut typed = String::new();
    BufReader::new(&mut request.io.stdin).read_line(&mut typed)?;
    // `read` fails at the end of the input, and the script ends with it.
    let typed = typed.strip_suffix('\n').ok_or(Failure::silent(1))?;
    if typed.trim() == name {
        return Ok(());
    }
    Err(Failure::new(format!(
        "Confirmation did not match {name}. Aborted."
    )))
}

/// Ends the server with the words of `pause` and `stop`.
fn remove_container(request: &mut Request<'_>, service: &Service) -> Outcome {
    if service.record.wanted == Wanted::Removed {
        return Ok(warn(request.io, "Service is already paused")?);
    }
    pause_container(request, service)?;
    Ok(request.verbose_quiet("Removing container")?)
}

fn pause_container(request: &mut Request<'_>, service: &Service) -> Outcome {
    header(request.call, request.io, "Pausing container")?;
    request.stores.stop(service)?;
    Ok(request.verbose_quiet("Container paused")?)
}

pub fn pause(request: &mut Request<'_>) -> Outcome {
    let mut service = named_service(request)?;
    let stores = request.stores;
    let turn = stores.turn(request.plugin, &service.record.name);
    let _turn = turn.take();
    if service.record.wanted == Wanted::Removed {
        return Ok(warn(request.io, "Service is already paused")?);
    }
    stores.update(&mut service, |record| record.wanted = Wanted::Paused)?;
    pause_container(request, &service)
}

pub fn stop(request: &mut Request<'_>) -> Outcome {
    let mut service = named_service(request)?;
    let stores = request.stores;
    let turn = stores.turn(request.plugin, &service.record.name);
    let _turn = turn.take();
    remove_container(request, &service)?;
    stores.update(&mut service, |record| record.wanted = Wanted::Removed)?;
    forget_log(&service)
}

/// A new container begins with an empty log.
pub fn forget_log(service: &Service) -> Outcome {
    Ok(fs_err::write(service.directory.join("log"), b"")?)
}

pub fn start(request: &mut Request<'_>) -> Outcome {
    let service = named_service(request)?;
    let turn = request.stores.turn(request.plugin, &service.record.name);
    let _turn = turn.take();
    start_container(request, service)
}

fn start_container(request: &mut Request<'_>, mut service: Service) -> Outcome {
    let stores = request.stores;
    if stores.status(&service) == "running" {
        return Ok(warn(request.io, "Service is already started")?);
    }
    header(request.call, request.io, "Starting container")?;
    let was_removed = service.record.wanted == Wanted::Removed;
    stores.update(&mut service, |record| {
        record.wanted = Wanted::Running;
        if was_removed {
            record.id = container_id();
        }
    })?;
    if was_removed {
        request.verbose_quiet("Waiting for container to be ready")?;
    }
    stores.start(&service)?;
    if was_removed {
        return say_created(request, &service, false);
    }
    Ok(writeln!(request.io.stdout, "=====> Container started")?)
}

pub fn restart(request: &mut Request<'_>) -> Outcome {
    let service = named_service(request)?;
    let stores = request.stores;
    let turn = stores.turn(request.plugin, &service.record.name);
    let _turn = turn.take();
    if service.record.wanted == Wanted::Removed {
        warn(request.io, "Service is already paused")?;
    } else {
        pause_container(request, &service)?;
    }
    start_container(request, service)?;
    Ok(info(
        request.io,
        "Please call dokku ps:restart on all linked apps",
    )?)
}

/// Lines that only `--quiet` removes.
impl Request<'_> {
    pub fn verbose_quiet(&mut self, text: &str) -> std::io::Result<()> {
        if self.call.flags.quiet {
            Ok(())
        } else {
            verbose(self.io, text)
        }
    }
}
