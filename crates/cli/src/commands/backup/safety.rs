//! Before an app's data is destroyed: a good copy of each of its services, or no leave to go on.

use std::path::{Path, PathBuf};

use dokku_deploy::{
    app::AppName,
    backup::{Fresh, Kept, Need, Place, Reason, SafetyCopy, needs},
    flows::backup::{self as flow, Found},
    interrupt::Interrupts,
    plugin_protocol::{BackupOutcome, BackupReport, BackupRequest},
    service::ServiceKind,
};
use jiff::Timestamp;

use super::{
    plugin::{self, Server},
    policy, tell_all,
};
use crate::{
    backup,
    commands::db::{Order, understood},
    exit_codes,
    failure::Failure,
    host::SshHost,
    invocation::Invocation,
};

/// Makes sure that every service that the app is linked to has a good backup: a new one with the
/// prefix of `reason`, or one younger than 60 minutes unless `fresh` wants a new one. By the plugin
/// on the host; without it, over ssh, in the current directory.
///
/// Whoever destroys something calls this first, and goes on only with what it returns. Where the
/// person typed `--without-backup`, that is [`SafetyCopy::waived`].
pub fn ensure_safe_copy(
    app: &AppName,
    reason: Reason,
    fresh: Fresh,
    host: &SshHost,
    interrupts: &dyn Interrupts,
    invocation: &Invocation,
) -> Result<SafetyCopy, Failure> {
    let services = flow::linked(host, app, &ServiceKind::ALL)?;
    if services.is_empty() {
        return leave(&[], Vec::new());
    }
    let wanted: Vec<Need> = services
        .iter()
        .map(|of| Need::new(of.kind, &of.service))
        .collect();
    let request = BackupRequest {
        app: Some(app.clone()),
        kind: None,
        service: None,
        reason,
        to: vec![Place::Server],
        encrypt_to: policy(Some(app))?.encrypt_to,
        has_bucket: false,
        prune: None,
        fresh,
    };
    let started = Timestamp::now();
    match plugin::make(host, interrupts, &request, None, invocation.ui)? {
        Server::Answered(report) => {
            tell_all(&report, started, host, invocation)?;
            leave(&wanted, kept(&report)).map_err(|mut failure| {
                let reasons = report.results.iter().filter_map(|one| match &one.outcome {
                    BackupOutcome::Failed { why } => Some(why.as_str()),
                    _ => None,
                });
                let reasons: Vec<&str> = reasons.collect();
                failure.message = format!("{}: {}", failure.message, reasons.join("; "));
                failure
            })
        }
        Server::NoPlugin(_) => {
            invocation.ui.info(
                "The plugin is not on the host: the copies are made on this machine, in this directory",
            );
            leave(
                &wanted,
                on_this_machine(app, &services, reason, fresh, host, interrupts, invocation)?,
            )
        }
    }
}

fn kept(report: &BackupReport) -> Vec<Kept> {
    report
        .results
        .iter()
        .filter_map(|one| match &one.outcome {
            BackupOutcome::Made { id, manifest } | BackupOutcome::Young { id, manifest } => {
                Some(Kept {
                    of: Need {
                        kind: one.kind,
                        service: one.service.clone(),
                    },
                    at: id.clone(),
                    time: manifest.started,
                })
            }
            BackupOutcome::Failed { .. } => None,
        })
        .collect()
}

fn leave(wanted: &[Need], kept: Vec<Kept>) -> Result<SafetyCopy, Failure> {
    SafetyCopy::of(wanted, kept).map_err(|lacking| {
        let names: Vec<String> = lacking
            .iter()
            .map(|need| format!("{} ({})", need.service, need.kind))
            .collect();
        Failure::new(
            exit_codes::VERIFICATION,
            format!(
                "nothing was destroyed, because there is no good copy of {}",
                names.join(", ")
            ),
        )
        .hint("Where the data is past saving, --without-backup goes on without a copy.")
    })
}

fn on_this_machine(
    app: &AppName,
    services: &[Found],
    reason: Reason,
    fresh: Fresh,
    host: &SshHost,
    interrupts: &dyn Interrupts,
    invocation: &Invocation,
) -> Result<Vec<Kept>, Failure> {
    let here = Path::new(".");
    let wanted: Vec<Need> = services
        .iter()
        .map(|of| Need::new(of.kind, &of.service))
        .collect();
    let mut copies = Vec::new();
    for found in backup::find(here, app)? {
        let Ok(Some(manifest)) = &found.manifest else {
            continue;
        };
        let copy = Kept {
            of: Need {
                kind: manifest.kind,
                service: manifest.service.clone(),
            },
            at: shown(&found.path),
            time: found.name.time,
        };
        // Only what could spare a dump is read.
        let is_useful = needs(
            &wanted,
            std::slice::from_ref(&copy),
            fresh,
            Timestamp::now(),
        )
        .len()
            < wanted.len();
        if is_useful && backup::check(&found.path).is_ok() {
            copies.push(copy);
        }
    }
    for need in needs(&wanted, &copies, fresh, Timestamp::now()) {
        let Some(of) = services
            .iter()
            .find(|of| of.kind == need.kind && of.service.as_str() == need.service)
        else {
            continue;
        };
        let linked = understood(of.kind, of.service.clone())?;
        let order = Order {
            app,
            linked: &linked,
            directory: here,
            is_gzip: true,
            reason,
        };
        let (written, manifest) = order.take(host, interrupts, invocation.ui)?;
        let path: PathBuf = order.publish(written, &manifest, None)?;
        invocation
            .ui
            .info(&format!("{} is kept in {}", need.service, path.display()));
        copies.push(Kept {
            of: need,
            at: shown(&path),
            time: manifest.started,
        });
    }
    Ok(copies)
}

fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}
