//! The datastore plugins `postgres`, `mysql`, `mariadb` and `redis`, on real engines.
//!
//! Words, streams and exit codes are those of a recorded Dokku 0.38.27, or where nothing was
//! recorded those of the plugins' source. `mysql` and `mariadb` both run on MariaDB.

mod arguments;
mod backup;
mod datastores;
mod help;
mod info;
mod lifecycle;
mod link;
mod plugin;
mod record;
mod settings;
mod streams;
mod transfer;

use std::io::Write;

pub use datastores::Datastores;
pub use plugin::{PLUGINS, Plugin};

use crate::commands::answer::verbose;
use crate::commands::{Call, Failure, Outcome, Verb};
use crate::host::{SandboxHost, Services};
use crate::io::Io;
use arguments::positional;
use datastores::Service;

/// One command of a plugin, with all that it needs.
struct Request<'a> {
    plugin: &'static Plugin,
    stores: &'a Datastores,
    call: &'a Call,
    io: &'a mut Io,
    host: &'a SandboxHost,
}

macro_rules! verbs {
    ($constant:ident, $prefix:literal) => {
        /// Verbs of this plugin.
        pub const $constant: &[Verb] = verbs!(@list $prefix "app-links" "backup" "backup-auth" "backup-deauth"
            "backup-schedule" "backup-schedule-cat" "backup-set-encryption" "backup-set-public-key-encryption"
            "backup-unschedule" "backup-unset-encryption" "backup-unset-public-key-encryption" "clone" "connect"
            "create" "destroy" "enter" "exists" "export" "expose" "help" "import" "info" "link" "linked" "links"
            "list" "logs" "pause" "promote" "restart" "set" "start" "stop" "unexpose" "unlink" "upgrade");
    };
    (@list $prefix:literal $($name:literal)*) => {
        &[Verb::new($prefix, dispatch), $(Verb::new(concat!($prefix, ":", $name), dispatch)),*]
    };
}

verbs!(MARIADB_VERBS, "mariadb");
verbs!(MYSQL_VERBS, "mysql");
verbs!(POSTGRES_VERBS, "postgres");
verbs!(REDIS_VERBS, "redis");

fn dispatch(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let services = host
        .services()
        .ok_or_else(|| Failure::new("the datastores of this sandbox are not started"))?;
    services.answer(call, io, host)
}

impl Services for Datastores {
    fn answer(&self, call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
        let (prefix, name) = call.verb.split_once(':').unwrap_or((&call.verb, "help"));
        let plugin = plugin::named(prefix).ok_or_else(|| {
            Failure::new(format!("{prefix} is not a datastore plugin of the sandbox"))
        })?;
        let mut request = Request {
            plugin,
            stores: self,
            call,
            io,
            host,
        };
        let run = match name {
            "app-links" => info::app_links,
            "backup" => backup::backup,
            "backup-schedule-cat" => backup::schedule_cat,
            "clone" => transfer::clone,
            "connect" => transfer::connect,
            "create" => lifecycle::create,
            "destroy" => lifecycle::destroy,
            "enter" => transfer::enter,
            "exists" => info::exists,
            "export" => transfer::export,
            "expose" => settings::expose,
            "help" => say_help,
            "import" => transfer::import,
            "info" => info::info,
            "link" => link::link,
            "linked" => info::linked,
            "links" => info::links,
            "list" => info::list,
            "logs" => info::logs,
            "pause" => lifecycle::pause,
            "promote" => link::promote,
            "restart" => lifecycle::restart,
            "set" => settings::set,
            "start" => lifecycle::start,
            "stop" => lifecycle::stop,
            "unexpose" => settings::unexpose,
            "unlink" => link::unlink,
            _ => backup::refuse,
        };
        run(&mut request)
    }

    fn unlink_all(&self, _host: &SandboxHost, app: &str, io: &mut Io) -> Result<(), u8> {
        let mut unlink = || -> Outcome {
            for plugin in &PLUGINS {
                for mut service in self.list(plugin)? {
                    // Dokku names every service, linked or not.
                    verbose(io, &format!("Unlinking from {}", service.record.name))?;
                    let turn = self.turn(plugin, &service.record.name);
                    let _turn = turn.take();
                    if service.record.links.contains(app) {
                        self.update(&mut service, |record| record.links.remove(app))?;
                    }
                }
            }
            Ok(())
        };
        unlink().map_err(|failure| crate::commands::answer::finish(Err(failure), io))
    }

    fn copy_links(&self, _host: &SandboxHost, app: &str, to: &str) -> Result<(), u8> {
        let copy = || -> Outcome {
            for plugin in &PLUGINS {
                for mut service in self.list(plugin)? {
                    let turn = self.turn(plugin, &service.record.name);
                    let _turn = turn.take();
                    if service.record.links.contains(app) {
                        self.update(&mut service, |record| record.links.insert(to.to_owned()))?;
                    }
                }
            }
            Ok(())
        };
        copy().map_err(|failure| failure.code)
    }

    fn plugins(&self) -> Vec<(String, String, String)> {
        PLUGINS
            .iter()
            .map(|plugin| {
                let description = format!("dokku {} service plugin", plugin.prefix);
                (
                    plugin.prefix.to_owned(),
                    plugin.version.to_owned(),
                    description,
                )
            })
            .collect()
    }

    fn stop(&self, _host: &SandboxHost) {
        // What does not end in time is ended by the kernel when the sandbox's process ends.
        let _failed = self.engines().stop_all();
    }
}

fn say_help(request: &mut Request<'_>) -> Outcome {
    let text = match positional(request.call, 0) {
        "" | "--all" => help::all(request.plugin),
        name => help::one(request.plugin, name).ok_or_else(|| {
            Failure::new(format!(
                "{} has no subcommand {name}",
                request.plugin.prefix
            ))
        })?,
    };
    Ok(request.io.stdout.write_all(text.as_bytes())?)
}

/// The service that the first argument names.
fn named_service(request: &Request<'_>) -> Result<Service, Failure> {
    match positional(request.call, 0) {
        "" => Err(Failure::new("Please specify a valid name for the service")),
        name => request.stores.existing(request.plugin, name),
    }
}

/// Both a service and an app are named.
fn check_given(service: &str, app: &str) -> Outcome {
    if service.is_empty() {
        return Err(Failure::new("Please specify a valid name for the service"));
    }
    if app.is_empty() {
        return Err(Failure::new("Please specify an app to run the command on"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
