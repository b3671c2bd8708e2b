//! All data files of the dashboard together.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Unreadable, apps::Apps, deploys::Deploys, metrics::Metrics, public::hide_private,
    schedules::Schedules,
};
use crate::audit::{AuditLog, log_file, report};

/// The names of the files that are merged.
pub const FILES: [&str; 5] = [
    "apps.json",
    "metrics.json",
    "deploys.json",
    SCHEDULES,
    AUDIT_LOG,
];

const SCHEDULES: &str = "schedules.json";
const AUDIT_LOG: &str = "audit-log.json";
const AUDIT_REPORT: &str = "audit-report.md";

/// The files that strangers do not get to see.
pub const PRIVATE_FILES: [&str; 2] = [AUDIT_LOG, AUDIT_REPORT];

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Board {
    /// A row for each app.
    pub apps: Apps,
    /// Checks and response times.
    pub metrics: Metrics,
    /// The last deploys of each app.
    pub deploys: Deploys,
    /// The last runs of schedules.
    pub schedules: Schedules,
    /// What happened.
    pub audit: AuditLog,
}

impl Board {
    /// Reads the files; one that is not there is empty.
    pub fn read(files: &BTreeMap<String, String>) -> Result<Self, Unreadable> {
        let [apps, metrics, deploys, schedules, audit] =
            FILES.map(|name| files.get(name).map(String::as_str));
        Ok(Self {
            apps: apps.map(Apps::read).transpose()?.unwrap_or_default(),
            metrics: metrics.map(Metrics::read).transpose()?.unwrap_or_default(),
            deploys: deploys.map(Deploys::read).transpose()?.unwrap_or_default(),
            schedules: schedules
                .map(Schedules::read)
                .transpose()?
                .unwrap_or_default(),
            audit: audit.map(read_log).transpose()?.unwrap_or_default(),
        })
    }

    /// Both, of each fact the newer one.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            apps: self.apps.merge(other.apps),
            metrics: self.metrics.merge(other.metrics),
            deploys: self.deploys.merge(other.deploys),
            schedules: self.schedules.merge(other.schedules),
            audit: self.audit.merge(other.audit),
        }
    }

    /// What a writer does at `now` beside merging: facts from the future are made facts of now, and
    /// what belongs to apps that are gone goes.
    pub fn tidy(&mut self, now: Timestamp) {
        self.apps.tidy(now);
        self.metrics.tidy(now);
        self.schedules.tidy(now);
        let is_known = |app: &str| self.apps.row(app).is_some();
        self.metrics.keep(is_known);
        self.deploys.keep(is_known);
    }

    /// The texts of the files, as of `now`. `is_public` leaves out what strangers may not read.
    pub fn files(&self, is_public: bool, now: Timestamp) -> BTreeMap<String, String> {
        let shown = |mut file: Value| {
            if is_public {
                hide_private(&mut file);
            }
            file
        };
        let texts = [
            lines(&shown(self.apps.value())),
            shown(self.metrics.value()).to_string(),
            shown(self.deploys.value()).to_string(),
        ];
        let mut files: BTreeMap<String, String> = FILES
            .into_iter()
            .zip(texts)
            .map(|(name, text)| (name.to_owned(), format!("{text}\n")))
            .collect();
        if !self.schedules.is_empty() {
            let text = format!("{}\n", shown(self.schedules.value()));
            files.insert(SCHEDULES.to_owned(), text);
        }
        if !is_public && !self.audit.entries.is_empty() {
            files.insert(AUDIT_LOG.to_owned(), log_file(&self.audit));
            files.insert(AUDIT_REPORT.to_owned(), report(&self.audit, now));
        }
        files
    }
}

fn read_log(text: &str) -> Result<AuditLog, Unreadable> {
    serde_json::from_str(text).map_err(|error| Unreadable::new(AUDIT_LOG, error.to_string()))
}

