//! The facts that this system writes about an app.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::row::{Kind, Row};
use crate::clock::stamp;

/// The last deploy of an app, failed or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deploy {
    /// `success`, `failure` or `cancelled`.
    pub status: String,
    /// When it ended.
    #[serde(rename = "last_deploy", serialize_with = "whole_seconds")]
    pub at: Timestamp,
    /// Who deployed. Hostile text.
    #[serde(rename = "last_deploy_by")]
    pub by: String,
    /// The commit that serves after it, 40 hexadecimal digits; empty where that is not known.
    #[serde(rename = "commit_sha")]
    pub commit: String,
    /// The commit that should have served, where it does not.
    #[serde(rename = "attempted_sha", skip_serializing_if = "Option::is_none")]
    pub attempted: Option<String>,
    /// First line of the message of the commit that was deployed. Hostile text.
    #[serde(rename = "commit_message")]
    pub message: String,
    /// The release that it made; `None` when it made none.
    pub release: Option<Release>,
    /// Seconds that it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// The CI run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow_url: Option<String>,
}

/// A release by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Release(pub u64);

/// What an app is and where it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Identity {
    /// production, staging, development or preview; `None` when nothing says which.
    pub environment: Option<String>,
    /// Its address; `None` when it has none.
    pub url: Option<String>,
    /// The app that a preview belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_app: Option<String>,
    /// `owner/name` or the address of its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The Dokku host, as people name it. An app that is no longer on its host is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// What the host says of an app's processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Processes {
    /// They run.
    Running,
    /// They do not.
    Stopped,
    /// The host could not be asked, or its answer says neither.
    Unknown,
}

/// The verdict of a health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// It answered as it should.
    Healthy,
    /// It did not.
    Unhealthy,
    /// It could not be asked.
    Unknown,
}

/// One health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The verdict.
    pub status: HealthStatus,
    /// Since when it is healthy without a break, in seconds; 0 when it is not.
    pub uptime_seconds: u64,
    /// How long the answer took; `None` without one.
    pub response_time_ms: Option<u64>,
    /// When it was asked.
    #[serde(rename = "last_check", serialize_with = "whole_seconds")]
    pub at: Timestamp,
    /// Since when the status is what it is.
    #[serde(serialize_with = "whole_seconds")]
    pub since: Timestamp,
    /// What was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The certificate that an app showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Days until it ends, below 0 when it has; as of when it was seen.
    #[serde(rename = "certificate_days")]
    pub days: i64,
    /// When it ends.
    #[serde(rename = "certificate_expires", serialize_with = "whole_seconds")]
    pub expires: Timestamp,
}

/// A lock, as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockShown {
    /// Why. Hostile text; left out of public files.
    pub reason: Option<String>,
    /// Who.
    pub by: String,
    /// Since when, as the lock says.
    pub at: String,
    /// When it ends by itself.
    pub until: Option<String>,
}

/// The newest good backup of an app's databases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// When it was taken.
    #[serde(serialize_with = "whole_seconds")]
    pub at: Timestamp,
    /// Whether it passed its checks.
    pub ok: bool,
    /// The service.
    pub service: String,
    /// Bytes.
    pub size: Option<u64>,
}

/// What restore tests of an app's backups have come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RestoreTests {
    /// Since when a backup of every service of it is known to restore; `None`: of one none is.
    #[serde(rename = "restore_tested", serialize_with = "whole_seconds_if")]
    pub tested: Option<Timestamp>,
    /// When the last test failed, where that is the last word on a service.
    #[serde(
        rename = "restore_failed",
        serialize_with = "whole_seconds_if",
        skip_serializing_if = "Option::is_none"
    )]
    pub failed: Option<Timestamp>,
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn whole_seconds_if<S: serde::Serializer>(
    time: &Option<Timestamp>,
    s: S,
) -> Result<S::Ok, S::Error> {
    time.map(stamp).serialize(s)
}

fn whole_seconds<S: serde::Serializer>(time: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&stamp(*time))
}

/// The keys and values of a fact.
fn values(of: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(of) {
        Ok(Value::Object(object)) => object,
        // The types above are structs of texts and numbers: they are objects.
        _ => Map::new(),
    }
}

fn one(key: &str, value: &impl Serialize) -> Map<String, Value> {
    let value = serde_json::to_value(value).unwrap_or(Value::Null);
    Map::from_iter([(key.to_owned(), value)])
}

impl Row {
    /// Adds a deploy.
    #[must_use]
    pub fn with_deploy(self, deploy: &Deploy) -> Self {
        self.with(Kind::Deploy, deploy.at, values(deploy))
    }

    /// Adds what the app is, as of `at`.
    #[must_use]
    pub fn with_identity(self, identity: &Identity, at: Timestamp) -> Self {
        self.with(Kind::Identity, at, values(identity))
    }

    /// Adds where it is asked for its health, or that no path is known to tell, as of `at`.
    #[must_use]
    pub fn with_health_path(self, path: Option<&str>, at: Timestamp) -> Self {
        self.with(Kind::HealthPath, at, one("health_path", &path))
    }

    /// Adds what the host says of its processes, as of `at`.
    #[must_use]
    pub fn with_processes(self, processes: Processes, at: Timestamp) -> Self {
        self.with(Kind::Process, at, one("processes", &processes))
    }

    /// Adds a health check.
    #[must_use]
    pub fn with_health(self, health: &Health) -> Self {
        self.with(Kind::Health, health.at, one("uptime", health))
    }

    /// Adds the certificate that was seen at `at`.
    #[must_use]
    pub fn with_certificate(self, certificate: &Certificate, at: Timestamp) -> Self {
        self.with(Kind::Certificate, at, values(certificate))
    }

    /// Adds its lock, or that it has none, as of `at`.
    #[must_use]
    pub fn with_lock(self, lock: Option<&LockShown>, at: Timestamp) -> Self {
        self.with(Kind::Lock, at, one("lock", &lock))
    }

    /// Adds what restore tests of its backups have come to, as of `at`.
    #[must_use]
    pub fn with_restore_test(self, tests: &RestoreTests, at: Timestamp) -> Self {
        self.with(Kind::RestoreTest, at, values(tests))
    }

    /// Adds its newest backup as of `at`.
    #[must_use]
    pub fn with_backup(self, backup: Option<&Backup>, at: Timestamp) -> Self {
        self.with(Kind::Backup, at, one("last_backup", &backup))
    }
}
