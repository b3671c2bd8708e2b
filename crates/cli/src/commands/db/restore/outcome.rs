//! What came of a restore, in words and as an exit code.

use dokku_deploy::{
    clock::stamp,
    flows::restore::{Halt, Refusal, Restored, Wish},
};
use serde_json::json;

use crate::{exit_codes, failure::Failure, ui::Ui};

/// Why a restore was not begun.
pub fn refused(refusal: &Refusal, host: &str) -> Failure {
    let failure = Failure::refused(format!("{refusal}; nothing was changed"));
    match refusal {
        Refusal::NoSuchApp(app) => crate::commands::missing(app, host),
        Refusal::OtherApp { .. } => failure.hint("If that is meant, add --other-app."),
        Refusal::Newer { service, .. } => failure.hint(format!(
            "Restore it into a new service of the newer version, or upgrade {service} first."
        )),
        Refusal::Lacks { what: "roles", service, .. } => failure.hint(format!(
            "Make them first: echo 'CREATE ROLE \"NAME\";' | dokku-cli db APP connect {service}"
        )),
        Refusal::Locked { app, .. } => failure.hint(format!(
            "Have it unlocked first. If it is the lock of a restore that was killed on another machine: dokku-cli unlock {app}"
        )),
        Refusal::Busy { .. } => failure.hint("Try again when that deploy has ended."),
        Refusal::NoRoom { .. } => failure.hint(
            "Make room on the host's disk first. `dokku-cli db APP verify` tells whether the backup is good without restoring it.",
        ),
        Refusal::Unreadable { .. } => Failure {
            code: exit_codes::HOST,
            ..failure
        },
        Refusal::ByHand { .. } => failure.hint(super::super::service::BY_HAND),
        Refusal::OtherEngine { .. } | Refusal::Lacks { .. } | Refusal::Taken(_) => failure,
    }
}

/// Tells the outcome; `known` is what is behind an error of the hands.
pub fn tell(
    wish: &Wish,
    restored: &Restored,
    known: Option<Failure>,
    ui: &Ui,
) -> Result<u8, Failure> {
    let target = wish.target().name;
    let Some(halt) = &restored.halt else {
        if ui.is_json() {
            ui.json(&json!({
                "app": wish.app,
                "file": wish.file.name,
                "service": target,
                "way_back": restored.way_back,
                "tables": restored.verdict.as_ref().map(|verdict| verdict.compared),
                "rows": restored.verdict.as_ref().map(|verdict| verdict.rows),
                "warnings": restored.warnings,
            }))?;
        }
        if let Some(verdict) = &restored.verdict {
            let (holders, held) = wish.database.engine.units();
            ui.info(&format!(
                "{} of {} {holders} hold what the backup holds ({} {held})",
                verdict.compared - verdict.surplus.len().min(verdict.compared),
                verdict.compared,
                verdict.rows
            ));
        }
        if let Some(way_back) = &restored.way_back {
            ui.info(&format!("What was there before is in {way_back}"));
        }
        if wish.into.is_some() {
            ui.success(&format!(
                "Restored into the new service {target}; what {app} is linked to is as it was",
                app = wish.app
            ));
            ui.info(&format!(
                "`dokku-cli db {} promote {target}` makes it the app's database",
                wish.app
            ));
        } else {
            ui.success("Restore complete");
        }
        return Ok(exit_codes::OK);
    };
    Err(failure(wish, restored, halt, known))
}

fn failure(wish: &Wish, restored: &Restored, halt: &Halt, known: Option<Failure>) -> Failure {
    let target = wish.target().name;
    let mut failure = match halt {
        Halt::NotLocked(why) => {
            return known.unwrap_or_else(|| Failure::refused(why.clone()));
        }
        Halt::NotKept(why) => {
            return known
                .unwrap_or_else(|| Failure::internal(why.clone()))
                .hint(
                    "Without a copy of the present data nothing is replaced: nothing was changed.",
                );
        }
        Halt::Taken => {
            return Failure::refused(format!(
                "there is a service {target} already: nothing was changed"
            ));
        }
        Halt::Host(error) => Failure::from(error.clone()),
        Halt::Differs(tables) => Failure::new(
            exit_codes::VERIFICATION,
            format!("not everything is there afterwards: {tables}"),
        ),
        Halt::Interrupted(signal) => Failure::interrupted(*signal),
    };
    failure.message = format!("the restore of {target} failed: {}", failure.message);
    if wish.into.is_some() {
        return if restored.is_created {
            failure.hint(format!(
                "The new service {target} is there, perhaps with half the data. `dokku {}:destroy {target}` on the host removes it; what {} is linked to is as it was.",
                wish.database.kind, wish.app
            ))
        } else {
            failure.hint("Nothing was changed.")
        };
    }
    if restored.is_put_back {
        failure = failure.hint(format!(
            "What was there before is there again; {target} is as it was."
        ));
    } else if !restored.is_half {
        failure = failure.hint("Nothing was replaced.");
    }
    match &restored.way_back {
        Some(way_back) if restored.is_half => failure.hint(format!(
            "{target} may be empty now, or hold half of the backup. The way back: dokku-cli db {} restore {way_back} {target} --yes",
            wish.app
        )),
        Some(way_back) => failure.hint(format!(
            "The copy of {} that was made first is {way_back}",
            stamp(jiff::Timestamp::now())
        )),
        None => failure,
    }
}
