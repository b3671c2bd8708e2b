//! `dokku-cli list`: the apps of the host.

use dokku_deploy::{dokku::apps, host::Host};
use serde_json::json;

use super::with_host;
use crate::{exit_codes, failure::Failure, invocation::Invocation};

/// Lists the apps.
pub fn run(invocation: &Invocation) -> Result<u8, Failure> {
    let names = with_host(invocation, |host, _| {
        Ok(apps::read_list(&host.ask(&apps::list())?)?)
    })?;
    let ui = invocation.ui;
    if ui.is_json() {
        ui.json(&json!({ "apps": names }))?;
        return Ok(exit_codes::OK);
    }
    ui.header("All Apps");
    for name in &names {
        ui.result(name.as_str())?;
    }
    Ok(exit_codes::OK)
}
