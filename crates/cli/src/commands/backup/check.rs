//! `backup --check`: whether the night's backups are there, where the host makes them by itself.

use dokku_deploy::{
    clock::stamp,
    dokku::deploy_system,
    flows::backup::{self as flow, Only},
    plugin_protocol::{BackupsRequest, Listing},
    service::ServiceKind,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Server, ask, tell_overdue};
use crate::{commands::with_host, exit_codes, failure::Failure, invocation::Invocation};

/// A backup that is older is not the last night's.
pub const NIGHT: SignedDuration = SignedDuration::from_hours(26);

/// The question when all was last backed up.
pub fn brief() -> BackupsRequest {
    BackupsRequest {
        app: None,
        id: None,
        with_bucket: true,
        is_brief: true,
    }
}

/// Checks; `None` where no timer is on, so that the backups have to be made by whoever asks.
pub fn run(invocation: &Invocation) -> Result<Option<u8>, Failure> {
    let ui = invocation.ui;
    let checked = with_host(invocation, |host, _| {
        let asked: Server<Listing> = ask(host, &deploy_system::backups(&brief()))?;
        let has_schedule = matches!(&asked, Server::Answered(listing) if listing.has_schedule);
        if !has_schedule {
            return Ok(None);
        }
        let whole = BackupsRequest {
            is_brief: false,
            ..brief()
        };
        let listing: Listing = match ask(host, &deploy_system::backups(&whole))? {
            Server::Answered(listing) => listing,
            Server::NoPlugin(failure) => return Err(failure),
        };
        let found = flow::all(host, &ServiceKind::ALL)?;
        let now = Timestamp::now();
        if let (Some(last), None) = (listing.last_success, &listing.unknown)
            && now.duration_since(last) >= NIGHT
        {
            let why = format!(
                "all databases were last backed up at {}, which is more than 26 hours ago",
                stamp(last)
            );
            tell_overdue(&why, host, invocation);
        }
        Ok(Some((listing, flow::plan(&found, &Only::default()))))
    })?;
    let Some((listing, planned)) = checked else {
        ui.info("No timer is on there: the backups are made now");
        return Ok(None);
    };
    let now = Timestamp::now();
    let mut missing: Vec<String> = planned
        .impossible
        .iter()
        .map(|one| format!("{} of {}", one.of.service, one.of.app))
        .collect();
    let mut rows = Vec::new();
    for job in &planned.jobs {
        let name = format!("{} {} of {}", job.of.kind, job.of.service, job.of.app);
        let night = listing.backups.iter().find(|one| {
            let age = now.duration_since(one.time);
            one.flaw.is_none()
                && !age.is_negative()
                && age < NIGHT
                && one.manifest.as_ref().is_some_and(|manifest| {
                    manifest.kind == job.of.kind
                        && manifest.service == job.of.service.as_str()
                        && manifest.app == job.of.app.as_str()
                })
        });
        rows.push(json!({"app": job.of.app, "kind": job.of.kind, "service": job.of.service, "id": night.map(|one| &one.id)}));
        match night {
            Some(one) => ui.success(&format!("{name}: {}", one.id)),
            None => missing.push(name),
        }
    }
    if ui.is_json() {
        ui.json(&json!({"is_checked_only": true, "backups": rows, "missing": missing}))?;
    }
    if let Some(why) = listing.unknown {
        return Err(Failure::new(
            exit_codes::HOST,
            format!("what the bucket holds is not known: {why}"),
        ));
    }
    if missing.is_empty() {
        return Ok(Some(exit_codes::OK));
    }
    Err(Failure::new(
        exit_codes::VERIFICATION,
        format!(
            "the host's timer is on, but there is no good backup younger than 26 hours of: {}",
            missing.join(", ")
        ),
    )
    .hint("`journalctl -u dokku-deploy-system-backup` or the mail of cron on the host tells why; `dokku-cli backup` makes them now."))
}
