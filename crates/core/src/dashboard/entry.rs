//! What an entry of the audit log says about the rows.

use jiff::Timestamp;

use super::{
    board::Board,
    deploys::PastDeploy,
    facts::{Backup, Deploy, Health, HealthStatus, Identity, LockShown, Release, RestoreTests},
    row::Row,
};
use crate::audit::{Action, AuditEntry, AuditLog, Status, key};

impl Board {
    /// Adds what happened. An entry whose time cannot be read is kept in the log alone.
    pub fn add_entry(&mut self, entry: &AuditEntry) {
        let log = AuditLog {
            entries: vec![entry.clone()],
            ..AuditLog::default()
        };
        self.audit = std::mem::take(&mut self.audit).merge(log);
        let Some(at) = entry.time() else {
            return;
        };
        for app in apps(entry) {
            if is_removal(entry) {
                self.apps.remove(&app, at);
                continue;
            }
            let row = row(entry, at);
            if !row.is_empty() {
                self.apps.add(&app, row);
            }
            if is_deploy(entry) {
                self.deploys.add(&app, past(entry));
            }
        }
    }
}

/// The apps that an entry is about: one, or those that it lists.
fn apps(entry: &AuditEntry) -> Vec<String> {
    if !entry.app_name.is_empty() {
        return vec![entry.app_name.clone()];
    }
    let listed = entry.metadata.get(key::APPS);
    let names = listed.and_then(serde_json::Value::as_array);
    let names = names.into_iter().flatten();
    names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .filter(|name| !name.is_empty())
        .collect()
}

/// Whether the app is gone; a service that was destroyed is none.
fn is_removal(entry: &AuditEntry) -> bool {
    let is_of_apps = matches!(
        entry.action,
        Action::Destroy | Action::PreviewCleanup | Action::Cleanup
    );
    is_of_apps
        && entry.status == Status::Success
        && entry.metadata.get(key::SERVICE).is_none()
        && entry.metadata.get(key::DRY_RUN) != Some(&true.into())
}

/// Whether a version was brought to serve, or should have been.
fn is_deploy(entry: &AuditEntry) -> bool {
    let is_one = entry.action.is_deploy() || matches!(entry.action, Action::Rollback);
    let is_over = !matches!(
        entry.status,
        Status::Refused | Status::Skipped | Status::Started
    );
    is_one && is_over
}

fn row(entry: &AuditEntry, at: Timestamp) -> Row {
    let is_success = entry.status == Status::Success;
    let row = Row::default();
    match entry.action {
        _ if is_deploy(entry) => deployed(row, entry, at),
        Action::Lock if is_success => {
            let lock = LockShown {
                reason: Some(entry.note.clone()),
                by: entry.actor.clone(),
                at: entry.timestamp.clone(),
                until: Some(entry.text(key::UNTIL)).filter(|until| !until.is_empty()),
            };
            row.with_lock(Some(&lock), at)
        }
        Action::Unlock if is_success => row.with_lock(None, at),
        Action::Backup if matches!(entry.status, Status::Success | Status::Failure) => {
            let backup = Backup {
                at,
                ok: is_success,
                service: entry.text(key::SERVICE_KIND),
                size: entry.number(key::SIZE),
            };
            row.with_backup(Some(&backup), at)
        }
        Action::RestoreTest => restore_tested(row, entry, at),
        _ => row,
    }
}

/// A test that could not be made says nothing, and neither does a good one beside one that failed.
fn restore_tested(row: Row, entry: &AuditEntry, at: Timestamp) -> Row {
    let verdict = entry.metadata.get(key::RESTORES);
    let is_good = match verdict.and_then(serde_json::Value::as_bool) {
        Some(is_good) => is_good,
        None if entry.status == Status::Success => true,
        None => return row,
    };
    if is_good && entry.metadata.contains_key(key::UNPROVEN) {
        return row;
    }
    let tests = RestoreTests {
        tested: is_good.then_some(at),
        failed: (!is_good).then_some(at),
    };
    row.with_restore_test(&tests, at)
}

