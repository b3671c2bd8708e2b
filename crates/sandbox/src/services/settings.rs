//! `set`, `expose`, `unexpose`: what is remembered about a service and shown, without effect here.

use super::arguments::{positional, rest};
use super::{Request, named_service};
use crate::commands::answer::{header, info};
use crate::commands::{Failure, Outcome};
use crate::engine::choose_port;

/// The properties that `set` and options of `create` know; they are remembered and shown, no more.
pub const NETWORKS: [&str; 3] = [
    "initial-network",
    "post-create-network",
    "post-start-network",
];

pub fn set(request: &mut Request<'_>) -> Outcome {
    let name = positional(request.call, 0);
    if name.is_empty() {
        return Err(Failure::new("SERVICE must not be empty"));
    }
    let stores = request.stores;
    let mut service = stores.existing(request.plugin, name)?;
    let (key, value) = (
        positional(request.call, 1).to_owned(),
        positional(request.call, 2).to_owned(),
    );
    if key.is_empty() {
        return Err(Failure::new("No key specified"));
    }
    if !NETWORKS.contains(&key.as_str()) {
        return Err(Failure::new(format!(
            "Invalid key specified, valid keys include: {}",
            NETWORKS.join(", ")
        )));
    }
    let turn = stores.turn(request.plugin, name);
    let _turn = turn.take();
    let words = if value.is_empty() {
        format!("Unsetting {key}")
    } else {
        format!("Setting {key} to {value}")
    };
    header(request.call, request.io, &words)?;
    stores.update(&mut service, |record| {
        if value.is_empty() {
            record.networks.remove(&key);
        } else {
            record.networks.insert(key, value);
        }
    })
}

pub fn expose(request: &mut Request<'_>) -> Outcome {
    let mut service = named_service(request)?;
    let (stores, plugin) = (request.stores, request.plugin);
    let name = service.record.name.clone();
    let turn = stores.turn(plugin, &name);
    let _turn = turn.take();
    let mut ports = rest(request.call, 1).to_vec();
    if ports.is_empty() {
        let port = choose_port()
            .ok_or_else(|| Failure::new("no free port on 127.0.0.1 between 15000 and 32000"))?;
        ports.push(port.to_string());
    }
    if ports.len() != 1 {
        return Err(Failure::new(format!(
            "1 ports to be exposed need to be provided in the following order: {}",
            plugin.usual_port
        )));
    }
    if !service.record.exposed.is_empty() {
        let taken = service.record.exposed.join(" ");
        return Err(Failure::new(format!(
            "Service {name} already exposed on port(s) {taken}"
        )));
    }
    stores.update(&mut service, |record| record.exposed = ports)?;
    let exposed = service.record.exposed_ports(plugin);
    Ok(info(
        request.io,
        &format!("Service {name} exposed on port(s) [container->host]: {exposed}"),
    )?)
}

pub fn unexpose(request: &mut Request<'_>) -> Outcome {
    let mut service = named_service(request)?;
    let stores = request.stores;
    let turn = stores.turn(request.plugin, &service.record.name);
    let _turn = turn.take();
    stores.update(&mut service, |record| record.exposed.clear())?;
    Ok(info(
        request.io,
        &format!("Service {} unexposed", service.record.name),
    )?)
}
