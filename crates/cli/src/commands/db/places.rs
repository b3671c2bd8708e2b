//! The backups of an app wherever they are: here, on the server, in the bucket. What cannot be asked
//! is unknown, never empty.

use std::path::Path;

use dokku_deploy::{
    app::AppName,
    backup::{BackupId, BackupName, Manifest, Reason},
    clock::stamp,
    dokku::deploy_system,
    plugin_protocol::{BackupsRequest, Listed, Listing},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{backup::size, local::is_of, service::Linked};
use crate::{
    backup::{self, Bucket, BucketSettings},
    commands::{
        backup::{Server, ask},
        with_host,
    },
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    ui::visible,
};

/// A backup somewhere.
pub struct Row {
    /// `local`, `server` or `s3`.
    pub place: &'static str,
    /// What a person types to name it.
    pub id: String,
    /// When it was begun.
    pub time: Timestamp,
    /// Bytes of the file.
    pub size: u64,
    /// Why it was made.
    pub reason: Reason,
    /// Its record.
    pub manifest: Option<Manifest>,
    /// What is wrong with it, as far as that is known without reading it.
    pub flaw: Option<String>,
}

/// A place that could not be looked at.
pub struct Unknown {
    /// Which one.
    pub place: &'static str,
    /// Why not.
    pub why: String,
    /// Whether that is an error: a host without the plugin is none.
    pub is_error: bool,
}

/// All that is known.
#[derive(Default)]
pub struct Seen {
    /// The backups, those of a place together, the newest first.
    pub rows: Vec<Row>,
    /// What could not be looked at.
    pub unknown: Vec<Unknown>,
}

impl Seen {
    /// Looks everywhere, or only in the current directory.
    pub fn of(app: &AppName, is_local: bool, invocation: &Invocation) -> Result<Self, Failure> {
        let mut seen = Self::default();
        for found in backup::find(Path::new("."), app)? {
            let (manifest, flaw) = match found.manifest {
                Ok(Some(manifest)) => {
                    let flaw = manifest.flaw(found.size);
                    (Some(manifest), flaw)
                }
                Ok(None) => (None, Some("no manifest".to_owned())),
                Err(_) => (None, Some("damaged manifest".to_owned())),
            };
            seen.rows.push(Row {
                place: "local",
                id: found
                    .path
                    .strip_prefix(".")
                    .unwrap_or(&found.path)
                    .display()
                    .to_string(),
                time: found.name.time,
                size: found.size,
                reason: found.name.reason,
                manifest,
                flaw,
            });
        }
        if !is_local {
            seen.look_elsewhere(app, invocation)?;
        }
        Ok(seen)
    }

    /// Looks everywhere but here.
    pub fn elsewhere(app: &AppName, invocation: &Invocation) -> Result<Self, Failure> {
        let mut seen = Self::default();
        seen.look_elsewhere(app, invocation)?;
        Ok(seen)
    }

    fn look_elsewhere(&mut self, app: &AppName, invocation: &Invocation) -> Result<(), Failure> {
        let bucket = BucketSettings::from_environment()?;
        match listing(app, bucket.is_none(), invocation) {
            Ok(Server::Answered(listing)) => {
                self.take(listing.backups);
                if let Some(why) = listing.unknown {
                    self.miss("s3", why, true);
                }
            }
            Ok(Server::NoPlugin(_)) => {
                self.miss("server", "the plugin is not on the host".to_owned(), false);
            }
            Err(failure) => self.miss("server", failure.message, true),
        }
        if let Some(settings) = bucket {
            match Bucket::open(&settings).and_then(|bucket| bucket.list(Some(app))) {
                Ok(listed) => self.take(listed),
                Err(error) => self.miss("s3", error.to_string(), true),
            }
        }
        Ok(())
    }

    /// The newest good one of a service that is newer than `than`, no copy of what was about to be
    /// replaced, and not from the future.
    pub fn newest(&self, of: &Linked, than: Option<Timestamp>, now: Timestamp) -> Option<&Row> {
        let of_it = |row: &&Row| {
            row.manifest
                .as_ref()
                .is_some_and(|manifest| is_of(manifest, of))
        };
        self.rows
            .iter()
            .filter(of_it)
            .filter(|row| row.flaw.is_none() && !row.reason.is_safety_copy())
            .filter(|row| row.time <= now && than.is_none_or(|than| row.time > than))
            .max_by_key(|row| row.time)
    }

    fn take(&mut self, listed: Vec<Listed>) {
        self.rows.extend(listed.into_iter().filter_map(|one| {
            let id = BackupId::parse(&one.id)?;
            Some(Row {
                place: match id.place {
                    dokku_deploy::backup::Place::Server => "server",
                    dokku_deploy::backup::Place::S3 => "s3",
                },
                reason: id.name.reason,
                id: one.id,
                time: one.time,
                size: one.size,
                manifest: one.manifest,
                flaw: one.flaw,
            })
        }));
    }

    fn miss(&mut self, place: &'static str, why: String, is_error: bool) {
        self.unknown.push(Unknown {
            place,
            why,
            is_error,
        });
    }

    /// The end of whatever looked: an error if something is unknown.
    pub fn code(&self, app: &AppName) -> Result<u8, Failure> {
        let missing: Vec<String> = self
            .unknown
            .iter()
            .filter(|unknown| unknown.is_error)
            .map(|unknown| format!("{}: {}", unknown.place, unknown.why))
            .collect();
        if missing.is_empty() {
            return Ok(exit_codes::OK);
        }
        Err(Failure::new(
            exit_codes::HOST,
            format!("not all backups of {app} are known; {}", missing.join("; ")),
        ))
    }
}

/// What the plugin lists.
pub fn listing(
    app: &AppName,
    with_bucket: bool,
    invocation: &Invocation,
) -> Result<Server<Listing>, Failure> {
    with_host(invocation, |host, _| {
        let request = BackupsRequest {
            app: Some(app.clone()),
            id: None,
            is_brief: false,
            with_bucket,
        };
        ask(host, &deploy_system::backups(&request))
    })
}

/// `list-backups`
pub fn list(app: &AppName, is_local: bool, invocation: &Invocation) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let seen = Seen::of(app, is_local, invocation)?;
    let now = Timestamp::now();
    if ui.is_json() {
        let rows: Vec<Value> = seen.rows.iter().map(|row| row.json(now)).collect();
        let unknown: Vec<Value> = seen
            .unknown
            .iter()
            .map(|one| json!({"place": one.place, "why": one.why, "is_error": one.is_error}))
            .collect();
        ui.json(&json!({"app": app, "backups": rows, "unknown": unknown}))?;
        return seen.code(app);
    }
    ui.header(&format!("Backups for {app}"));
    if seen.rows.is_empty() && seen.unknown.is_empty() {
        ui.plain("  No backups found");
    }
    for line in table(&seen.rows, now) {
        ui.result(&visible(&line))?;
    }
    for unknown in &seen.unknown {
        let line = format!("{}  unknown: {}", unknown.place, unknown.why);
        ui.result(&visible(&line))?;
    }
    seen.code(app)
}

