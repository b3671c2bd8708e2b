//! `dokku deploy-system:…`: what people and `dokku-cli` may ask of the plugin on the host.

use clap::{Args, Parser, Subcommand};
use dokku_deploy::{
    app::AppName,
    clock::stamp,
    lock::{Lock, Seen, Status, single_id},
    plugin_protocol::{
        BadRequest, End, Fault, FaultKind, LockRequest, Locking, Outcome, PROTOCOL, Reply,
        UnlockRequest, Unlocking, decode,
    },
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::{
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    server::{self, Permit, Place},
    ui::visible,
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
    Status(StatusWords),
    Locks(Common),
    Permit(PermitWords),
    Version(Common),
    #[command(visible_aliases = ["", "default"])]
    Help(Common),
}

#[derive(Debug, Args)]
struct Common {
    #[arg(long, default_value = "text", value_parser = ["text", "json"])]
    format: String,
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
    #[arg(long = "for", value_name = "DURATION", value_parser = crate::args::duration)]
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
struct StatusWords {
    #[command(flatten)]
    common: Common,
    #[arg(env = "DOKKU_APP_NAME")]
    app: AppName,
}

#[derive(Debug, Args)]
struct PermitWords {
    #[command(flatten)]
    common: Common,
    #[arg(long, value_name = "PERSON")]
    by: Option<String>,
    app: AppName,
    /// All 40 digits
    commit: String,
    #[arg(required = true)]
    reason: Vec<String>,
}

const HELP: &str = "\
    deploy-system:lock <app> [<reason>] [--for <duration>] [--replace], Keep everybody from deploying an app
    deploy-system:unlock <app>, Let an app be deployed again
    deploy-system:status <app>, Say whether an app is locked, by whom and why
    deploy-system:locks, Say so of every app
    deploy-system:permit <app> <commit> <reason>, Let one commit of a locked app pass once within 15 minutes
    deploy-system:break-glass <reason>|--end, Let every deploy pass until this is ended
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
                Some(word) => decode(word).map_err(|bad| invalid(&bad)),
                None => Ok(LockRequest {
                    reason: words.reason.join(" "),
                    by: person(words.by.as_ref()),
                    end: words.end.map(|time| End::ForSeconds(time.as_secs().max(1))),
                    id: single_id(&format!("{:016x}", rand::random::<u64>())),
                    replace: words.replace,
                }),
            };
            let locking =
                request.and_then(|request| server::lock(place, &words.app, &request, now, ui));
            answer(
                words.common.format == "json",
                locking,
                invocation,
                |locking| locked(&words.app, &locking, invocation),
            )
        }
        Verb::Unlock(words) => {
            let request = match &words.request {
                Some(word) => decode(word).map_err(|bad| invalid(&bad)),
                None => Ok(UnlockRequest {
                    by: person(words.by.as_ref()),
                    only: None,
                }),
            };
            let unlocking =
                request.and_then(|request| server::unlock(place, &words.app, &request, now, ui));
            answer(
                words.common.format == "json",
                unlocking,
                invocation,
                |unlocking| unlocked(&words.app, &unlocking, invocation),
            )
        }
        Verb::Status(words) => {
            let status = server::status(&words.app, now);
            answer(
                words.common.format == "json",
                status,
                invocation,
                |status| shown(&[status], invocation),
            )
        }
        Verb::Locks(common) => {
            let all = server::all_locks(now);
            answer(common.format == "json", all, invocation, |all| {
                shown(&all, invocation)?;
                Ok(exit_codes::OK)
            })
        }
        Verb::Permit(words) => permit(&words, &person(words.by.as_ref()), place, now, invocation),
    }
}

fn invalid(bad: &BadRequest) -> Fault {
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
fn answer<T: Serialize>(
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

fn locked(app: &AppName, locking: &Locking, invocation: &Invocation) -> Result<u8, Failure> {
    let (code, line, lock) = match locking {
        Locking::Taken { lock, .. } => (exit_codes::OK, format!("{app} is locked now"), lock),
        Locking::Held { lock } => (
            exit_codes::REFUSED,
            format!("{app} is locked already; nothing was changed"),
            lock,
        ),
    };
    invocation.ui.result(&line)?;
    tell(lock, invocation)?;
    Ok(code)
}

fn unlocked(app: &AppName, unlocking: &Unlocking, invocation: &Invocation) -> Result<u8, Failure> {
    let ui = invocation.ui;
    match unlocking {
        Unlocking::NotLocked => ui.result(&format!("{app} was not locked"))?,
        Unlocking::Unlocked { was, relocked, .. } => {
            ui.result(&format!("{app} may be deployed again"))?;
            if let Some(lock) = was {
                ui.result("Its lock was:")?;
                tell(lock, invocation)?;
            }
            if let Some(lock) = relocked {
                ui.result(&format!("{app} was locked anew at the same moment:"))?;
                tell(lock, invocation)?;
                return Ok(exit_codes::REFUSED);
            }
        }
        Unlocking::Changed { lock } => {
            ui.result(&format!("{app} has another lock; nothing was changed"))?;
            tell(lock, invocation)?;
            return Ok(exit_codes::REFUSED);
        }
    }
    Ok(exit_codes::OK)
}

/// Says of each app what its lock is; the exit code is that of the last one.
fn shown(all: &[Status], invocation: &Invocation) -> Result<u8, Failure> {
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
                tell(lock, invocation)?;
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

fn tell(lock: &Lock, invocation: &Invocation) -> Result<(), Failure> {
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

fn permit(
    words: &PermitWords,
    by: &str,
    place: &Place,
    now: Timestamp,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let until = now
        .checked_add(SignedDuration::from_secs(PERMIT_SECONDS))
        .map_err(|error| Failure::internal(error.to_string()))?;
    let permit = Permit {
        by: by.to_owned(),
        reason: words.reason.join(" "),
        until,
    };
    server::permit(
        place,
        words.app.as_str(),
        &words.commit,
        &permit,
        now,
        invocation.ui,
    )?;
    answer(
        words.common.format == "json",
        Ok(&permit),
        invocation,
        |permit| {
            invocation.ui.result(&format!(
                "{} may be deployed to {} once until {}",
                words.commit,
                words.app,
                stamp(permit.until)
            ))?;
            Ok(exit_codes::OK)
        },
    )
}
