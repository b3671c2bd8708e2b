//! `dokku-cli lock:status` and `dokku-cli locks`.

use dokku_deploy::{
    flows::lock,
    lock::{Lock, Seen, Status, Verdict},
};
use serde_json::{Value, json};

use super::{on_host, shown};
use crate::{
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    ui::{Ui, visible},
};

/// The width of the labels in a status.
const WIDTH: usize = 10;

/// Shows whether one app may be deployed.
pub fn status(app: Option<&str>, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let app = invocation.app(app)?;
    let status = on_host(invocation, |ground, _| Ok(lock::status(&app, ground)?))?;
    let ui = invocation.ui;
    let code = match status.verdict() {
        Verdict::Free => exit_codes::OK,
        Verdict::Blocked(..) => exit_codes::REFUSED,
        Verdict::Unknown(of, why) => {
            return Err(Failure::new(
                exit_codes::HOST,
                format!("whether {app} is locked is not known, because of {of}: {why}"),
            ));
        }
    };
    if ui.is_json() {
        let mut value = as_json(&status);
        value["exit_code"] = code.into();
        ui.json(&value)?;
        return Ok(code);
    }
    ui.header(&format!("Lock Status: {app}"));
    match status.verdict() {
        Verdict::Blocked(by, lock) => {
            ui.verdict(false, "LOCKED", " - Deployments are blocked")?;
            ui.result("")?;
            if *by != app {
                ui.result(&format!("  The base app {by} is locked."))?;
            }
            lines(lock, ui)?;
        }
        Verdict::Free | Verdict::Unknown(..) => {
            ui.verdict(true, "UNLOCKED", " - Deployments are allowed")?;
            if let Seen::Expired(lock) = &status.lock {
                ui.result("")?;
                ui.result("  The lock has expired:")?;
                lines(lock, ui)?;
            }
        }
    }
    Ok(code)
}

fn lines(lock: &Lock, ui: &Ui) -> Result<(), Failure> {
    for line in shown::details(lock, WIDTH) {
        ui.result(&visible(&line))?;
    }
    Ok(())
}

/// Shows the locks of all apps.
pub fn locks(invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let statuses = on_host(invocation, |ground, _| {
        let way = lock::way(ground.host)?;
        Ok(lock::statuses(way, ground)?)
    })?;
    let is_unknown = |status: &Status| matches!(status.verdict(), Verdict::Unknown(..));
    let code = if statuses.iter().any(is_unknown) {
        exit_codes::HOST
    } else {
        exit_codes::OK
    };
    let ui = invocation.ui;
    if ui.is_json() {
        let apps: Vec<Value> = statuses.iter().map(as_json).collect();
        ui.json(&json!({ "apps": apps, "exit_code": code }))?;
        return Ok(code);
    }
    ui.header("Deploy Locks");
    let width = statuses
        .iter()
        .map(|status| status.app.as_str().len())
        .max()
        .unwrap_or_default();
    for status in &statuses {
        ui.result(&visible(&format!(
            "{:<width$}  {}",
            status.app.as_str(),
            row(status)
        )))?;
    }
    Ok(code)
}

fn row(status: &Status) -> String {
    match status.verdict() {
        Verdict::Blocked(by, lock) if *by == status.app => {
            format!("LOCKED    {}", shown::in_one_line(lock))
        }
        Verdict::Blocked(by, _) => format!("LOCKED    as its base app {by} is"),
        Verdict::Unknown(_, why) => format!("UNKNOWN   {}", shown::one_line(why)),
        Verdict::Free => match &status.lock {
            Seen::Expired(lock) => format!("UNLOCKED  expired, was {}", shown::in_one_line(lock)),
            _ => "UNLOCKED".to_owned(),
        },
    }
}

/// The status with its verdict: `is_blocked` is null where that is not known.
fn as_json(status: &Status) -> Value {
    let mut value = json!(status);
    value["is_blocked"] = match status.verdict() {
        Verdict::Free => false.into(),
        Verdict::Blocked(..) => true.into(),
        Verdict::Unknown(..) => Value::Null,
    };
    value
}
