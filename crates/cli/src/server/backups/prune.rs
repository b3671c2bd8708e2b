//! Removing what is too old from the host's own disk, on its own and not as a part of a run.

use dokku_deploy::{
    app::AppName,
    audit::{Action, AuditEntry, Origin, Status},
    plugin_protocol::{Fault, PruneRequest, Pruned, RecordRequest, name_removed},
};
use jiff::Timestamp;

use super::{failed, shelf};
use crate::{
    server::{audit::record_entry, place::Place},
    ui::Ui,
};

/// The entry of a person who asks the host itself.
pub fn entry(place: &Place, app: Option<&AppName>) -> AuditEntry {
    let origin = Origin {
        time: Timestamp::now(),
        nonce: rand::random(),
        actor: place.key.name.clone(),
        host: "this host".to_owned(),
        ..Origin::default()
    };
    let begun = (Action::BackupPrune, Status::Started);
    match app {
        Some(app) => AuditEntry::of_app(begun.0, app, begun.1, &origin),
        None => AuditEntry::of_host(begun.0, begun.1, &origin),
    }
}

/// Removes what a rule does not keep, and keeps the entry that came with the request, finished.
pub fn prune(
    place: &Place,
    request: PruneRequest,
    now: Timestamp,
    ui: &Ui,
) -> Result<Vec<Pruned>, Fault> {
    let pruned = remove(place, &request, now);
    if let Some(mut entry) = request.entry {
        let status = match &pruned {
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
        entry.finish(status, now, Timestamp::now());
        let record = RecordRequest {
            entry,
            is_told: false,
        };
        // What is gone is gone, whether it can be recorded or not.
        if let Err(fault) = record_entry(place, record, Timestamp::now()) {
            ui.warning(&format!("this was not recorded: {}", fault.message));
        }
    }
    pruned
}

fn remove(place: &Place, request: &PruneRequest, now: Timestamp) -> Result<Vec<Pruned>, Fault> {
    let shelf = shelf(place)?;
    let listed = shelf
        .list(request.app.as_ref())
        .map_err(|error| failed(&error))?;
    shelf
        .prune_listed(&listed, &request.rule, now, request.is_dry_run)
        .map_err(|error| failed(&error))
}
