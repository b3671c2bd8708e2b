//! Runs over all apps: one at a time, with a stamp of the last good one; the one that the timer
//! starts also tells the heartbeat.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use dokku_deploy::{
    audit::Origin,
    backup::{Fresh, Place as Where, Reason},
    notification::summary,
    plugin_protocol::{BackupReport, BackupRequest, Fault, FaultKind, RecordRequest},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BackupSettings, failed, make_now};
use crate::{
    backup::{Beat, beat, entries},
    server::{audit::record_entry, place::Place, turn::Turn},
    ui::Ui,
};

/// What is remembered of the runs over all apps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// When the last run ended.
    pub finished: Option<Timestamp>,
    /// When the last one ended that had no failure.
    pub last_success: Option<Timestamp>,
    /// Backups that failed in the last run.
    pub failures: usize,
}

impl Stamp {
    fn path(place: &Place) -> PathBuf {
        place.data().join("backup-stamp.json")
    }

    /// Reads it; before the first run it is empty.
    pub fn read(place: &Place) -> io::Result<Self> {
        let path = Self::path(place);
        match fs_err::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| io::Error::other(format!("{}: {error}", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    fn write(&self, place: &Place) -> io::Result<()> {
        fs_err::create_dir_all(place.data())?;
        let mut file = tempfile::NamedTempFile::new_in(place.data())?;
        serde_json::to_writer(&mut file, self)?;
        file.flush()?;
        file.as_file().sync_all()?;
        file.persist(Self::path(place))?;
        Ok(())
    }
}

/// Backs up all apps, if no other run does.
pub fn all(place: &Place, request: &BackupRequest, ui: &Ui) -> Result<BackupReport, Fault> {
    let turn = Turn::take(&place.data().join("backup.lock")).map_err(|error| failed(&error))?;
    let Some(_turn) = turn else {
        return Err(Fault {
            kind: FaultKind::Busy,
            message: "another run of backups over all apps is under way; nothing was begun"
                .to_owned(),
        });
    };
    // A run for some kinds only is no proof that all is saved.
    let is_whole = request.kind.is_none() && request.service.is_none();
    make_now(place, request, ui, |report| {
        if is_whole {
            stamp(place, report.failures()).map_err(|error| failed(&error))?;
        }
        Ok(())
    })
}

/// Remembers how a run over all apps went.
fn stamp(place: &Place, failures: usize) -> io::Result<()> {
    let now = Timestamp::now();
    let mut stamp = Stamp::read(place).unwrap_or_default();
    stamp.finished = Some(now);
    stamp.failures = failures;
    if failures == 0 {
        stamp.last_success = Some(now);
    }
    stamp.write(place)
}

/// What the timer starts: as the host's own settings say.
pub fn scheduled(place: &Place, ui: &Ui) -> Result<BackupReport, Fault> {
    let settings = BackupSettings::read(place).map_err(|error| failed(&error))?;
    let url = settings.heartbeat_url.as_deref();
    let tell = |what| {
        if let Some(url) = url
            && let Err(why) = beat(url, what)
        {
            ui.warning(&why);
        }
    };
    tell(Beat::Start);
    let mut to = vec![Where::Server];
    if settings.bucket.is_some() {
        to.push(Where::S3);
    } else {
        ui.warning("No bucket is set: data and backups are on one disk, and lost together");
    }
    let request = BackupRequest {
        app: None,
        kind: None,
        service: None,
        also: Vec::new(),
        reason: Reason::Manual,
        to,
        encrypt_to: settings.encrypt_to.clone(),
        has_bucket: false,
        prune: Some(settings.rule.clone()),
        fresh: Fresh::Only,
        restore_tests: settings.restore_tests,
        is_watched: false,
    };
    let started = Timestamp::now();
    let result = all(place, &request, ui);
    let origin = || Origin {
        time: Timestamp::now(),
        nonce: rand::random(),
        actor: "schedule".to_owned(),
        host: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        ..Origin::default()
    };
    let mut told = match &result {
        Ok(report) => entries(report, started, origin),
        Err(_) => Vec::new(),
    };
    let whole = result.as_ref().map_err(ToString::to_string);
    let whole = whole.as_ref().map(|report| *report).map_err(String::as_str);
    told.push(summary(whole, started, Timestamp::now(), &origin()));
    for entry in told {
        let request = RecordRequest {
            entry,
            is_told: false,
        };
        if let Err(fault) = record_entry(place, request, Timestamp::now()) {
            ui.warning(&format!("this was not recorded: {fault}"));
        }
    }
    let is_good = result.as_ref().is_ok_and(BackupReport::is_good);
    tell(if is_good { Beat::Success } else { Beat::Fail });
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_it_was_written_and_a_broken_one_is_an_error() {
        let top = tempfile::tempdir().unwrap();
        let place = Place::under(top.path());
        assert_eq!(Stamp::read(&place).unwrap(), Stamp::default());
        let stamp = Stamp {
            finished: Some(Timestamp::from_second(10).unwrap()),
            last_success: None,
            failures: 2,
        };
        stamp.write(&place).unwrap();
        assert_eq!(Stamp::read(&place).unwrap(), stamp);
        fs_err::write(Stamp::path(&place), "{").unwrap();
        assert!(Stamp::read(&place).is_err());
    }
}
