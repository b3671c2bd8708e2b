//! What the subcommands answer to people.

use dokku_deploy::{
    app::AppName,
    clock::stamp,
    lock::{Lock, Seen, Status},
    plugin_protocol::{Journaling, KeptImage, Locking, Retained, RollingBack, Unlocking},
};

use crate::{exit_codes, failure::Failure, invocation::Invocation, ui::visible};

pub fn locked(app: &AppName, locking: &Locking, invocation: &Invocation) -> Result<u8, Failure> {
    let (code, line, lock) = match locking {
        Locking::Taken { lock, .. } => (exit_codes::OK, format!("{app} is locked now"), lock),
        Locking::Held { lock } => (
            exit_codes::REFUSED,
            format!("{app} is locked already; nothing was changed"),
            lock,
        ),
    };
    invocation.ui.result(&line)?;
    describe(lock, invocation)?;
    Ok(code)
}

pub fn unlocked(
    app: &AppName,
    unlocking: &Unlocking,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    match unlocking {
        Unlocking::NotLocked => ui.result(&format!("{app} was not locked"))?,
        Unlocking::Unlocked { was, relocked, .. } => {
            ui.result(&format!("{app} may be deployed again"))?;
            if let Some(lock) = was {
                ui.result("Its lock was:")?;
                describe(lock, invocation)?;
            }
            if let Some(lock) = relocked {
                ui.result(&format!("{app} was locked anew at the same moment:"))?;
                describe(lock, invocation)?;
                return Ok(exit_codes::REFUSED);
            }
        }
        Unlocking::Changed { lock } => {
            ui.result(&format!("{app} has another lock; nothing was changed"))?;
            describe(lock, invocation)?;
            return Ok(exit_codes::REFUSED);
        }
    }
    Ok(exit_codes::OK)
}

/// Says of each app what its lock is; the exit code is that of the last one.
pub fn shown(all: &[Status], invocation: &Invocation) -> Result<u8, Failure> {
    use dokku_deploy::lock::Verdict;
    let ui = invocation.ui;
    let mut code = exit_codes::OK;
    for status in all {
        let app = &status.app;
        code = match status.verdict() {
            Verdict::Free => {
                let expired = match &status.lock {
                    Seen::Expired(_) => " (its lock has ended)",
                    _ => "",
                };
                ui.result(&format!("{app} is not locked{expired}"))?;
                exit_codes::OK
            }
            Verdict::Blocked(of, lock) => {
                let base = if of == app {
                    String::new()
                } else {
                    format!(" by the lock of {of}")
                };
                ui.result(&format!("{app} is locked{base}"))?;
                describe(lock, invocation)?;
                exit_codes::REFUSED
            }
            Verdict::Unknown(of, why) => {
                ui.result(&format!(
                    "whether {app} is locked cannot be told: {of}: {}",
                    visible(why)
                ))?;
                exit_codes::HOST
            }
        };
    }
    Ok(code)
}

fn describe(lock: &Lock, invocation: &Invocation) -> Result<(), Failure> {
    let ui = invocation.ui;
    for line in lock.reason.lines() {
        ui.result(&format!("  why:   {}", visible(line)))?;
    }
    ui.result(&format!("  who:   {}", visible(&lock.by)))?;
    ui.result(&format!("  since: {}", visible(&lock.at)))?;
    if let Some(until) = lock.until {
        ui.result(&format!("  until: {}", stamp(until)))?;
    }
    Ok(())
}

pub fn journaled(
    app: &AppName,
    journaling: &Journaling,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let line = match journaling {
        Journaling::Done => "done".to_owned(),
        Journaling::Nothing => format!("{app} has no deploy journal"),
        Journaling::Other { by } => {
            format!("another deploy of {app} runs, by {}", visible(by))
        }
    };
    invocation.ui.result(&line)?;
    Ok(match journaling {
        Journaling::Done => exit_codes::OK,
        Journaling::Nothing | Journaling::Other { .. } => exit_codes::REFUSED,
    })
}

pub fn retained(
    app: &AppName,
    retained: &Retained,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    for warning in &retained.warnings {
        invocation.ui.warning(warning);
    }
    images(app, &retained.kept, invocation)
}

pub fn images(app: &AppName, kept: &[KeptImage], invocation: &Invocation) -> Result<u8, Failure> {
    if kept.is_empty() {
        invocation
            .ui
            .result(&format!("no image of {app} is kept"))?;
    }
    for image in kept {
        invocation
            .ui
            .result(&format!("v{}  {}", image.version, image.image))?;
    }
    Ok(exit_codes::OK)
}

pub fn rolled_back(
    app: &AppName,
    version: u64,
    rolling: &RollingBack,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    match rolling {
        RollingBack::Switched { .. } => ui.result(&format!("{app} runs v{version} again"))?,
        RollingBack::Locked { of, lock } => {
            ui.result(&format!("{of} is locked; nothing was changed"))?;
            describe(lock, invocation)?;
        }
        RollingBack::NotKept { kept } => {
            ui.result(&format!(
                "this image of v{version} is not kept; nothing was changed"
            ))?;
            images(app, kept, invocation)?;
        }
        RollingBack::NotStarted {
            status,
            is_put_back,
        } => {
            ui.result(&format!(
                "v{version} of {app} did not start (status {status})"
            ))?;
            ui.result(if *is_put_back {
                "its newest image is the one from before"
            } else {
                "its newest image could not be put back"
            })?;
        }
    }
    Ok(match rolling {
        RollingBack::Switched { .. } => exit_codes::OK,
        RollingBack::Locked { .. } | RollingBack::NotKept { .. } => exit_codes::REFUSED,
        RollingBack::NotStarted { .. } => exit_codes::APP,
    })
}
