//! Which event an entry is, and whether a service is told of it.

use crate::{
    app::Environment,
    audit::{Action, AuditEntry, Status, key},
    settings::{NotifiedEvent, NotifiedService, Told},
};

/// The event that an entry is to those who are told; `None` for what is only kept in the record.
pub fn event(entry: &AuditEntry) -> Option<NotifiedEvent> {
    use NotifiedEvent as Event;
    let is_good = entry.status == Status::Success;
    Some(match &entry.action {
        Action::Deploy | Action::Promote => match entry.status {
            Status::Started => Event::DeployStarted,
            Status::Success => Event::DeploySucceeded,
            _ => Event::DeployFailed,
        },
        Action::Preview | Action::PreviewCleanup => match entry.status {
            Status::Started => Event::DeployStarted,
            _ => Event::Preview,
        },
        Action::Rollback => Event::Rollback,
        Action::Lock | Action::LockRestored | Action::Permit | Action::BreakGlass
            if entry.status != Status::Refused =>
        {
            Event::Lock
        }
        Action::Unlock if entry.status != Status::Refused => Event::Unlock,
        Action::Backup if is_good => Event::BackupDone,
        Action::Backup => Event::BackupFailed,
        Action::BackupOverdue => Event::BackupOverdue,
        Action::RestoreTest if !is_good => Event::BackupFailed,
        Action::Restore | Action::RestoreTest => Event::Restore,
        Action::Cleanup | Action::Destroy => Event::Cleanup,
        Action::Health if is_good => Event::HealthUp,
        Action::Health => Event::HealthDown,
        Action::Certificate => Event::CertificateExpiring,
        // Of a part of the night people are told where it failed; the summary is of the whole.
        Action::Maintenance if is_good && !entry.text(key::TASK).is_empty() => return None,
        Action::Maintenance => Event::Summary,
        Action::ScheduleMissed => Event::ScheduleMissed,
        // A sample is sent to whom it is meant for, whatever else that one is told.
        Action::Test => Event::DeploySucceeded,
        _ => return None,
    })
}

/// Whether a service is told of an entry.
///
/// Without settings: results in production, every failure, locks, and one summary a night. Datadog is
/// told of deploys, all of them and when they begin; `PagerDuty` of what fails in production, and when
/// that is over. Where events are given, exactly those, in all environments unless those are given
/// too.
pub fn is_wanted(entry: &AuditEntry, service: NotifiedService, told: &Told) -> bool {
    let Some(event) = event(entry) else {
        return false;
    };
    if !told.is_enabled {
        return false;
    }
    let environment = environment(entry);
    let is_here = |list: &Vec<Environment>| {
        // What is about a whole host is about all of its apps.
        entry.environment.is_empty() || environment.is_some_and(|here| list.contains(&here))
    };
    if !told.environments.as_ref().is_none_or(is_here) {
        return false;
    }
    if let Some(events) = &told.events {
        return events.contains(&event);
    }
    let is_anywhere = told.environments.is_some();
    let is_production = is_anywhere || environment.is_none_or(|e| e == Environment::Production);
    match service {
        NotifiedService::Datadog => matches!(
            event,
            NotifiedEvent::DeployStarted
                | NotifiedEvent::DeploySucceeded
                | NotifiedEvent::DeployFailed
        ),
        NotifiedService::Pagerduty => is_production,
        _ => by_default(event, entry, is_production),
    }
}

fn by_default(event: NotifiedEvent, entry: &AuditEntry, is_production: bool) -> bool {
    use NotifiedEvent as Event;
    match event {
        Event::DeployStarted | Event::BackupDone => false,
        Event::DeploySucceeded | Event::Rollback | Event::Restore | Event::Cleanup => {
            is_production || entry.status != Status::Success
        }
        Event::Preview => entry.status != Status::Success,
        Event::DeployFailed
        | Event::Lock
        | Event::Unlock
        | Event::BackupFailed
        | Event::BackupOverdue
        | Event::HealthDown
        | Event::HealthUp
        | Event::CertificateExpiring
        | Event::Summary
        | Event::ScheduleMissed => true,
    }
}

/// The environment, where it is one that this system knows.
fn environment(entry: &AuditEntry) -> Option<Environment> {
    Environment::ALL
        .into_iter()
        .find(|environment| environment.as_str() == entry.environment)
}
