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
            let host = entry.text(key::HOST);
            format!("schedule-{}-{host}", entry.text(key::TASK))
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

/// The key of everything about a host's nights: by what the host itself says that it is, so that its own
/// timer, a laptop and CI mean the same incident, whatever they call the host.
fn maintenance(entry: &AuditEntry) -> String {
    match entry.text(key::HOST_ID) {
        id if id.is_empty() => by_name(entry),
        id => format!("maintenance-{id}"),
    }
}

/// The same where the host could not be asked.
fn by_name(entry: &AuditEntry) -> String {
    format!("maintenance-{}", entry.text(key::HOST))
}

/// Of a success, the end of what was begun while the host could not be asked what it is.
pub(super) fn further(entry: &AuditEntry) -> Option<Value> {
    let is_of_nights = matches!(entry.action, Action::Maintenance | Action::BackupOverdue);
    let is_over = entry.status == Status::Success && is_of_nights;
    let key = by_name(entry);
    (is_over && key != maintenance(entry))
        .then(|| json!({"event_action": "resolve", "dedup_key": fit(&key, KEY, in_line)}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Origin;

    #[test]
    fn a_host_is_the_same_whoever_calls_it_what() {
        let entry = |host: &str, id: &str, status| {
            let origin = Origin {
                host: host.into(),
                ..Origin::default()
            };
            AuditEntry::of_host(Action::Maintenance, status, &origin).with(key::HOST_ID, id)
        };
        let body = |entry: &AuditEntry| {
            super::super::body(crate::settings::NotifiedService::Pagerduty, entry, &[]).unwrap()
        };
        let failed = body(&entry("dokku1", "0123abcd", Status::Failure));
        let good = entry("dokku.example.com", "0123abcd", Status::Success);
        assert_eq!(failed["event_action"], "trigger");
        assert_eq!(failed["dedup_key"], "maintenance-0123abcd");
        assert_eq!(body(&good)["dedup_key"], failed["dedup_key"]);
        // Where the host could not be asked its name has to do, and the next success ends that too.
        let unreachable = body(&entry("dokku.example.com", "", Status::Unknown));
        assert_eq!(unreachable["dedup_key"], "maintenance-dokku.example.com");
        let further = further(&good).unwrap();
        assert_eq!(further["event_action"], "resolve");
        assert_eq!(further["dedup_key"], unreachable["dedup_key"]);
        assert_eq!(super::further(&entry("a", "", Status::Success)), None);
        assert_eq!(super::further(&entry("a", "x", Status::Failure)), None);
    }
}
