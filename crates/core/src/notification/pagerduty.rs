//! PagerDuty, Events API v2: an incident begins with a failure and ends with the next success of the
//! same thing. Limits: 1,024 characters a summary, 255 a key, 512 KB in all.
//!
//! The bash system put the number of the run into the key, so that no later run could ever resolve
//! what it had triggered. The key is now what stays the same: `deploy-{app}-{environment}`.

use serde_json::{Map, Value, json};

use super::{
    message::Message,
    text::{fit, in_line, plain},
};
use crate::audit::{Action, AuditEntry, Status, key};

const SUMMARY: usize = 1024;
const KEY: usize = 255;
const DETAIL: usize = 2000;

/// `None` for what neither begins nor ends an incident.
pub(super) fn body(message: &Message, entry: &AuditEntry) -> Option<Value> {
    let is_over = match (&entry.action, &entry.status) {
        (_, Status::Success) => true,
        (_, Status::Failure | Status::Unknown) => false,
        _ => return None,
    };
    let (app, environment) = (&entry.app_name, &entry.environment);
    let what = match entry.action {
        // A release that is rolled back to serves as a deployed one does.
        Action::Deploy | Action::Promote | Action::Rollback => {
            format!("deploy-{app}-{environment}")
        }
        // The next good night ends it.
        Action::BackupOverdue if app.is_empty() => maintenance(entry),
        // Of no service in particular: no later backup could end it.
        Action::Backup if entry.text(key::SERVICE).is_empty() => return None,
        Action::Backup | Action::BackupOverdue => {
            format!("backup-{app}-{}", entry.text(key::SERVICE))
        }
        Action::Restore | Action::RestoreTest => {
            format!("{}-{app}-{}", entry.action, entry.text(key::SERVICE))
        }
        Action::Health => format!("health-{app}-{environment}"),
        Action::Certificate => format!("certificate-{app}"),
        Action::Maintenance => maintenance(entry),
        Action::ScheduleMissed => {
            format!(
                "schedule-{}-{}",
                entry.text(key::TASK),
                entry.text(key::HOST)
            )
        }
        Action::Test => "deploy-test".to_owned(),
        _ => return None,
    };
    let dedup_key = fit(&what, KEY, in_line);
    if is_over {
        return Some(json!({"event_action": "resolve", "dedup_key": dedup_key}));
    }
    let summary = match entry.action {
        Action::Deploy => format!("Deployment failed: {app} to {environment}"),
        _ if app.is_empty() => message.emoji_title.clone(),
        _ => format!("{}: {app}", message.title),
    };
    let mut details = Map::new();
    for (name, value) in [
        ("app", app.clone()),
        ("environment", environment.clone()),
        ("commit", entry.commit.sha.clone()),
        ("actor", entry.actor.clone()),
        ("branch", entry.text(key::BRANCH)),
        ("reason", entry.note.clone()),
    ] {
        details.insert(name.to_owned(), fit(&value, DETAIL, plain).into());
    }
    let links: Vec<Value> = message
        .links
        .iter()
        .map(|link| json!({"href": link.url, "text": link.words}))
        .collect();
    Some(json!({
        "event_action": "trigger",
        "dedup_key": dedup_key,
        "payload": {
            "summary": fit(&summary, SUMMARY, in_line),
            "severity": "error",
            "source": "dokku-deploy",
            "custom_details": details,
        },
        "links": links,
    }))
}

/// The key of everything about a host's nights.
fn maintenance(entry: &AuditEntry) -> String {
    format!("maintenance-{}", entry.text(key::HOST))
}
