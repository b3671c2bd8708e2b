//! `dokku deploy-system:…`: what people and `dokku-cli` may ask of the plugin on the host.

mod asked;
mod tell;

use clap::{Args, Parser, Subcommand};
use dokku_deploy::{
    app::AppName,
    clock::stamp,
    lock::single_id,
    plugin_protocol::{
        BadRequest, End, Fault, FaultKind, LockRequest, Outcome, PROTOCOL, Permit, PermitRequest,
        Reply, UnlockRequest, decode,
    },
};
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, de::DeserializeOwned};

use super::backups;
use crate::{
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    server::{self, Place},
};

/// How long a permission can be used.
const PERMIT_SECONDS: i64 = 15 * 60;

/// The words after `deploy-system:`.
#[derive(Debug, Parser)]
#[command(
    name = "dokku deploy-system:",
    no_binary_name = true,
    disable_help_flag = true
)]
struct Words {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
enum Verb {
    Lock(LockWords),
    Unlock(UnlockWords),
    Status(AppWords),
    Locks(Common),
    Permit(PermitWords),
    #[command(flatten)]
    Asked(asked::Asked),
    #[command(flatten)]
    Backups(backups::Verbs),
    Version(Common),
    #[command(visible_aliases = ["", "default"])]
    Help(Common),
}

#[derive(Debug, Args)]
pub(super) struct Common {
    #[arg(long, default_value = "text", value_parser = ["text", "json"])]
    pub(super) format: String,
    #[arg(long, value_name = "NUMBER")]
    protocol: Option<u32>,
}

#[derive(Debug, Args)]
struct LockWords {
    #[command(flatten)]
    common: Common,
    /// The whole request, as `dokku-cli` sends it
    #[arg(long, value_name = "BASE64", conflicts_with_all = ["by", "end", "replace", "reason"])]
    request: Option<String>,
    #[arg(long, value_name = "PERSON")]
    by: Option<String>,
    #[arg(long = "for", value_name = "DURATION", value_parser = crate::global::duration)]
    end: Option<std::time::Duration>,
    #[arg(long)]
    replace: bool,
    #[arg(env = "DOKKU_APP_NAME")]
    app: AppName,
    reason: Vec<String>,
}

#[derive(Debug, Args)]
struct UnlockWords {
    #[command(flatten)]
    common: Common,
    /// The whole request, as `dokku-cli` sends it
    #[arg(long, value_name = "BASE64", conflicts_with = "by")]
    request: Option<String>,
    #[arg(long, value_name = "PERSON")]
    by: Option<String>,
    #[arg(env = "DOKKU_APP_NAME")]
    app: AppName,
}

#[derive(Debug, Args)]
struct AppWords {
    #[command(flatten)]
    common: Common,
    #[arg(env = "DOKKU_APP_NAME")]
    app: AppName,
}

#[derive(Debug, Args)]
struct PermitWords {
    #[command(flatten)]
    common: Common,
    /// The whole request, as `dokku-cli` sends it
    #[arg(long, value_name = "BASE64", conflicts_with_all = ["by", "commit", "reason"])]
    request: Option<String>,
    #[arg(long, value_name = "PERSON")]
    by: Option<String>,
    app: AppName,
    /// All 40 digits
    #[arg(required_unless_present = "request")]
    commit: Option<String>,
    #[arg(required_unless_present = "request")]
    reason: Vec<String>,
}

const HELP: &str = "\
\x20   deploy-system:lock <app> [<reason>] [--for <duration>] [--replace], Keep everybody from deploying an app
    deploy-system:unlock <app>, Let an app be deployed again
    deploy-system:status <app>, Say whether an app is locked, by whom and why
    deploy-system:locks, Say so of every app
    deploy-system:permit <app> <commit> <reason>, Let one commit of a locked app pass once within 15 minutes
    deploy-system:images <app>, List the images of earlier releases that are kept
    deploy-system:journal <app>, Take or keep the deploy journal (asked by dokku-cli deploy, on standard input)
    deploy-system:retain --request <base64> <app>, Keep the image of a release (asked by dokku-cli deploy)
    deploy-system:rollback-image --request <base64> <app>, Run a kept image again (asked by dokku-cli rollback)
    deploy-system:backup [<app> [<service>]|--all-apps] [--to server|s3|both], Back up databases into files of this host
    deploy-system:backups [<app>], List the backups of this host
    deploy-system:backup-verify [<app>|--id <id>], Read backups of this host to their ends
    deploy-system:backup-prune [<app>] [--dry-run], Remove backups of this host that its settings do not keep
    deploy-system:backup-send <id>, Write a backup of this host to standard output
    deploy-system:backup-tested --request <base64>, Note the verdict of a restore test (asked by dokku-cli)
    deploy-system:backup-room <kind>, Say how much room the disk has that services keep their data on
    deploy-system:break-glass <reason>|--end, Let every deploy pass until this is ended
    deploy-system:audit, Entries of the audit log (asked by dokku-cli, on standard input)
    deploy-system:notify, Change whom the host tells (asked by dokku-cli, on standard input)
    deploy-system:protect <app>, Ask the app's visitors for a password (asked by dokku-cli deploy, on standard input)
    deploy-system:record, Put an entry into the audit log (asked by dokku-cli, on standard input)
    deploy-system:version, Print the plugin's version and protocol
    deploy-system:help, Print this";

/// The lines of `dokku help`, and of `deploy-system:help`.
pub fn help(invocation: &Invocation) -> Result<u8, Failure> {
    invocation.ui.result(HELP)?;
    Ok(exit_codes::OK)
}

/// Runs `deploy-system:VERB …`.
pub fn run(
    words: &[String],
    place: &Place,
    now: Timestamp,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    if let Some(other) = other_protocol(words) {
        // The rest of the line may be one that only that protocol knows.
        let fault = Fault {
            kind: FaultKind::Protocol,
            message: format!("this plugin speaks protocol {PROTOCOL}, not {other}"),
        };
        return answer::<()>(true, Err(fault), invocation, |()| Ok(exit_codes::OK));
    }
    let (first, rest) = words.split_first().map_or(("", &[][..]), |(first, rest)| {
        (first.strip_prefix("deploy-system:").unwrap_or("help"), rest)
    });
    let words = std::iter::once(first).chain(rest.iter().map(String::as_str));
    let words = Words::try_parse_from(words)
        .map_err(|error| Failure::usage(error.render().to_string().trim_end()))?;
    let ui = invocation.ui;
    let person = |by: Option<&String>| by.cloned().unwrap_or_else(|| place.key.name.clone());
    match words.verb {
        Verb::Help(_) => help(invocation),
        Verb::Version(common) => {
            let version = env!("CARGO_PKG_VERSION");
            let said = format!("deploy-system {version}, protocol {PROTOCOL}");
            answer(common.format == "json", Ok(version), invocation, |_| {
                ui.result(&said)?;
                Ok(exit_codes::OK)
            })
        }
        Verb::Lock(words) => {
            let request = match &words.request {
                Some(word) => understood(word),
                None => Ok(LockRequest {
                    reason: words.reason.join(" "),
                    by: person(words.by.as_ref()),
                    end: words.end.map(|time| End::ForSeconds(time.as_secs().max(1))),
                    id: single_id(&format!("{:016x}", rand::random::<u64>())),
                    replace: words.replace,
                    record: None,
                }),
            };
            let locking =
                request.and_then(|request| server::lock(place, &words.app, &request, now, ui));
            answer(
                words.common.format == "json",
                locking,
                invocation,
                |locking| tell::locked(&words.app, &locking, invocation),
            )
        }
        Verb::Unlock(words) => {
            let request = match &words.request {
                Some(word) => understood(word),
                None => Ok(UnlockRequest {
                    by: person(words.by.as_ref()),
                    only: None,
                    record: None,
                }),
            };
            let unlocking =
                request.and_then(|request| server::unlock(place, &words.app, &request, now, ui));
            answer(
                words.common.format == "json",
                unlocking,
                invocation,
                |unlocking| tell::unlocked(&words.app, &unlocking, invocation),
            )
        }
        Verb::Status(words) => {
            let status = server::status(&words.app, now);
            answer(
                words.common.format == "json",
                status,
                invocation,
                |status| tell::shown(&[status], invocation),
            )
        }
        Verb::Locks(common) => {
            let all = server::all_locks(now);
            answer(common.format == "json", all, invocation, |all| {
                tell::shown(&all, invocation)?;
                Ok(exit_codes::OK)
            })
        }
        Verb::Permit(words) => {
            let request = match &words.request {
                Some(word) => understood(word),
                None => Ok(PermitRequest {
                    commit: words.commit.clone().unwrap_or_default(),
                    by: person(words.by.as_ref()),
                    reason: words.reason.join(" "),
                }),
            };
            permit(&words, request, place, now, invocation)
        }
        Verb::Asked(asked) => asked::run(asked, place, now, invocation),
        Verb::Backups(verb) => backups::run(&verb, place, now, invocation),
    }
}

pub(super) fn understood<T: DeserializeOwned>(word: &str) -> Result<T, Fault> {
    decode(word).map_err(|bad| invalid(&bad))
}

pub(super) fn invalid(bad: &BadRequest) -> Fault {
    Fault {
        kind: FaultKind::Invalid,
        message: bad.to_string(),
    }
}

/// The protocol that the line names, if it is not ours.
fn other_protocol(words: &[String]) -> Option<&str> {
    let given = words
        .iter()
        .skip_while(|word| *word != "--protocol")
        .nth(1)?;
    (given.parse() != Ok(PROTOCOL)).then_some(given)
}

/// Answers in JSON, or by `tell`.
pub(super) fn answer<T: Serialize>(
    is_json: bool,
    result: Result<T, Fault>,
    invocation: &Invocation,
    tell: impl FnOnce(T) -> Result<u8, Failure>,
) -> Result<u8, Failure> {
    let code = match &result {
        Ok(_) => exit_codes::OK,
        Err(fault) => match fault.kind {
            FaultKind::Invalid => exit_codes::USAGE,
            FaultKind::NoSuchApp | FaultKind::Unreadable | FaultKind::Protocol => exit_codes::HOST,
            FaultKind::Busy => exit_codes::REFUSED,
            FaultKind::Failed => exit_codes::INTERNAL,
        },
    };
    if is_json {
        invocation.ui.json(&Reply {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            outcome: match result {
                Ok(result) => Outcome::Result(result),
                Err(fault) => Outcome::Error(fault),
            },
        })?;
        return Ok(code);
    }
    match result {
        Ok(result) => tell(result),
        Err(fault) => Err(Failure::new(code, fault.message)),
    }
}

fn permit(
    words: &PermitWords,
    request: Result<PermitRequest, Fault>,
    place: &Place,
    now: Timestamp,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let until = now
        .checked_add(SignedDuration::from_secs(PERMIT_SECONDS))
        .map_err(|error| Failure::internal(error.to_string()))?;
    let given = request.and_then(|request| {
        let permit = Permit {
            by: request.by,
            reason: request.reason,
            until,
        };
        let (app, commit) = (&words.app, request.commit);
        server::permit(place, app, &commit, &permit, now, invocation.ui)?;
        Ok((commit, permit))
    });
    let commit = given.as_ref().map_or("", |(commit, _)| commit).to_owned();
    answer(
        words.common.format == "json",
        given.map(|(_, permit)| permit),
        invocation,
        |permit| {
            invocation.ui.result(&format!(
                "{commit} may be deployed to {} once until {}",
                words.app,
                stamp(permit.until)
            ))?;
            Ok(exit_codes::OK)
        },
    )
}
