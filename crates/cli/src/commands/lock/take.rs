//! `dokku-cli lock`.

use std::time::Duration;

use dokku_deploy::{
    flows::lock::{self, Ground, Lock, Way},
    lock::{check_reason, single_id},
    plugin_protocol::{LockRequest, Locking},
};
use jiff::ZonedDateTime;

use super::{
    LockArguments, attempted, end, nonce, on_host, person, record::Record, shown, tell_unenforced,
};
use crate::{exit_codes, failure::Failure, invocation::Invocation, ui::Ui};

/// Locks one app.
pub fn run(
    arguments: &LockArguments,
    app: Option<&str>,
    reason: &str,
    invocation: &Invocation<'_>,
) -> Result<u8, Failure> {
    check_reason(reason).map_err(|error| Failure::usage(error.to_string()))?;
    let mut wish = Lock {
        app: invocation.app(app)?,
        request: LockRequest {
            reason: reason.to_owned(),
            by: person(arguments.by.as_deref())?,
            end: end::read(
                arguments.lasting,
                arguments.until.as_deref(),
                &ZonedDateTime::now(),
            )?,
            id: single_id(&nonce()),
            replace: arguments.replace,
            record: None,
        },
    };
    let ui = invocation.ui;
    let (locking, way, host) = on_host(invocation, |ground, ssh| {
        let record = Record::begin(&wish.request.by, ssh, invocation);
        wish.request.record = Some(record.elsewhere());
        let taken = take(&wish, arguments, ground, ui);
        record.locked(&wish.app, taken.as_ref().map(|(locking, _)| locking));
        let (locking, way) = taken?;
        Ok((locking, way, ground.host.name().to_owned()))
    })?;
    let code = match locking {
        Locking::Taken { .. } => exit_codes::OK,
        Locking::Held { .. } => exit_codes::REFUSED,
    };
    if ui.is_json() {
        ui.json(&as_json(&wish, &locking, way, code))?;
        return Ok(code);
    }
    tell(&wish, &locking, ui);
    if !way.is_enforced() && code == exit_codes::OK {
        tell_unenforced(&host, invocation);
    }
    Ok(code)
}

fn take(
    wish: &Lock,
    arguments: &LockArguments,
    ground: Ground<'_>,
    ui: &Ui,
) -> Result<(Locking, Way), Failure> {
    let way = lock::way(ground.host)?;
    let patience = arguments.wait.unwrap_or(Duration::ZERO);
    let mut waiting = |held: &dokku_deploy::lock::Lock| {
        ui.info(&format!(
            "{} is locked {}; waiting for it",
            wish.app,
            shown::in_one_line(held)
        ));
    };
    let locking = lock::wait_and_lock(wish, way, patience, ground, &mut waiting)
        .map_err(|error| attempted(error, &wish.app))?;
    Ok((locking, way))
}

fn as_json(wish: &Lock, locking: &Locking, way: Way, code: u8) -> serde_json::Value {
    let mut value = serde_json::json!({ "app": wish.app });
    if let (serde_json::Value::Object(whole), serde_json::Value::Object(result)) =
        (&mut value, serde_json::json!(locking))
    {
        whole.extend(result);
    }
    value["is_enforced"] = way.is_enforced().into();
    value["exit_code"] = code.into();
    value
}

fn tell(wish: &Lock, locking: &Locking, ui: &Ui) {
    let app = &wish.app;
    match locking {
        Locking::Taken {
            lock,
            replaced,
            expired,
        } => {
            ui.caution(&format!("Locking {app}..."));
            if let Some(replaced) = replaced {
                ui.warning(&format!(
                    "Took over the lock that was set {}",
                    shown::in_one_line(replaced)
                ));
            }
            if let Some(expired) = expired {
                ui.info(&format!(
                    "The lock that was set {} had expired",
                    shown::in_one_line(expired)
                ));
            }
            ui.success("Locked! Deployments are now blocked.");
            ui.plain(&format!("  Reason: {}", shown::folded(&lock.reason)));
            if let Some(until) = lock.until {
                ui.plain(&format!("  Ends at: {}", dokku_deploy::clock::stamp(until)));
            }
        }
        Locking::Held { lock } => {
            let mut lines = vec![format!("{app} is already locked")];
            lines.extend(shown::details(lock, 0));
            ui.warning(&lines.join("\n"));
        }
    }
}
