//! Before data goes: a checked copy of every service of an app, on this machine.

use std::path::Path;

use dokku_deploy::{
    app::AppName,
    backup::{Kept, Need, Reason, SafetyCopy, WithoutBackup},
    dump::Engine,
    service::{ServiceKind, ServiceName},
};

use super::{
    db::{Linked, Order},
    teardown::Safety,
};
use crate::{
    exit_codes, failure::Failure, host::SshHost, interrupt::Watch, invocation::Invocation,
};

/// Copies of all services, or no leave to go on.
pub fn ensure(
    app: &AppName,
    services: &[(ServiceKind, ServiceName)],
    reason: Reason,
    safety: &Safety,
    host: &SshHost<'_>,
    watch: &Watch,
    invocation: &Invocation<'_>,
) -> Result<SafetyCopy, Failure> {
    let ui = invocation.ui;
    if safety.without_backup {
        if !services.is_empty() {
            ui.warning(&format!(
                "The services of {app} are not backed up, as was asked for"
            ));
        }
        return Ok(SafetyCopy::waived(WithoutBackup));
    }
    let mut kept = Vec::new();
    for (kind, name) in services {
        let engine = Engine::of(*kind).ok_or_else(|| {
            Failure::new(
                exit_codes::VERIFICATION,
                format!("{name} cannot be backed up: dumps of {kind} cannot be checked"),
            )
            .hint("--without-backup goes on without a copy.")
        })?;
        ui.info(&format!("Backing up {kind} database: {name}"));
        let linked = Linked {
            kind: *kind,
            name: name.clone(),
            engine,
        };
        let order = Order {
            app,
            linked: &linked,
            directory: Path::new("."),
            is_gzip: true,
            reason,
        };
        let (written, manifest) = order.take(host, watch, ui)?;
        let path = order.publish(written, &manifest, None)?;
        kept.push(Kept {
            of: Need::new(*kind, name),
            at: path.display().to_string(),
            time: manifest.started,
        });
    }
    let needs: Vec<Need> = services
        .iter()
        .map(|(kind, name)| Need::new(*kind, name))
        .collect();
    SafetyCopy::of(&needs, kept).map_err(|lacking| {
        let names: Vec<String> = lacking.into_iter().map(|need| need.service).collect();
        Failure::new(
            exit_codes::VERIFICATION,
            format!("there is no backup of {}", names.join(", ")),
        )
    })
}
