//! Backups: their names, and the record that lies beside each.

mod proof;
mod safety;
mod stored_name;

use std::fmt;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

pub use self::{
    proof::{FailedTest, TestRule, TestVerdict, tested_lately},
    safety::{Fresh, Kept, Need, SafetyCopy, WithoutBackup, YOUNG_ENOUGH, needs},
    stored_name::{BackupId, Place, StoredName},
};
use crate::{app::AppName, clock::stamp, dump::Engine, service::ServiceKind};

/// Why a backup was made: part of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Somebody asked for it.
    Manual,
    /// A restore was about to replace the data.
    PreRestore,
    /// A rollback was about to go back.
    PreRollback,
    /// The service was about to be destroyed.
    PreDestroy,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Manual,
        Self::PreRestore,
        Self::PreRollback,
        Self::PreDestroy,
    ];

    /// The word in manifests and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::PreRestore => "pre-restore",
            Self::PreRollback => "pre-rollback",
            Self::PreDestroy => "pre-destroy",
        }
    }

    /// Whether it is the way back from something that was done.
    pub fn is_safety_copy(self) -> bool {
        self != Self::Manual
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a backup's file: `APP-YYYYMMDD_HHMMSS.dump`, in UTC, `pre-restore_` and the like
/// before it, `.gz` and `.age` behind it where they apply.
///
/// An app's name holds no underscore and the time has a fixed length: what belongs to `my` is
/// never taken for a backup of `my-app`, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupName {
    /// Whose data it is.
    pub app: AppName,
    /// Why it was made.
    pub reason: Reason,
    /// When it was begun, in whole seconds.
    pub time: Timestamp,
    /// Whether it is compressed.
    pub is_gzip: bool,
    /// Whether it is encrypted: `.age` at the end.
    pub is_encrypted: bool,
}

/// The time as it stands in a name.
const TIME: &str = "%Y%m%d_%H%M%S";
const TIME_LENGTH: usize = 15;

fn read_time(text: &str) -> Option<Timestamp> {
    let time = DateTime::strptime(TIME, text).ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

fn write_time(time: Timestamp) -> String {
    time.strftime(TIME).to_string()
}

impl BackupName {
    /// Reads a file's name; `None` if it is not the name of a backup.
    pub fn parse(name: &str) -> Option<Self> {
        let (open, is_encrypted) = match name.strip_suffix(".age") {
            Some(rest) => (rest, true),
            None => (name, false),
        };
        let (stem, is_gzip) = match open.strip_suffix(".gz") {
            Some(rest) => (rest.strip_suffix(".dump")?, true),
            None => (open.strip_suffix(".dump")?, false),
        };
        let (before, time) = stem.split_at_checked(stem.len().checked_sub(TIME_LENGTH)?)?;
        let before = before.strip_suffix('-')?;
        let (reason, app) = match before.split_once('_') {
            Some((prefix, app)) => {
                let reason = Reason::ALL
                    .into_iter()
                    .find(|reason| reason.as_str() == prefix)?;
                (Some(reason).filter(|reason| reason.is_safety_copy())?, app)
            }
            None => (Reason::Manual, before),
        };
        let parsed = Self {
            app: AppName::new(app).ok()?,
            reason,
            time: read_time(time)?,
            is_gzip,
            is_encrypted,
        };
        (parsed.to_string() == name).then_some(parsed)
    }
}

impl fmt::Display for BackupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reason.is_safety_copy() {
            write!(f, "{}_", self.reason)?;
        }
        let packed = if self.is_gzip { ".gz" } else { "" };
        let end = if self.is_encrypted { ".age" } else { "" };
        write!(
            f,
            "{}-{}.dump{packed}{end}",
            self.app,
            write_time(self.time)
        )
    }
}

