//! What `dokku-cli` asks of the plugin besides locks: the deploy journal, and images of releases.

use std::io::Read;

use clap::{Args, Subcommand};
use dokku_deploy::{
    app::AppName,
    plugin_protocol::{Fault, FaultKind, LONGEST_RECORD, RetainRequest, RollbackRequest},
};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::{AppWords, Common, answer, tell, understood};
use crate::{
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    server::{self, Place},
};

/// More than this on standard input is no request. The old values of all of an app's variables can
/// be in one.
const LONGEST_INPUT: usize = 16 * 1024 * 1024;

#[derive(Debug, Subcommand)]
pub enum Asked {
    Audit(Common),
    Images(AppWords),
    Journal(AppWords),
    Notify(Common),
    Protect(AppWords),
    Record(Common),
    Retain(RequestWords),
    RollbackImage(RequestWords),
}

/// What only `dokku-cli` asks.
#[derive(Debug, Args)]
pub struct RequestWords {
    #[command(flatten)]
    common: Common,
    #[arg(long, value_name = "BASE64")]
    request: String,
    app: AppName,
}

/// Answers one of them.
pub fn run(
    asked: Asked,
    place: &Place,
    now: Timestamp,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    match asked {
        Asked::Images(AppWords { common, app }) => {
            let kept = server::kept_images(&app);
            answer(common.format == "json", kept, invocation, |kept| {
                tell::images(&app, &kept, invocation)
            })
        }
        Asked::Journal(AppWords { common, app }) => {
            let journaling = from_input(LONGEST_INPUT)
                .and_then(|request| server::journal(place, &app, &request, now));
            answer(
                common.format == "json",
                journaling,
                invocation,
                |journaling| tell::journaled(&app, &journaling, invocation),
            )
        }
        Asked::Audit(common) => {
            let read = from_input(LONGEST_RECORD).and_then(|request| {
                server::read_audit(place, &request).map_err(|error| Fault {
                    kind: FaultKind::Failed,
                    message: error.to_string(),
                })
            });
            answer(common.format == "json", read, invocation, |read| {
                ui.json(&read.entries)?;
                Ok(exit_codes::OK)
            })
        }
        Asked::Notify(common) => {
            let state = from_input(LONGEST_RECORD)
                .and_then(|request| server::configure_notices(place, &request));
            answer(common.format == "json", state, invocation, |state| {
                ui.json(&state)?;
                Ok(exit_codes::OK)
            })
        }
        Asked::Protect(AppWords { common, app }) => {
            let protected = from_input(LONGEST_RECORD)
                .and_then(|request| server::protect(place, &app, request));
            answer(
                common.format == "json",
                protected,
                invocation,
                |protected| {
                    ui.result(&format!(
                        "{app} is seen by {} only, with the password",
                        protected.user
                    ))?;
                    Ok(exit_codes::OK)
                },
            )
        }
        Asked::Record(common) => {
            let recorded = from_input(LONGEST_RECORD)
                .and_then(|request| server::record_entry(place, request, now));
            answer(common.format == "json", recorded, invocation, |recorded| {
                ui.result(&format!("entry {}: {}", recorded.seq, recorded.hash))?;
                Ok(exit_codes::OK)
            })
        }
        Asked::Retain(words) => {
            let retained = understood(&words.request)
                .and_then(|request: RetainRequest| server::retain(place, &words.app, &request));
            answer(
                words.common.format == "json",
                retained,
                invocation,
                |retained| tell::retained(&words.app, &retained, invocation),
            )
        }
        Asked::RollbackImage(words) => {
            let request: Result<RollbackRequest, Fault> = understood(&words.request);
            let version = request.as_ref().map_or(0, |request| request.version);
            let rolling =
                request.and_then(|request| server::roll_back(place, &words.app, &request, now, ui));
            answer(
                words.common.format == "json",
                rolling,
                invocation,
                |rolling| tell::rolled_back(&words.app, version, &rolling, invocation),
            )
        }
    }
}

/// A request that comes on standard input, where no list of processes shows it.
fn from_input<T: DeserializeOwned>(most: usize) -> Result<T, Fault> {
    let mut word = String::new();
    std::io::stdin()
        .take(u64::try_from(most).unwrap_or(u64::MAX))
        .read_to_string(&mut word)
        .map_err(|error| Fault {
            kind: FaultKind::Invalid,
            message: format!("standard input cannot be read: {error}"),
        })?;
    understood(word.trim())
}
