//! What is said about backups.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    app::AppName,
    audit::{AuditEntry, key},
    backup::{Fresh, Manifest, Need, Place, Reason, TestRule, TestVerdict},
    retention::Rule,
    service::ServiceKind,
};

/// Asks for backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupRequest {
    /// One app; without it all but previews.
    pub app: Option<AppName>,
    /// Services of this kind; without it all.
    pub kind: Option<ServiceKind>,
    /// The service of this name; without it all.
    pub service: Option<String>,
    /// Further services of the app, which nothing is linked to any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Need>,
    /// Why.
    pub reason: Reason,
    /// Where to.
    pub to: Vec<Place>,
    /// Public keys; empty: not encrypted.
    pub encrypt_to: Vec<String>,
    /// Whether standard input holds the bucket and its keys.
    pub has_bucket: bool,
    /// Which backups are removed afterwards, of services whose new one is good; none otherwise.
    pub prune: Option<Rule>,
    /// Whether a good backup that is young enough is taken for the new one.
    pub fresh: Fresh,
    /// Which services' newest backups are restored for a test afterwards; none otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_tests: Option<TestRule>,
    /// Whether lines of the narration are to tell how far each has come, for a terminal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_watched: bool,
}

/// What became of one service, at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupResult {
    /// The app.
    pub app: String,
    /// The kind of the service.
    pub kind: ServiceKind,
    /// The service.
    pub service: String,
    /// The place.
    pub place: Place,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: BackupOutcome,
}

/// How a backup ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum BackupOutcome {
    /// It is there, and passed its checks.
    Made {
        /// Its id.
        id: String,
        /// Its record.
        manifest: Box<Manifest>,
    },
    /// A good one that is young enough was there already.
    Young {
        /// Its id.
        id: String,
        /// Its record.
        manifest: Box<Manifest>,
    },
    /// There is none.
    Failed {
        /// Why not.
        why: String,
    },
}

impl BackupOutcome {
    /// Whether there is no good backup.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }
}

/// What became of a request for backups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupReport {
    /// One entry for each service and place.
    pub results: Vec<BackupResult>,
    /// One entry for each service, where restore tests were asked for.
    #[serde(default)]
    pub tests: Vec<TestResult>,
    /// What was removed because the rule keeps it no longer.
    pub pruned: Vec<Pruned>,
    /// Trouble beside the backups themselves, such as a file that could not be removed.
    pub warnings: Vec<String>,
}

impl BackupReport {
    /// How many backups there are not.
    pub fn failures(&self) -> usize {
        let failed = self.results.iter().filter(|one| one.outcome.is_failure());
        failed.count()
    }

    /// Whether every backup is there, and no restore test has come to trouble.
    pub fn is_good(&self) -> bool {
        self.failures() == 0 && self.tests.iter().all(|one| one.outcome.trouble().is_none())
    }
}

/// What became of the restore test of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestResult {
    /// The app.
    pub app: String,
    /// The kind of the service.
    pub kind: ServiceKind,
    /// The service.
    pub service: String,
    /// The id of the backup, where one was looked at.
    pub id: Option<String>,
    /// When the test began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: TestOutcome,
}

/// How a restore test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum TestOutcome {
    /// Everything is there.
    Restores {
        /// Tables of the dump.
        tables: usize,
        /// Rows or keys of the dump.
        rows: u64,
    },
    /// The backup is damaged or does not restore, or not all of it is there afterwards.
    Fails {
        /// What is wrong.
        why: String,
    },
    /// It was tried and could not be finished; of the backup this says nothing.
    Unknown {
        /// What came in between.
        why: String,
    },
    /// It was not tried.
    Skipped {
        /// Why not.
        why: String,
    },
    /// It is not due.
    Recent {
        /// When this service was last tested.
        tested: Timestamp,
    },
}

impl TestOutcome {
    /// Why people should look at it: nothing where all is well, or as it is meant to be.
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::Fails { why } | Self::Unknown { why } => Some(why),
            Self::Restores { .. } | Self::Skipped { .. } | Self::Recent { .. } => None,
        }
    }
}

/// A backup that was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Its id.
    pub id: String,
    /// Whether it stays.
    pub is_kept: bool,
    /// Why it stays, or why it went.
    pub why: String,
}

/// Asks to remove the backups of an app, or those of all, that a rule does not keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PruneRequest {
    /// The app; without it all.
    pub app: Option<AppName>,
    /// The rule.
    pub rule: Rule,
    /// Only tell what would be removed.
    pub is_dry_run: bool,
}

/// Names what was removed in the entry of it, beside what it names already.
pub fn name_removed(entry: &mut AuditEntry, ids: &[String]) {
    let before = entry.number(key::REMOVED).unwrap_or(0);
    let mut note = entry.note.clone();
    for id in ids {
        if !note.is_empty() {
            note.push('\n');
        }
        note.push_str(id);
    }
    let count = before.saturating_add(u64::try_from(ids.len()).unwrap_or(u64::MAX));
    *entry = entry.clone().note(&note).with(key::REMOVED, count);
}

/// Asks for the backups of an app, or for those of all, to list or to verify them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupsRequest {
    /// The app; without it all.
    pub app: Option<AppName>,
    /// The id of one backup, for those who verify; without it all.
    pub id: Option<String>,
    /// Whether the bucket that the host itself knows is meant too.
    pub with_bucket: bool,
    /// Only tell when all was last backed up, and list nothing.
    #[serde(default)]
    pub is_brief: bool,
}

/// A backup that lies somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// When it was begun.
    pub time: Timestamp,
    /// Bytes of the file.
    pub size: u64,
    /// Its record; `None` where it has none, or one that cannot be read.
    pub manifest: Option<Manifest>,
    /// What is wrong with it, as far as that is known without reading it.
    pub flaw: Option<String>,
}

/// The backups of a place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The newest first.
    pub backups: Vec<Listed>,
    /// Why the bucket that the host knows could not be listed.
    pub unknown: Option<String>,
    /// When all services were last backed up by the schedule without a failure.
    pub last_success: Option<Timestamp>,
    /// How many backups failed in the last run over all apps.
    #[serde(default)]
    pub failures: usize,
    /// Whether the server's own timer is on.
    pub has_schedule: bool,
}

/// Asks to write into the manifest of a backup what a restore test of it came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestedRequest {
    /// Its id.
    pub id: String,
    /// SHA-256 of the dump that was tested: the manifest has to be of the same one.
    pub raw_sha256: String,
    /// Whether all of it was there; if not, an earlier verdict is taken out.
    pub is_good: bool,
    /// What was wrong, where something was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl TestedRequest {
    /// The verdict, as of `now`.
    pub fn verdict(&self, now: Timestamp) -> TestVerdict {
        if self.is_good {
            return TestVerdict::Restores(now);
        }
        TestVerdict::fails(now, self.why.as_deref().unwrap_or("no reason was given"))
    }
}

/// What a manifest tells of restore tests by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestNoted {
    /// The id of the backup.
    pub id: String,
    /// When it was last restored for a test.
    pub restore_tested: Option<Timestamp>,
}

/// How much the disk takes that the data of services lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Bytes that are free.
    pub free: u64,
}

/// A backup that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Its id.
    pub id: String,
    /// What is wrong with it; `None`: it is good.
    pub flaw: Option<String>,
    /// Whether what is inside could not be looked at, because it is encrypted.
    pub is_sealed: bool,
}