/// What is known about a backup: the file `NAME.json` beside it, written last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The app whose data it is.
    pub app: String,
    /// The kind of the service.
    pub kind: ServiceKind,
    /// The service's name on its host.
    pub service: String,
    /// The engine, as the dump itself tells it.
    pub engine: Engine,
    /// The version of the server, where the dump tells it.
    pub engine_version: Option<String>,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of the dump before compression.
    pub raw_size: u64,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// SHA-256 of the dump before compression.
    pub raw_sha256: String,
    /// When the dump began, UTC.
    pub started: Timestamp,
    /// When it was written and checked, UTC.
    pub finished: Timestamp,
    /// Why it was made.
    pub reason: Reason,
    /// The version of this program.
    pub tool: String,
    /// What was checked before it counted.
    pub checks: Vec<String>,
    /// Public keys of age whose owners can read the file; empty: it is not encrypted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub encrypted_to: Vec<String>,
    /// When it was last restored into a scratch service, and everything was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_tested: Option<Timestamp>,
    /// The last restore test, where that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_failed: Option<FailedTest>,
}

/// What was tested is not what the manifest is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its manifest is by now that of another dump than the one that was tested")]
pub struct OtherDump;

impl Manifest {
    /// Reads a manifest.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Notes what a restore test came to, in place of an earlier verdict. Only of the dump that this
    /// manifest is of.
    pub fn note_test(&mut self, raw_sha256: &str, verdict: &TestVerdict) -> Result<(), OtherDump> {
        if self.raw_sha256 != raw_sha256 {
            return Err(OtherDump);
        }
        (self.restore_tested, self.restore_failed) = match verdict {
            TestVerdict::Restores(at) => (Some(*at), None),
            TestVerdict::Fails(failed) => (None, Some(failed.clone())),
        };
        Ok(())
    }

    /// What is wrong with a file of this manifest that has so many bytes, as far as that is known
    /// without reading it.
    pub fn flaw(&self, size: u64) -> Option<String> {
        if self.size != size {
            return Some("damaged: its size has changed".to_owned());
        }
        let failed = self.restore_failed.as_ref()?;
        Some(format!(
            "it did not restore in a test {}: {}",
            stamp(failed.at),
            failed.why
        ))
    }

    /// The manifest as it is stored.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

/// A size as people read it.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut scaled = bytes.saturating_mul(10) / 1024;
    let mut unit = 0;
    while scaled >= 10_240 && unit + 1 < UNITS.len() {
        scaled /= 1024;
        unit += 1;
    }
    format!(
        "{}.{} {}",
        scaled / 10,
        scaled % 10,
        UNITS.get(unit).unwrap_or(&"")
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_those_that_people_know() {
        let name = BackupName::parse("shop-20261123_102030.dump").unwrap();
        assert_eq!(name.app.as_str(), "shop");
        assert_eq!(name.time.to_string(), "2026-11-23T10:20:30Z");
        assert_eq!((name.reason, name.is_gzip), (Reason::Manual, false));
        let name = BackupName::parse("pre-restore_my-app-20261123_102030.dump.gz").unwrap();
        assert_eq!(
            (name.app.as_str(), name.reason),
            ("my-app", Reason::PreRestore)
        );
        assert!(name.is_gzip);
    }

    #[test]
    fn other_files_are_not_backups() {
        for other in [
            "shop.dump",
            "shop-20261123_102030.dump.json",
            "shop-20261323_102030.dump",
            "shop-20261123_1020300.dump",
            "-20261123_102030.dump",
            "manual_shop-20261123_102030.dump",
            "pre-lunch_shop-20261123_102030.dump",
            "shop-20261123_102030.sql",
            ".shop-20261123_102030.dump",
            "é",
        ] {
            assert_eq!(BackupName::parse(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_name_is_read_back_as_its_own_apps(
            app in "[a-z][a-z0-9.-]{0,20}(-[0-9]{8})?",
            seconds in 0_i64..4_000_000_000,
            reason in prop::sample::select(Reason::ALL.to_vec()),
            is_gzip in any::<bool>(),
            is_encrypted in any::<bool>(),
        ) {
            let time = Timestamp::from_second(seconds).unwrap();
            let name = BackupName { app: AppName::new(&app).unwrap(), reason, time, is_gzip, is_encrypted };
            prop_assert_eq!(BackupName::parse(&name.to_string()), Some(name));
        }
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(size(17), "17 bytes");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(5 * 1024 * 1024), "5.0 MiB");
    }
}
