//! `backup --check`: whether the night's backups are there, where the host makes them by itself.

use dokku_deploy::{
    backup::{Manifest, TestRule, tested_lately},
    dokku::deploy_system,
    flows::backup::{self as flow, Only, Planned},
    plugin_protocol::{BackupsRequest, Listed, Listing},
    service::ServiceKind,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Server, ask, policy, tell_overdue};
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
    let rule = policy(None)?.restore_tests.map(late);
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
        let planned = flow::plan(&found, &Only::default());
        let night = judge(&listing, &planned, rule, Timestamp::now());
        if listing.unknown.is_none()
            && let Some(why) = night.alarm()
        {
            tell_overdue(&why, host, invocation);
        }
        Ok(Some((listing.unknown, night)))
    })?;
    let Some((unknown, night)) = checked else {
        ui.info("No timer is on there: the backups are made now");
        return Ok(None);
    };
    for (name, id) in &night.good {
        ui.success(&format!("{name}: {id}"));
    }
    for name in &night.untested {
        ui.warning(&format!(
            "{name}: no backup of it has been restored for a test lately; the summary of the night tells why"
        ));
    }
    if ui.is_json() {
        ui.json(
            &json!({"is_checked_only": true, "backups": night.rows, "missing": night.missing, "untested": night.untested}),
        )?;
    }
    if let Some(why) = unknown {
        return Err(Failure::new(
            exit_codes::HOST,
            format!("what the bucket holds is not known: {why}"),
        ));
    }
    match night.alarm() {
        None => Ok(Some(exit_codes::OK)),
        Some(why) => Err(Failure::new(
            exit_codes::VERIFICATION,
            format!("the host's timer is on, but {why}"),
        )
        .hint("`journalctl -u dokku-deploy-system-backup` or the mail of cron on the host tells why; `dokku-cli backup` makes them now.")),
    }
}

/// What the last night has left.
#[derive(Debug, Default)]
struct Night {
    /// The services with a good backup, and which.
    good: Vec<(String, String)>,
    /// Those without.
    missing: Vec<String>,
    /// Those whose last good restore test is too long ago.
    untested: Vec<String>,
    /// All of them, for programs.
    rows: Vec<Value>,
}

impl Night {
    fn alarm(&self) -> Option<String> {
        (!self.missing.is_empty()).then(|| {
            format!(
                "there is no good backup younger than 26 hours of: {}",
                self.missing.join(", ")
            )
        })
    }
}

/// A test that is two days late did not happen.
fn late(rule: TestRule) -> TestRule {
    TestRule {
        days: rule.days.saturating_add(2),
        ..rule
    }
}

/// Whether each service has a good backup of the last night. One of a time to come is none: some clock
/// is wrong.
fn judge(listing: &Listing, planned: &Planned, rule: Option<TestRule>, now: Timestamp) -> Night {
    let mut night = Night {
        missing: planned
            .impossible
            .iter()
            .map(|one| format!("{} of {}", one.of.service, one.of.app))
            .collect(),
        ..Night::default()
    };
    for job in &planned.jobs {
        let of = &job.of;
        let name = format!("{} {} of {}", of.kind, of.service, of.app);
        let own: Vec<(&Listed, &Manifest)> = listing
            .backups
            .iter()
            .filter_map(|one| Some((one, one.manifest.as_ref()?)))
            .filter(|(_, manifest)| of.has(manifest))
            .collect();
        let found = own.iter().map(|(one, _)| one).find(|one| {
            let age = now.duration_since(one.time);
            one.flaw.is_none() && !age.is_negative() && age < NIGHT
        });
        let manifests = own.iter().map(|(_, manifest)| *manifest);
        if rule.is_some_and(|rule| tested_lately(manifests, rule, now).is_none()) {
            night.untested.push(name.clone());
        }
        let id = found.map(|one| &one.id);
        night
            .rows
            .push(json!({"app": of.app, "kind": of.kind, "service": of.service, "id": id}));
        match id {
            Some(id) => night.good.push((name, id.clone())),
            None => night.missing.push(name),
        }
    }
    night
}
