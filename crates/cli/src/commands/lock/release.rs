//! `dokku-cli unlock`.

use dokku_deploy::{
    app::AppName,
    flows::lock::{self, Ground, Unlock},
    lock::{Lock, LockState},
    plugin_protocol::{UnlockRequest, Unlocking},
};

use super::{UnlockArguments, attempted, on_host, person, record::Record, shown};
use crate::{
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    ui::{Reply, Ui},
};

/// Unlocks one app.
pub fn run(arguments: &UnlockArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let app = invocation.app(arguments.app.as_deref())?;
    let by = person(arguments.by.as_deref())?;
    let ui = invocation.ui;
    let unlocking = on_host(invocation, |ground, ssh| {
        let record = Record::begin(&by, ssh, invocation);
        let unlocking = (|| {
            let only = if arguments.force {
                None
            } else {
                match look(&app, &by, ground, ui)? {
                    Some(fingerprint) => Some(fingerprint),
                    None => return Ok(Unlocking::NotLocked),
                }
            };
            let wish = Unlock {
                app: app.clone(),
                request: UnlockRequest {
                    by,
                    only,
                    record: Some(record.elsewhere()),
                },
            };
            release(wish, ground)
        })();
        record.unlocked(&app, unlocking.as_ref());
        unlocking
    })?;
    let code = code(&unlocking);
    if ui.is_json() {
        ui.json(&as_json(&app, &unlocking, code))?;
    } else {
        tell(&app, &unlocking, ui);
    }
    Ok(code)
}

fn release(wish: Unlock, ground: Ground<'_>) -> Result<Unlocking, Failure> {
    let way = lock::way(ground.host)?;
    let app = wish.app.clone();
    lock::unlock(&[wish], way, ground)
        .pop()
        .ok_or_else(|| Failure::internal("unlocking gave no result"))?
        .map_err(|error| attempted(error, &app))
}

/// The fingerprint of the lock that is to go, after a question if it is somebody else's and
/// somebody is there to ask; `None` if there is no lock.
fn look(app: &AppName, by: &str, ground: Ground<'_>, ui: &Ui) -> Result<Option<String>, Failure> {
    let lock = match lock::look(app, ground)? {
        LockState::Unlocked => return Ok(None),
        LockState::Expired(lock) => return Ok(Some(lock.fingerprint())),
        LockState::Locked(lock) => lock,
    };
    if lock.by != by {
        ui.warning(&format!("{app} was locked {}", shown::in_one_line(&lock)));
        confirm(ui)?;
    }
    Ok(Some(lock.fingerprint()))
}

/// Asks whether somebody else's lock may go, on a terminal only.
pub fn confirm(ui: &Ui) -> Result<(), Failure> {
    if !ui.can_ask() || ui.confirm("It is not your lock. Unlock?")? == Reply::Yes {
        return Ok(());
    }
    Err(Failure::refused("Nothing was changed."))
}

/// The program's exit code: 4 where the app is locked afterwards.
pub fn code(unlocking: &Unlocking) -> u8 {
    match unlocking {
        Unlocking::Changed { .. }
        | Unlocking::Unlocked {
            relocked: Some(_), ..
        } => exit_codes::REFUSED,
        Unlocking::NotLocked | Unlocking::Unlocked { .. } => exit_codes::OK,
    }
}

fn as_json(app: &AppName, unlocking: &Unlocking, code: u8) -> serde_json::Value {
    let mut value = serde_json::json!({ "app": app });
    if let (serde_json::Value::Object(whole), serde_json::Value::Object(result)) =
        (&mut value, serde_json::json!(unlocking))
    {
        whole.extend(result);
    }
    value["exit_code"] = code.into();
    value
}

fn tell(app: &AppName, unlocking: &Unlocking, ui: &Ui) {
    match unlocking {
        Unlocking::NotLocked => ui.info(&format!("{app} is not locked")),
        Unlocking::Changed { lock } => {
            let mut lines = vec![format!(
                "{app} was not unlocked: meanwhile there is another lock"
            )];
            lines.extend(shown::details(lock, 0));
            ui.warning(&lines.join("\n"));
        }
        Unlocking::Unlocked {
            was,
            had_expired,
            relocked,
        } => {
            ui.info(&format!("Unlocking {app}..."));
            if *had_expired {
                ui.info("The lock had expired already.");
            }
            if let Some(relocked) = relocked {
                let mut lines = vec![format!("{app} was unlocked, and locked again at once")];
                lines.extend(shown::details(relocked, 0));
                ui.warning(&lines.join("\n"));
            } else {
                ui.success("Unlocked! Deployments are now allowed.");
            }
            if let Some(was) = was {
                previously(was, ui);
            }
        }
    }
}

fn previously(was: &Lock, ui: &Ui) {
    ui.plain(&format!(
        "  Previously locked by: {}",
        shown::folded(&was.by)
    ));
    ui.plain(&format!("  Reason was: {}", shown::folded(&was.reason)));
}
