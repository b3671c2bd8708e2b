//! `dokku-cli dashboard check`: the health of every app, now.

use std::time::Duration;

use dokku_deploy::{audit, interrupt::Interrupts};
use jiff::Timestamp;
use serde_json::json;

use super::{CheckArguments, publish, sources};
use crate::{
    dashboard::{alarms::Alarms, checks::Finding},
    exit_codes,
    failure::Failure,
    interrupt::Watch,
    invocation::Invocation,
    schedule::{Run, beaten},
    ui::visible,
};

/// Checks, shows, and publishes where that was asked for.
pub fn run(arguments: &CheckArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let url = arguments.scheduled.heartbeat();
    beaten(url, invocation, || check(arguments, invocation))
}

fn check(arguments: &CheckArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let mut gathered = sources::gather(&arguments.sources, invocation)?;
    let only = arguments
        .apps
        .iter()
        .map(|app| Ok(invocation.named_app(app)?.to_string()))
        .collect::<Result<Vec<_>, Failure>>()?;
    let last = gathered.board.metrics.last();
    let every = arguments.scheduled.every;
    let missing = every.and_then(|every| overdue(last?, Timestamp::now(), every));
    if let Some(silence) = missing {
        invocation.ui.warning(&format!(
            "no app was checked for {}: runs of the schedule are missing. Look at what starts them",
            audit::duration(silence)
        ));
    }
    let watch = Watch::begin()?;
    let findings = sources::check(&mut gathered.board, &only, &arguments.ask, &watch, &|_| {})?;
    if let (1.., Some(signal)) = watch.requests() {
        return Err(Failure::interrupted(signal));
    }
    let code = show(&findings, &gathered.board, missing, invocation)?;
    if arguments.publish {
        let mut alarms = Alarms::of(findings, invocation)?;
        // Of some apps only it is no run of the schedule.
        let every = every.filter(|_| only.is_empty());
        let mut ran = every
            .map(|every| Run::begin("health", every, true, invocation))
            .transpose()?;
        publish::write(
            &gathered,
            "check",
            false,
            &watch,
            invocation,
            &mut |board, now| {
                alarms.put(board);
                if let Some(ran) = &mut ran {
                    ran.put(board, now);
                }
            },
        )?;
        alarms.tell(invocation);
        if let Some(ran) = ran {
            ran.tell();
        }
    }
    Ok(code)
}

/// How long nothing was checked, where that is more than twice the time between two runs.
fn overdue(last: Timestamp, now: Timestamp, every: Duration) -> Option<Duration> {
    let silence = Duration::try_from(now.duration_since(last)).ok()?;
    (silence > every.saturating_mul(2)).then_some(silence)
}

fn show(
    findings: &[Finding],
    board: &dokku_deploy::dashboard::Board,
    missing: Option<Duration>,
    invocation: &Invocation<'_>,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let unhealthy = findings
        .iter()
        .filter(|finding| finding.fault.is_some())
        .count();
    let silent: Vec<&str> = board
        .apps
        .rows()
        .filter(|(_, row)| row.text("url").is_none())
        .map(|(app, _)| app)
        .collect();
    let code = if unhealthy > 0 {
        exit_codes::APP
    } else {
        exit_codes::OK
    };
    if ui.is_json() {
        let rows: Vec<_> = findings.iter().map(as_json).collect();
        ui.json(&json!({
            "apps": rows,
            "healthy": findings.len() - unhealthy,
            "unhealthy": unhealthy,
            "without_address": silent,
            "silent_seconds": missing.map(|silence| silence.as_secs()),
            "exit_code": code,
        }))?;
        return Ok(code);
    }
    ui.header("Health");
    for finding in findings {
        let word = if finding.fault.is_none() {
            "healthy  "
        } else {
            "unhealthy"
        };
        ui.verdict(finding.fault.is_none(), word, &line(finding))?;
    }
    for app in &silent {
        ui.warning(&format!("{app} has no address and was not checked"));
    }
    match (findings.len(), unhealthy) {
        (0, _) => ui.info("No app has an address"),
        (all, 0) => ui.success(&format!("{} healthy", apps(all))),
        (all, bad) => ui.warning(&format!("{bad} of {} unhealthy", apps(all))),
    }
    Ok(code)
}

fn apps(count: usize) -> String {
    format!("{count} {}", if count == 1 { "app" } else { "apps" })
}

fn days(finding: &Finding) -> Option<i64> {
    finding
        .expires
        .map(|expires| (expires.as_second() - finding.at.as_second()).div_euclid(86_400))
}

fn line(finding: &Finding) -> String {
    let took = finding
        .took
        .map(|took| format!("  {} ms", took.as_millis()))
        .unwrap_or_default();
    let certificate = days(finding)
        .map(|days| format!("  certificate: {days} days left"))
        .unwrap_or_default();
    let fault = finding
        .fault
        .as_ref()
        .map(|fault| format!("  {fault}"))
        .unwrap_or_default();
    visible(&format!(
        "  {}  {}{took}{certificate}{fault}",
        finding.app, finding.url
    ))
    .into_owned()
}

fn as_json(finding: &Finding) -> serde_json::Value {
    json!({
        "app": finding.app,
        "url": finding.url,
        "checked_at": finding.at.to_string(),
        "is_healthy": finding.fault.is_none(),
        "status": finding.status,
        "response_time_ms": finding.took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        "certificate_days": days(finding),
        "reason": finding.fault,
    })
}
