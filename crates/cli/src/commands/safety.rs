//! Before data goes: a checked copy of every service of an app.

use std::path::Path;

use dokku_deploy::{
    app::AppName,
    backup::{Fresh, Kept, Need, Reason, SafetyCopy, WithoutBackup},
    dokku::apps,
    host::Host,
    service::{ServiceKind, ServiceName},
};

use super::{
    backup::ensure_safe_copy,
    db::{Order, understood},
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
    if services.is_empty() {
        return of(&[], Vec::new());
    }
    let needs: Vec<Need> = services
        .iter()
        .map(|(kind, name)| Need::new(*kind, name))
        .collect();
    let is_linked = is_linked(app, host)?;
    let mut kept = if is_linked {
        linked(app, reason, safety, host, watch, invocation)?
    } else {
        Vec::new()
    };
    // What an interrupted run had unlinked is no service of the app any more.
    for (kind, name) in services {
        let need = Need::new(*kind, name);
        if !kept.iter().any(|kept| kept.of == need) {
            kept.push(unlinked(app, *kind, name, reason, host, watch, invocation)?);
        }
    }
    kept.retain(|kept| needs.contains(&kept.of));
    of(&needs, kept)
}

fn of(needs: &[Need], kept: Vec<Kept>) -> Result<SafetyCopy, Failure> {
    SafetyCopy::of(needs, kept).map_err(|lacking| {
        let names: Vec<String> = lacking.into_iter().map(|need| need.service).collect();
        Failure::new(
            exit_codes::VERIFICATION,
            format!("there is no backup of {}", names.join(", ")),
        )
    })
}

fn is_linked(app: &AppName, host: &SshHost<'_>) -> Result<bool, Failure> {
    Ok(apps::read_exists(&host.ask(&apps::exists(app))?)?)
}

/// Copies of everything that the app is linked to.
fn linked(
    app: &AppName,
    reason: Reason,
    safety: &Safety,
    host: &SshHost<'_>,
    watch: &Watch,
    invocation: &Invocation<'_>,
) -> Result<Vec<Kept>, Failure> {
    let fresh = if safety.fresh {
        Fresh::Only
    } else {
        Fresh::OrYoung
    };
    let copy = ensure_safe_copy(app, reason, fresh, host, watch, invocation)?;
    Ok(copy.kept().unwrap_or_default().to_vec())
}

fn unlinked(
    app: &AppName,
    kind: ServiceKind,
    name: &ServiceName,
    reason: Reason,
    host: &SshHost<'_>,
    watch: &Watch,
    invocation: &Invocation<'_>,
) -> Result<Kept, Failure> {
    let ui = invocation.ui;
    ui.info(&format!("Backing up {kind} database: {name}"));
    let linked = understood(kind, name.clone())?;
    let order = Order {
        app,
        linked: &linked,
        directory: Path::new("."),
        is_gzip: true,
        reason,
    };
    let (written, manifest) = order.take(host, watch, ui)?;
    let path = order.publish(written, &manifest, None)?;
    Ok(Kept {
        of: Need::new(kind, name),
        at: path.display().to_string(),
        time: manifest.started,
    })
}

/// Copies of everything that the app is linked to, before a rollback: what runs then may read the data
/// in another way.
pub fn before_rollback(
    app: &AppName,
    safety: &Safety,
    host: &SshHost<'_>,
    watch: &Watch,
    invocation: &Invocation<'_>,
) -> Result<(), Failure> {
    if safety.without_backup {
        invocation.ui.warning(&format!(
            "The services of {app} are not backed up, as was asked for"
        ));
        return Ok(());
    }
    linked(app, Reason::PreRollback, safety, host, watch, invocation)
        .map(drop)
        .map_err(|failure| failure.hint("Nothing was rolled back."))
}
