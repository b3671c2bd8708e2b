//! What the host knows about its own backups: a file that only its owner may read.

use std::io;

use dokku_deploy::{backup::TestRule, retention::Rule};
use serde::{Deserialize, Serialize};

use crate::{backup::BucketSettings, server::place::Place};

/// The settings of the scheduled backups, as `server schedule` writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSettings {
    /// The bucket, where there is one.
    pub bucket: Option<BucketSettings>,
    /// Public keys; empty: not encrypted.
    pub encrypt_to: Vec<String>,
    /// Which backups stay.
    pub rule: Rule,
    /// Told of start, success and failure.
    pub heartbeat_url: Option<String>,
    /// Which restore tests the timer's run makes.
    pub restore_tests: Option<TestRule>,
    /// When the timer fires, `HH:MM` in UTC; `None`: there is no timer.
    pub at: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    bucket: Option<String>,
    encrypt_to: Vec<String>,
    rule: Rule,
    heartbeat_url: Option<String>,
    /// Older versions wrote none.
    #[serde(default = "usual")]
    restore_tests: Option<TestRule>,
    at: Option<String>,
}

/// The tests that are made where nothing is said of them.
#[expect(clippy::unnecessary_wraps, reason = "none can be given")]
fn usual() -> Option<TestRule> {
    Some(TestRule::USUAL)
}

impl Default for BackupSettings {
    fn default() -> Self {
        Self {
            bucket: None,
            encrypt_to: Vec::new(),
            rule: Rule {
                days: 14,
                ..Rule::default()
            },
            heartbeat_url: None,
            restore_tests: usual(),
            at: None,
        }
    }
}

impl BackupSettings {
    /// Reads them; without a file they are the usual ones.
    pub fn read(place: &Place) -> io::Result<Self> {
        let path = place.backup_settings();
        match fs_err::read_to_string(&path) {
            Ok(text) => Self::parse(&text)
                .map_err(|why| io::Error::other(format!("{}: {why}", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Reads what [`to_json`](Self::to_json) wrote. Errors quote nothing of it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let unknown = || "it is not in the form that this version knows".to_owned();
        let wire: Wire = serde_json::from_str(text).map_err(|_| unknown())?;
        let bucket = wire
            .bucket
            .map(|json| BucketSettings::from_json(&json))
            .transpose()
            .map_err(|bad| bad.to_string())?;
        Ok(Self {
            bucket,
            encrypt_to: wire.encrypt_to,
            rule: wire.rule,
            heartbeat_url: wire.heartbeat_url,
            restore_tests: wire.restore_tests,
            at: wire.at,
        })
    }

    /// As they are kept and travel; keys are in it.
    pub fn to_json(&self) -> dokku_deploy::secret::Secret {
        let wire = Wire {
            bucket: self
                .bucket
                .as_ref()
                .map(|bucket| bucket.to_json().expose().to_owned()),
            encrypt_to: self.encrypt_to.clone(),
            rule: self.rule.clone(),
            heartbeat_url: self.heartbeat_url.clone(),
            restore_tests: self.restore_tests,
            at: self.at.clone(),
        };
        dokku_deploy::secret::Secret::new(serde_json::to_string(&wire).unwrap_or_default())
    }

    /// Writes them in one piece, for their owner only.
    #[cfg(test)]
    pub fn write(&self, place: &Place) -> io::Result<()> {
        use std::{io::Write, os::unix::fs::PermissionsExt};
        let path = place.backup_settings();
        let directory = path.parent().unwrap_or(&path);
        fs_err::create_dir_all(directory)?;
        let mut file = tempfile::Builder::new()
            .permissions(std::fs::Permissions::from_mode(0o600))
            .tempfile_in(directory)?;
        file.write_all(self.to_json().expose().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_read_as_they_were_written_and_a_broken_file_is_an_error() {
        let top = tempfile::tempdir().unwrap();
        let place = Place::under(top.path());
        assert_eq!(
            BackupSettings::read(&place).unwrap(),
            BackupSettings::default()
        );
        let settings = BackupSettings {
            encrypt_to: vec!["age1x".into()],
            heartbeat_url: Some("https://hc.example/1".into()),
            at: Some("02:00".into()),
            restore_tests: None,
            ..BackupSettings::default()
        };
        settings.write(&place).unwrap();
        assert_eq!(BackupSettings::read(&place).unwrap(), settings);
        // As an older version wrote them.
        let text = fs_err::read_to_string(place.backup_settings()).unwrap();
        let older = text.replace("\"restore_tests\":null,", "");
        assert_ne!(older, text);
        let read = BackupSettings::parse(&older).unwrap();
        assert_eq!(read.restore_tests, Some(TestRule::USUAL));
        fs_err::write(place.backup_settings(), "{\"s3cr3t\":1}").unwrap();
        let error = BackupSettings::read(&place).unwrap_err().to_string();
        assert!(!error.contains("s3cr3t"), "{error}");
    }
}
