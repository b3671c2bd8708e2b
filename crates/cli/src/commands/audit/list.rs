//! `audit`: the entries of the host's audit log.

use dokku_deploy::{
    audit::AuditEntry,
    dokku::deploy_system,
    host::Host,
    plugin_protocol::{AuditAnswer, AuditRequest},
};
use jiff::{Timestamp, ToSpan, ZonedDateTime, civil};
use serde_json::json;

use super::ListArguments;
use crate::{
    commands::with_host, exit_codes, failure::Failure, global, invocation::Invocation, ui::visible,
};

/// Shows them, newest first.
pub fn run(arguments: &ListArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let request = AuditRequest {
        app: match &arguments.app {
            Some(app) => Some(invocation.named_app(app)?.to_string()),
            None => None,
        },
        action: arguments.action.clone(),
        actor: arguments.actor.clone(),
        since: arguments
            .since
            .as_deref()
            .map(|text| moment(text, &ZonedDateTime::now()))
            .transpose()?,
        limit: arguments.limit.into(),
    };
    let (read, host) = with_host(invocation, |host, _| {
        let answer = host.ask(&deploy_system::audit(&request))?;
        let read: AuditAnswer = deploy_system::read(&answer, host.name())?;
        Ok((read, host.name().to_owned()))
    })?;
    if ui.is_json() {
        ui.json(&json!({
            "host": host,
            "entries": read.entries,
            "is_cut": read.is_cut,
            "last": {"seq": read.seq, "hash": read.hash},
        }))?;
        return Ok(exit_codes::OK);
    }
    for entry in &read.entries {
        ui.result(&visible(&line(entry)))?;
    }
    if read.entries.is_empty() {
        ui.info(&format!("The audit log on {host} has no such entry"));
    } else if read.is_cut {
        ui.info("There are older ones: --limit shows more, --since and the others fewer");
    }
    Ok(exit_codes::OK)
}

fn line(entry: &AuditEntry) -> String {
    let about = match (entry.app_name.as_str(), entry.commit.sha.as_str()) {
        ("", _) => "-".to_owned(),
        (app, "") => app.to_owned(),
        (app, sha) => format!("{app}@{sha}"),
    };
    let note = entry.note.replace('\n', " ");
    let mut line = format!(
        "{}  {:<14} {:<9}  {about}  {}",
        entry.timestamp,
        entry.action.as_str(),
        entry.status.as_str(),
        entry.actor
    );
    if !note.is_empty() {
        line.push_str("  ");
        line.extend(note.chars().take(120));
    }
    line
}

/// A time, or so long ago.
fn moment(text: &str, now: &ZonedDateTime) -> Result<Timestamp, Failure> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let wrong = || {
        Failure::usage(format!("--since: {text:?} is no time"))
            .hint("Write 2026-11-24T18:00:00Z, 2026-11-24, 2h or 7d.")
    };
    if let Ok(date) = text.parse::<civil::Date>() {
        let zoned = date
            .to_datetime(civil::Time::midnight())
            .to_zoned_datetime(now.time_zone().clone())
            .map_err(|_| wrong())?;
        return Ok(zoned.timestamp());
    }
    if let Some(days) = text
        .strip_suffix('d')
        .and_then(|days| days.trim().parse::<i32>().ok())
    {
        let then = now.checked_sub(days.days()).map_err(|_| wrong())?;
        return Ok(then.timestamp());
    }
    let ago = global::duration(text).map_err(|_| wrong())?;
    now.timestamp().checked_sub(ago).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_so_long_ago() {
        let now: ZonedDateTime = "2026-11-24T12:00:00[UTC]".parse().unwrap();
        let since = |text| moment(text, &now).map(|time| time.to_string());
        assert_eq!(
            since("2026-11-23T10:00:00Z"),
            Ok("2026-11-23T10:00:00Z".to_owned())
        );
        assert_eq!(since("2026-11-23"), Ok("2026-11-23T00:00:00Z".to_owned()));
        assert_eq!(since("90m"), Ok("2026-11-24T10:30:00Z".to_owned()));
        assert_eq!(since("7d"), Ok("2026-11-17T12:00:00Z".to_owned()));
        assert_eq!(since("lately").unwrap_err().code, exit_codes::USAGE);
    }
}