/// A line for each app, so that a change of one is a change of one line in git.
fn lines(apps: &Value) -> String {
    let Some(object) = apps.as_object() else {
        return apps.to_string();
    };
    let part = |(key, value): (&String, &Value)| {
        let value = match value {
            Value::Array(rows) if key == "apps" && !rows.is_empty() => {
                let rows: Vec<_> = rows.iter().map(Value::to_string).collect();
                format!("[\n{}\n]", rows.join(",\n"))
            }
            other => other.to_string(),
        };
        format!("{}:{value}", Value::String(key.clone()))
    };
    let parts: Vec<_> = object.iter().map(part).collect();
    format!("{{{}}}", parts.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::{Deploy, LockShown, Measured, PastDeploy, Row};

    fn board() -> Board {
        let at: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        let mut board = Board::default();
        let deploy = Deploy {
            status: "success".into(),
            at,
            by: "ada@example.com".into(),
            commit: "a".repeat(40),
            attempted: None,
            message: "thanks eve@example.com".into(),
            release: None,
            duration: None,
            workflow_url: None,
        };
        let lock = LockShown {
            reason: Some("fire the vendor".into()),
            by: "bob@example.com".into(),
            at: "2026-11-25T10:00:00Z".into(),
            until: None,
        };
        let row = Row::default()
            .with_deploy(&deploy)
            .with_lock(Some(&lock), at);
        board.apps.add("shop", row);
        board.deploys.add(
            "shop",
            PastDeploy {
                at: "2026-11-25T10:00:00Z".into(),
                status: "success".into(),
                by: "ada@example.com".into(),
                commit: "a".repeat(40),
                message: "thanks eve@example.com".into(),
                release: None,
                duration: None,
            },
        );
        let measured = Measured {
            url: "https://shop.example.com".into(),
            status: Some(200),
            is_healthy: true,
            took: Some(5),
            certificate_days: None,
        };
        board.metrics.add("shop", at, &measured);
        board.metrics.add("gone", at, &measured);
        board
    }

    #[test]
    fn what_is_written_is_read_and_each_app_has_a_line() {
        let board = board();
        let files = board.files(false, Timestamp::UNIX_EPOCH);
        assert_eq!(
            Board::read(&files)
                .unwrap()
                .files(false, Timestamp::UNIX_EPOCH),
            files
        );
        assert!(files["apps.json"].contains("\n{\"name\":\"shop\""));
        assert_eq!(Board::read(&BTreeMap::new()).unwrap(), Board::default());
    }

    #[test]
    fn public_files_hold_no_reason_and_no_address() {
        for (name, text) in board().files(true, Timestamp::UNIX_EPOCH) {
            assert!(!text.contains("@example"), "{name}: {text}");
            assert!(!text.contains("vendor"), "{name}: {text}");
        }
    }

    /// A file of another writer: an address in every text, and keys of its own in every object.
    fn spoilt(value: &mut Value) {
        match value {
            Value::String(text) if text.parse::<Timestamp>().is_err() => {
                *text = format!("{text} eve@example.com");
            }
            Value::Array(items) => items.iter_mut().for_each(spoilt),
            Value::Object(object) => {
                object.values_mut().for_each(spoilt);
                object.insert("deploy_lock_reason".into(), "vendor".into());
                let nested = serde_json::json!({"reason": "vendor", "more": ["vendor"]});
                object.insert("lock".into(), nested);
                object.insert("zoe@example.com".into(), "bob@example.com".into());
            }
            _ => {}
        }
    }

    /// The rows of a file, wherever they stand; what is around them stays as it is read.
    fn spoilt_rows(value: &mut Value) {
        match value {
            Value::Array(rows) => rows.iter_mut().for_each(spoilt),
            Value::Object(object) => object.values_mut().for_each(spoilt_rows),
            _ => {}
        }
    }

    #[test]
    fn what_other_writers_put_into_any_field_of_any_file_is_hidden_too() {
        let files: BTreeMap<String, String> = board()
            .files(false, Timestamp::UNIX_EPOCH)
            .into_iter()
            .filter(|(name, _)| ![AUDIT_LOG, AUDIT_REPORT].contains(&name.as_str()))
            .map(|(name, text)| {
                let mut value: Value = serde_json::from_str(&text).unwrap();
                spoilt_rows(&mut value);
                (name, value.to_string())
            })
            .collect();
        let spoilt = Board::read(&files).unwrap();
        let private: String = spoilt
            .files(false, Timestamp::UNIX_EPOCH)
            .into_values()
            .collect();
        assert!(private.contains("eve@example.com") && private.contains("vendor"));
        for (name, text) in spoilt.files(true, Timestamp::UNIX_EPOCH) {
            assert!(!text.contains("@example"), "{name}: {text}");
            assert!(!text.contains("vendor"), "{name}: {text}");
        }
    }

    #[test]
    fn what_a_public_writer_adds_to_survives_as_it_is_public_already() {
        let public = Board::read(&board().files(true, Timestamp::UNIX_EPOCH)).unwrap();
        let text = public.files(true, Timestamp::UNIX_EPOCH);
        assert_eq!(
            Board::read(&text)
                .unwrap()
                .files(true, Timestamp::UNIX_EPOCH),
            text
        );
    }

    #[test]
    fn measurements_of_apps_that_are_gone_go() {
        let mut board = board();
        board.tidy("2026-11-25T11:00:00Z".parse().unwrap());
        assert!(board.metrics.checks("shop").is_some());
        assert!(board.metrics.checks("gone").is_none());
    }
}
