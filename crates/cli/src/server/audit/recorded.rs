//! Entries that others send: what `dokku-cli` did from elsewhere.

use dokku_deploy::{
    audit::{is_id, key},
    plugin_protocol::{Fault, FaultKind, RecordRequest, Recorded},
};
use jiff::Timestamp;

use super::{Event, Happening, Log};
use crate::server::{break_glass, notices, place::Place};

/// Puts an entry that was sent into the log, once however often it is sent. In whose name the ssh key
/// came is recorded beside what the entry itself says.
pub fn record_entry(
    place: &Place,
    request: RecordRequest,
    now: Timestamp,
) -> Result<Recorded, Fault> {
    let fault = |kind, message: String| Fault { kind, message };
    let invalid = |message: String| fault(FaultKind::Invalid, message);
    let RecordRequest { entry, is_told } = request;
    if !is_id(&entry.id) {
        return Err(invalid(format!(
            "{:?} is no id of an entry",
            entry.id.chars().take(80).collect::<String>()
        )));
    }
    let happening = Happening {
        app: Some(entry.app_name.clone()).filter(|app| !app.is_empty()),
        by: Some(entry.actor.clone()).filter(|actor| !actor.is_empty()),
        id: Some(entry.id.clone()),
        source: Some("deploy-system:record".to_owned()),
        entry: Some(Box::new(entry.clone())),
        ..Happening::new(Event::Recorded, "")
    };
    let host_id = place
        .host_id()
        .map_err(|error| fault(FaultKind::Failed, error.to_string()))?;
    let log = Log::in_directory(place.data());
    let (tail, is_new) = break_glass::adopt(place, &log, now)
        .and_then(|()| log.append_once(happening, &place.key, now))
        .map_err(|error| fault(FaultKind::Failed, error.to_string()))?;
    if is_new && !is_told {
        let entry = entry.with(key::HOST_ID, host_id.as_str());
        // It is in the log; that nobody is told of it is said to whoever looks: `server notify show`.
        notices::notice(place, &entry, now)
            .map_err(|error| fault(FaultKind::Failed, format!("nobody is told: {error}")))?;
    }
    Ok(Recorded {
        is_new,
        seq: tail.seq,
        hash: tail.hash,
        host_id,
    })
}
