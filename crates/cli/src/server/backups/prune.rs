//! Removing what is too old from the host's own disk, on its own and not as a part of a run.

use dokku_deploy::{
    app::AppName,
    audit::{Action, AuditEntry, Origin, Status},
    plugin_protocol::{Fault, PruneRequest, Pruned, RecordRequest, name_removed},
};
use jiff::Timestamp;

use super::{BackupSettings, failed, shelf};
use crate::{
    server::{audit::record_entry, place::Place},
    ui::Ui,
};

/// Removes what a rule does not keep.
pub fn prune(place: &Place, request: &PruneRequest, now: Timestamp) -> Result<Vec<Pruned>, Fault> {
    let shelf = shelf(place)?;
    let listed = shelf
        .list(request.app.as_ref())
        .map_err(|error| failed(&error))?;
    shelf
        .prune_listed(&listed, &request.rule, now, request.is_dry_run)
        .map_err(|error| failed(&error))
}

/// What a person asks the host itself: by the host's own rule, and recorded by the host.
pub fn by_hand(
    place: &Place,
    app: Option<&AppName>,
    is_dry_run: bool,
    now: Timestamp,
    ui: &Ui,
) -> Result<Vec<Pruned>, Fault> {
    let request = PruneRequest {
        app: app.cloned(),
        rule: BackupSettings::read(place)
            .map_err(|error| failed(&error))?
            .rule,
        is_dry_run,
    };
    let pruned = prune(place, &request, now);
    if is_dry_run {
        return pruned;
    }
    let record = RecordRequest {
        entry: entry(place, app, &pruned, now),
        is_told: false,
    };
    // What is gone is gone, whether it can be recorded or not.
    if let Err(fault) = record_entry(place, record, Timestamp::now()) {
        ui.warning(&format!("this was not recorded: {}", fault.message));
    }
    pruned
}

fn entry(
    place: &Place,
    app: Option<&AppName>,
    pruned: &Result<Vec<Pruned>, Fault>,
    began: Timestamp,
) -> AuditEntry {
    let origin = Origin {
        time: began,
        nonce: rand::random(),
        actor: place.key.name.clone(),
        host: "this host".to_owned(),
        ..Origin::default()
    };
    let mut entry = match app {
        Some(app) => AuditEntry::of_app(Action::BackupPrune, app, Status::Started, &origin),
        None => AuditEntry::of_host(Action::BackupPrune, Status::Started, &origin),
    };
    let status = match pruned {
        Ok(pruned) => {
            let gone = pruned.iter().filter(|one| !one.is_kept);
            let gone: Vec<String> = gone.map(|one| one.id.clone()).collect();
            name_removed(&mut entry, &gone);
            Status::Success
        }
        Err(fault) => {
            entry = entry.note(&fault.message);
            Status::Failure
        }
    };
    entry.finish(status, began, Timestamp::now());
    entry
}