fn deployed(row: Row, entry: &AuditEntry, at: Timestamp) -> Row {
    let is_success = entry.status == Status::Success;
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let previous = text(&entry.text(key::PREVIOUS_SHA));
    let attempted = text(&entry.commit.sha_full).or_else(|| text(&entry.commit.sha));
    // What serves is named, not what should have served.
    let (commit, release) = if is_success {
        (attempted.clone(), entry.number(key::RELEASE))
    } else {
        (previous, entry.number(key::PREVIOUS_RELEASE))
    };
    let deploy = Deploy {
        status: entry.status.to_string(),
        at,
        by: entry.actor.clone(),
        commit: commit.unwrap_or_default(),
        attempted: attempted.filter(|_| !is_success),
        message: entry.commit.message.clone(),
        release: release.map(Release),
        duration: entry.number(key::DURATION_SECONDS),
        workflow_url: text(&entry.workflow.run_url),
    };
    let mut row = row.with_deploy(&deploy);
    if entry.url.is_empty() {
        return row;
    }
    let identity = Identity {
        environment: text(&entry.environment),
        url: text(&entry.url),
        repository: text(&entry.repository),
        host: text(&entry.text(key::HOST)),
        ..Identity::default()
    };
    row = row.with_identity(&identity, at);
    if is_success {
        if let Some(path) = text(&entry.text(key::HEALTH_PATH)) {
            let told = Some(path.as_str()).filter(|path| *path != "/");
            row = row.with_health_path(told, at);
        }
        // A deploy succeeds by passing its health check.
        let health = Health {
            status: HealthStatus::Healthy,
            uptime_seconds: 0,
            response_time_ms: None,
            at,
            since: at,
            reason: None,
        };
        row = row.with_health(&health);
    }
    row
}

