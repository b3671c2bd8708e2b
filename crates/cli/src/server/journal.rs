//! The deploy journal on the host: each change of it is one compare-and-set.

use dokku_deploy::{
    app::AppName,
    journal,
    plugin_protocol::{Decision, Fault, FaultKind, JournalRequest, Journaling, decide},
};
use jiff::Timestamp;

use super::{
    dokku,
    ledger::Ledger,
    locks::{change, failed, fault, variables},
    place::Place,
};

/// Takes, keeps or removes the journal of an app's deploys.
pub fn journal(
    place: &Place,
    app: &AppName,
    request: &JournalRequest,
    now: Timestamp,
) -> Result<Journaling, Fault> {
    let ledger = Ledger::open(place, app.as_str()).map_err(|error| failed(&error))?;
    let present = variables(app)?;
    let decision = decide(request, &present, now)
        .map_err(|senseless| fault(FaultKind::Unreadable, &senseless))?;
    let wanted = match decision {
        Decision::Leave(journaling) => return Ok(journaling),
        Decision::Remove => {
            let keys: Vec<&str> = journal::KEYS
                .into_iter()
                .filter(|key| present.contains_key(*key))
                .collect();
            change(&ledger, || dokku::unset(app.as_str(), &keys))?;
            return Ok(Journaling::Done);
        }
        Decision::Write(wanted) => wanted,
    };
    change(&ledger, || dokku::import(app.as_str(), &wanted))?;
    // Dokku itself does not serialise changes: whoever set other variables at the same moment may
    // have written ours away.
    let after = variables(app)?;
    if wanted
        .iter()
        .any(|(key, value)| after.get(key) != Some(value))
    {
        return Err(failed(&format!(
            "somebody else changed the variables of {app} at the same moment, and the deploy journal is not as it was written"
        )));
    }
    Ok(Journaling::Done)
}