impl Row {
    fn state(&self) -> String {
        if let Some(flaw) = &self.flaw {
            return flaw.clone();
        }
        let Some(manifest) = &self.manifest else {
            return "no manifest".to_owned();
        };
        let sealed = if manifest.encrypted_to.is_empty() {
            ""
        } else {
            ", encrypted"
        };
        format!("checked {}{sealed}", stamp(manifest.finished))
    }

    fn json(&self, now: Timestamp) -> Value {
        let manifest = self.manifest.as_ref();
        json!({
            "id": self.id,
            "place": self.place,
            "time": stamp(self.time),
            "age_seconds": now.as_second() - self.time.as_second(),
            "size": self.size,
            "reason": self.reason,
            "kind": manifest.map(|manifest| manifest.kind),
            "service": manifest.map(|manifest| &manifest.service),
            "is_good": self.flaw.is_none(),
            "flaw": self.flaw,
            "verified_at": manifest.map(|manifest| stamp(manifest.finished)),
            "checks": manifest.map(|manifest| &manifest.checks),
            "encrypted_to": manifest.map(|manifest| &manifest.encrypted_to),
            "restore_tested": manifest.and_then(|manifest| manifest.restore_tested).map(stamp),
            "restore_failed": manifest.and_then(|manifest| manifest.restore_failed.as_ref()),
        })
    }
}

/// What the last restore test came to; the reason of a failure is the flaw.
fn restore_test(manifest: &Manifest) -> String {
    match (manifest.restore_tested, &manifest.restore_failed) {
        (_, Some(failed)) => format!("failed {}", stamp(failed.at)),
        (Some(tested), None) => stamp(tested),
        (None, None) => "none".to_owned(),
    }
}

/// An age as people say it; one of the future is no age.
pub fn age(seconds: i64) -> String {
    match seconds {
        ..0 => "from the future".to_owned(),
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// The rows in columns.
fn table(rows: &[Row], now: Timestamp) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let titles = [
        "PLACE",
        "WHEN",
        "AGE",
        "SIZE",
        "REASON",
        "SERVICE",
        "VERIFIED",
        "RESTORE TEST",
        "ID",
    ];
    let mut lines = vec![titles.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        let manifest = row.manifest.as_ref();
        [
            row.place.to_owned(),
            stamp(row.time),
            age(now.as_second() - row.time.as_second()),
            size(row.size),
            row.reason.to_string(),
            manifest.map_or_else(
                || "unknown".to_owned(),
                |manifest| format!("{} ({})", manifest.service, manifest.kind),
            ),
            row.state(),
            manifest.map_or_else(|| "none".to_owned(), restore_test),
            row.id.clone(),
        ]
    }));
    let widths: Vec<usize> = (0..titles.len())
        .map(|column| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    lines
        .iter()
        .map(|line| {
            let cells: Vec<String> = line
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

/// The name of the file that a copy of a backup gets here.
pub fn local_name(id: &BackupId, is_encrypted: bool) -> BackupName {
    BackupName {
        app: id.name.app.clone(),
        reason: id.name.reason,
        time: id.name.time,
        is_gzip: true,
        is_encrypted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short_and_the_future_has_none() {
        assert_eq!(age(5), "5 s");
        assert_eq!(age(150), "2 min");
        assert_eq!(age(26 * 3600), "26 h");
        assert_eq!(age(14 * 86_400), "14 days");
        assert_eq!(age(-1), "from the future");
    }
}
