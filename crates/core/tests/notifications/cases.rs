//! Entries of everything that is told.

use dokku_deploy::{
    app::AppName,
    audit::{Action, AuditEntry, Origin, Status, Workflow, key},
    notification::sample,
};

pub fn origin() -> Origin {
    Origin {
        time: "2026-11-23T12:00:00Z".parse().unwrap(),
        nonce: 1,
        actor: "ada".into(),
        host: "dokku.example.com".into(),
        repository: "acme/shop".into(),
        repository_url: "https://github.com/acme/shop".into(),
        workflow: Workflow {
            run_id: "77".into(),
            run_url: "https://github.com/acme/shop/actions/runs/77".into(),
        },
    }
}

pub fn entry(action: Action, status: Status) -> AuditEntry {
    let app = match action {
        Action::Preview | Action::PreviewCleanup => "shop-pr-12",
        _ => "shop",
    };
    AuditEntry::of_app(action, &AppName::new(app).unwrap(), status, &origin())
}

pub fn deploy(status: &Status) -> AuditEntry {
    let mut entry = entry(Action::Deploy, status.clone());
    entry.set_commit(
        "def56780123456789012345678901234567890ab",
        "Mend the login",
        &origin(),
    );
    entry.set(key::BRANCH, "main");
    if *status != Status::Started {
        entry.duration = "2m 34s".into();
        entry.url = "https://shop.example.com".into();
        entry.set(
            key::PREVIOUS_SHA,
            "abc12340123456789012345678901234567890ab",
        );
        entry.set(key::FILES_CHANGED, 7);
    }
    if *status != Status::Success && *status != Status::Started {
        entry = entry.note("GET /health answers 500");
    }
    entry
}

/// Everything that is told, by name.
pub fn all() -> Vec<(&'static str, AuditEntry)> {
    let preview = |action, status| {
        let mut entry = entry(action, status).with(key::PULL_REQUEST, 12).with(
            key::PULL_REQUEST_URL,
            "https://github.com/acme/shop/pull/12",
        );
        entry.url = "https://shop-pr-12.example.com".into();
        entry
    };
    let backup = |action, status| {
        entry(action, status)
            .with(key::SERVICE, "postgres-shop")
            .with(key::BACKUP, "shop-20261123_120000.dump.gz")
            .with(key::SIZE, 5_242_880)
    };
    let mut first = deploy(&Status::Success);
    first.metadata.remove(key::PREVIOUS_SHA);
    let mut health = entry(Action::Health, Status::Failure).note("no answer within 10 s");
    health.url = "https://shop.example.com".into();
    let rollback = |status| {
        let mut entry = entry(Action::Rollback, status)
            .with(key::RELEASE, 4)
            .with(key::PREVIOUS_RELEASE, 5);
        entry.set_commit("abc12340123456789012345678901234567890ab", "", &origin());
        entry
    };
    vec![
        ("deploy started", deploy(&Status::Started)),
        ("deploy succeeded", deploy(&Status::Success)),
        ("first deploy", first),
        ("deploy failed", deploy(&Status::Failure)),
        ("deploy unknown", deploy(&Status::Unknown)),
        ("deploy refused", deploy(&Status::Refused)),
        ("deploy cancelled", deploy(&Status::Cancelled)),
        ("preview ready", preview(Action::Preview, Status::Success)),
        ("preview failed", preview(Action::Preview, Status::Failure)),
        (
            "preview removed",
            preview(Action::PreviewCleanup, Status::Success),
        ),
        (
            "lock",
            entry(Action::Lock, Status::Success)
                .note("database migration")
                .with(key::UNTIL, "2026-11-23T14:00:00Z"),
        ),
        (
            "lock of all",
            AuditEntry::of_host(Action::Lock, Status::Success, &origin())
                .note("move of the host")
                .with(key::APPS, vec!["api", "shop"]),
        ),
        (
            "unlock",
            entry(Action::Unlock, Status::Success)
                .with(key::LOCKED_BY, "bob")
                .with(key::LOCK_REASON, "database migration"),
        ),
        (
            "break-glass",
            AuditEntry::of_host(Action::BreakGlass, Status::Success, &origin())
                .note("the plugin crashes"),
        ),
        ("backup done", backup(Action::Backup, Status::Success)),
        (
            "backup failed",
            entry(Action::Backup, Status::Failure)
                .note("the dump is not whole")
                .with(key::SERVICE, "postgres-shop"),
        ),
        (
            "backup overdue",
            entry(Action::BackupOverdue, Status::Failure)
                .note("the last good backup is 2 days old"),
        ),
        ("restore", backup(Action::Restore, Status::Success)),
        (
            "restore test failed",
            backup(Action::RestoreTest, Status::Failure),
        ),
        ("rollback", rollback(Status::Success)),
        (
            "rollback failed",
            rollback(Status::Failure).note("it does not start"),
        ),
        (
            "cleanup",
            entry(Action::Cleanup, Status::Success)
                .with(key::APPS, vec!["shop-dev"])
                .with(key::SERVICES, vec!["postgres-shop-dev"])
                .with(key::SOURCE, "branch deleted"),
        ),
        ("health down", health.clone()),
        (
            "health up",
            AuditEntry {
                status: Status::Success,
                note: "it was down for 4m 2s".into(),
                ..health
            },
        ),
        (
            "certificate expiring",
            entry(Action::Certificate, Status::Failure)
                .note("it ends on 2026-11-30")
                .with(key::DAYS_LEFT, 7),
        ),
        (
            "nightly summary",
            AuditEntry::of_host(Action::Maintenance, Status::Success, &origin())
                .note("12 backups, 12 verified, nothing to clean up"),
        ),
        ("scheduled run missing", schedule(Status::Failure)),
        ("scheduled run is back", schedule(Status::Success)),
        ("sample", sample(&origin())),
    ]
}

fn schedule(status: Status) -> AuditEntry {
    let note = if status == Status::Success {
        "the schedule runs again: orphans"
    } else {
        "the schedule's run did not come: orphans; the last one was at 2026-11-22T06:00:00Z, 28h 0m 0s ago"
    };
    AuditEntry::of_host(Action::ScheduleMissed, status, &origin())
        .note(note)
        .with(key::TASK, "orphans")
}
