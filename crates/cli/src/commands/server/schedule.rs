//! `server schedule`: backups every night, by the host's own timer.

use clap::Args;
use dokku_deploy::audit::Action;
use serde_json::json;

use super::{Access, record::recorded};
use crate::{
    backup::BucketSettings, commands::backup::policy, exit_codes, failure::Failure,
    invocation::Invocation, server::backups::BackupSettings,
};

/// `server schedule`
#[derive(Debug, Args)]
pub struct ScheduleArguments {
    #[command(flatten)]
    access: Access,
    /// When, in UTC
    #[arg(long, value_name = "HH:MM", default_value = "02:00", value_parser = time_of_day)]
    at: String,
    /// Switch it off, and forget its settings; backups stay
    #[arg(long, conflicts_with = "at")]
    remove: bool,
}

/// Reads `HH:MM`.
fn time_of_day(text: &str) -> Result<String, String> {
    jiff::civil::Time::strptime("%H:%M", text)
        .map(|time| time.strftime("%H:%M").to_string())
        .map_err(|_| format!("{text:?} is not a time of day such as 02:00"))
}

/// Switches the timer on or off.
pub fn run(arguments: &ScheduleArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let root = arguments.access.root()?;
    super::fit(&root)?;
    if arguments.remove {
        let note = "no backups are scheduled any more";
        recorded(Action::ServerConfig, note, &root, invocation, || {
            Ok(root.unschedule()?)
        })?;
        if ui.is_json() {
            ui.json(&json!({"host": root.target, "at": null}))?;
        }
        ui.success(&format!(
            "No backups are scheduled on {} any more",
            root.target
        ));
        return Ok(exit_codes::OK);
    }
    let policy = policy(None)?;
    let bucket = BucketSettings::from_environment()?;
    if bucket.is_none() {
        ui.warning(
            "No bucket is set (AWS_S3_BUCKET): data and backups will be on one disk, and lost together",
        );
    }
    let has_bucket = bucket.is_some();
    let test_days = policy.restore_tests.map(|rule| rule.days);
    let settings = BackupSettings {
        bucket,
        encrypt_to: policy.encrypt_to,
        rule: policy.rule,
        heartbeat_url: policy.heartbeat_url,
        restore_tests: policy.restore_tests,
        at: Some(arguments.at.clone()),
    };
    let note = format!(
        "all databases are backed up every day at {} UTC",
        arguments.at
    );
    let keeper = recorded(Action::ServerConfig, &note, &root, invocation, || {
        Ok(root.schedule(&arguments.at, settings.to_json().expose().as_bytes())?)
    })?;
    if ui.is_json() {
        ui.json(&json!({
            "host": root.target,
            "at": arguments.at,
            "by": keeper,
            "to": if has_bucket { "both" } else { "server" },
            "restore_test_days": test_days,
        }))?;
    }
    ui.success(&format!(
        "All databases on {} are backed up every day at {} UTC, by {keeper}",
        root.target, arguments.at
    ));
    match test_days {
        Some(days) => ui.info(&format!(
            "The newest backup of each is restored for a test every {days} days, one after the other"
        )),
        None => ui.warning("None is restored for a test: backup.restore_test_days is 0"),
    }
    Ok(exit_codes::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_read_strictly() {
        assert_eq!(time_of_day("02:00"), Ok("02:00".to_owned()));
        assert_eq!(time_of_day("23:59"), Ok("23:59".to_owned()));
        for wrong in ["24:00", "2", "02:60", "02:00; reboot", "", "*"] {
            assert!(time_of_day(wrong).is_err(), "{wrong:?}");
        }
    }
}