fn past(entry: &AuditEntry) -> PastDeploy {
    PastDeploy {
        at: entry.timestamp.clone(),
        status: entry.status.to_string(),
        by: entry.actor.clone(),
        commit: entry.commit.sha_full.clone(),
        message: entry.commit.message.clone(),
        release: entry.number(key::RELEASE),
        duration: entry.number(key::DURATION_SECONDS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{app::AppName, audit::Origin};

    fn origin() -> Origin {
        Origin {
            time: "2026-11-25T10:00:00Z".parse().unwrap(),
            actor: "ada".into(),
            host: "dokku.example.com".into(),
            repository: "acme/shop".into(),
            ..Origin::default()
        }
    }

    fn entry(action: Action, status: Status) -> AuditEntry {
        AuditEntry::of_app(action, &AppName::new("shop").unwrap(), status, &origin())
    }

    fn deploy(status: Status) -> AuditEntry {
        let mut entry = entry(Action::Deploy, status);
        entry.url = "https://shop.example.com".into();
        entry.set_commit(&"b".repeat(40), "Fix it", &origin());
        entry.set(key::PREVIOUS_SHA, "a".repeat(40));
        entry.set(key::RELEASE, 7);
        entry.set(key::PREVIOUS_RELEASE, 6);
        entry.set(key::DURATION_SECONDS, 61);
        entry
    }

    fn row(entries: &[AuditEntry]) -> serde_json::Value {
        let mut board = Board::default();
        for entry in entries {
            board.add_entry(entry);
        }
        board.apps.value()["apps"][0].clone()
    }

    #[test]
    fn a_deploy_is_a_row_a_past_deploy_and_an_entry() {
        let mut board = Board::default();
        board.add_entry(&deploy(Status::Success));
        let row = &board.apps.value()["apps"][0];
        assert_eq!(row["status"], "success");
        assert_eq!(row["release"], 7);
        assert_eq!(row["commit_sha"], "b".repeat(40));
        assert_eq!(row["uptime"]["status"], "healthy");
        assert_eq!(row["repository"], "acme/shop");
        assert_eq!(board.deploys.of("shop")[0].duration, Some(61));
        assert_eq!(board.audit.entries.len(), 1);
    }

    #[test]
    fn a_deploy_says_where_health_is_asked_for_and_a_look_at_the_host_leaves_that() {
        let at = |path: &str, time: &str| {
            let mut entry = deploy(Status::Success).with(key::HEALTH_PATH, path);
            entry.timestamp = time.into();
            entry
        };
        let first = at("/up", "2026-11-25T10:00:00Z");
        let mut board = Board::default();
        board.add_entry(&first);
        let identity = Identity::default();
        let later = "2026-11-25T12:00:00Z".parse().unwrap();
        let row = Row::default().with_identity(&identity, later);
        board.apps.add("shop", row);
        let row = board.apps.row("shop").unwrap();
        assert_eq!(row.text("health_path"), Some("/up"));
        // `/` is what is asked anyhow, where a redirect is healthy too.
        board.add_entry(&at("/", "2026-11-25T13:00:00Z"));
        let row = board.apps.row("shop").unwrap();
        assert_eq!(row.text("health_path"), None);
        // Deploys of older versions say nothing of it.
        board.add_entry(&at("/live", "2026-11-25T14:00:00Z"));
        let mut silent = deploy(Status::Success);
        silent.timestamp = "2026-11-25T15:00:00Z".into();
        board.add_entry(&silent);
        let row = board.apps.row("shop").unwrap();
        assert_eq!(row.text("health_path"), Some("/live"));
    }

    #[test]
    fn a_failed_deploy_names_what_serves_and_says_nothing_about_health() {
        let row = row(&[deploy(Status::Failure)]);
        assert_eq!(row["status"], "failure");
        assert_eq!(row["commit_sha"], "a".repeat(40));
        assert_eq!(row["attempted_sha"], "b".repeat(40));
        assert_eq!(row["release"], 6);
        assert!(row["uptime"].is_null());
    }

    #[test]
    fn what_was_refused_changed_nothing() {
        let mut board = Board::default();
        board.add_entry(&deploy(Status::Refused));
        assert_eq!(board.apps.rows().count(), 0);
        assert_eq!(board.audit.entries.len(), 1);
    }

    #[test]
    fn locks_come_and_go_for_one_app_and_for_several() {
        let lock = entry(Action::Lock, Status::Success).note("migration");
        assert_eq!(
            row(std::slice::from_ref(&lock))["lock"]["reason"],
            "migration"
        );
        let mut unlock = entry(Action::Unlock, Status::Success);
        unlock.timestamp = "2026-11-25T11:00:00Z".into();
        assert!(row(&[unlock, lock.clone()])["lock"].is_null());
        let within_a_second = |action, finished: &str| {
            let mut entry = entry(action, Status::Success);
            let at = finished.parse().unwrap();
            entry.finish(Status::Success, at, at);
            entry
        };
        let lock = within_a_second(Action::Lock, "2026-11-25T11:00:00.2Z");
        let unlock = within_a_second(Action::Unlock, "2026-11-25T11:00:00.7Z");
        assert_eq!(lock.timestamp, unlock.timestamp);
        for both in [[lock.clone(), unlock.clone()], [unlock, lock]] {
            assert!(row(&both)["lock"].is_null());
        }
        let mut all = AuditEntry::of_host(Action::Lock, Status::Success, &origin());
        all.set(key::APPS, vec!["docs", "shop"]);
        let mut board = Board::default();
        board.add_entry(&all);
        assert_eq!(board.apps.rows().count(), 2);
    }

    #[test]
    fn a_restore_test_is_a_fact_by_its_verdict_alone() {
        let tested = |status, restores: Option<bool>, second: u32| {
            let mut entry = entry(Action::RestoreTest, status);
            entry.timestamp = format!("2026-11-25T10:00:{second:02}Z");
            if let Some(restores) = restores {
                entry.set(key::RESTORES, restores);
            }
            entry
        };
        let failed = tested(Status::Failure, Some(false), 1);
        let row_of_failed = row(std::slice::from_ref(&failed));
        assert!(row_of_failed["restore_tested"].is_null());
        assert_eq!(row_of_failed["restore_failed"], "2026-11-25T10:00:01Z");
        // A host that did not answer, and another service of the app.
        let unknown = tested(Status::Failure, None, 2);
        let beside = tested(Status::Success, Some(true), 3).with(key::UNPROVEN, vec!["db"]);
        assert_eq!(row(&[failed.clone(), unknown, beside]), row_of_failed);
        let good = tested(Status::Success, Some(true), 4);
        let row = row(&[failed, good]);
        assert_eq!(row["restore_tested"], "2026-11-25T10:00:04Z");
        assert!(row.get("restore_failed").is_none());
    }

    #[test]
    fn a_backup_and_its_test_are_facts_and_a_destroyed_app_is_gone() {
        let backup = entry(Action::Backup, Status::Failure);
        let tested = entry(Action::RestoreTest, Status::Success);
        let row = row(&[backup.clone(), tested]);
        assert_eq!(row["last_backup"]["ok"], false);
        assert_eq!(row["restore_tested"], "2026-11-25T10:00:00Z");
        let mut gone = entry(Action::Destroy, Status::Success);
        gone.timestamp = "2026-11-25T11:00:00Z".into();
        let mut board = Board::default();
        for entry in [&gone, &backup] {
            board.add_entry(entry);
        }
        assert_eq!(board.apps.rows().count(), 0);
        let service = gone.with(key::SERVICE, "shop-db");
        let mut board = Board::default();
        for entry in [&service, &backup] {
            board.add_entry(entry);
        }
        assert_eq!(board.apps.rows().count(), 1);
    }
}
