//! Backups on the host itself: what `deploy-system:backup…` does.

mod night;
mod prune;
mod settings;

use std::io::{self, Read};

use dokku_deploy::{
    backup::{BackupId, Place as Where, StoredName},
    flows::backup::{self, ObserveError, Only},
    interrupt::Never,
    plugin_protocol::{
        BackupReport, BackupRequest, BackupsRequest, Fault, FaultKind, Listing, Room, TestNoted,
        TestedRequest, Verified,
    },
    service::{ServiceKind, ServiceName},
};
use jiff::Timestamp;

use self::night::Stamp;
pub use self::{
    night::scheduled,
    prune::{by_hand as prune_by_hand, prune},
    settings::BackupSettings,
};
use super::place::Place;
use crate::{
    backup::{Bucket, BucketSettings, Run, Shelf, Tests, free},
    clock::SystemClock,
    host::LocalHost,
    ui::Ui,
};

fn failed(error: &impl ToString) -> Fault {
    Fault {
        kind: FaultKind::Failed,
        message: error.to_string(),
    }
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault {
        kind: FaultKind::Invalid,
        message: message.into(),
    }
}

/// The directory of backups.
pub fn shelf(place: &Place) -> Result<Shelf, Fault> {
    let root = place.backups().map_err(|error| failed(&error))?;
    Ok(Shelf { root })
}

/// The bucket that a request brings with it, or else the one that the host knows.
pub fn bucket_of(
    has_bucket: bool,
    settings: &BackupSettings,
) -> Result<Option<BucketSettings>, Fault> {
    if !has_bucket {
        return Ok(settings.bucket.clone());
    }
    let mut text = String::new();
    io::stdin()
        .take(64 * 1024)
        .read_to_string(&mut text)
        .map_err(|error| failed(&error))?;
    BucketSettings::from_json(text.trim())
        .map(Some)
        .map_err(|bad| invalid(bad.to_string()))
}

/// Makes backups; of all apps only if nobody else does.
pub fn make(place: &Place, request: &BackupRequest, ui: &Ui) -> Result<BackupReport, Fault> {
    if request.is_watched {
        ui.relay();
    }
    match request.app {
        Some(_) => make_now(place, request, ui, |_| Ok(())),
        None => night::all(place, request, ui),
    }
}

/// Makes them; then `settle`; then tests and removes, which may take long or be killed.
fn make_now(
    place: &Place,
    request: &BackupRequest,
    ui: &Ui,
    settle: impl FnOnce(&BackupReport) -> Result<(), Fault>,
) -> Result<BackupReport, Fault> {
    let settings = BackupSettings::read(place).map_err(|error| failed(&error))?;
    let encrypt_to = if request.encrypt_to.is_empty() {
        &settings.encrypt_to
    } else {
        &request.encrypt_to
    };
    let bucket = if request.to.contains(&Where::S3) {
        let settings = bucket_of(request.has_bucket, &settings)?.ok_or_else(|| {
            invalid("no bucket is set up on this host, and none came with the request")
        })?;
        Some(Bucket::open(&settings).map_err(|error| failed(&error))?)
    } else {
        None
    };
    let shelf = if request.to.contains(&Where::Server) {
        Some(shelf(place)?)
    } else {
        None
    };
    if bucket.is_none() && shelf.is_none() {
        return Err(invalid("no place is named to back up to"));
    }
    let service = request
        .service
        .as_deref()
        .map(ServiceName::new)
        .transpose()
        .map_err(|error| invalid(error.to_string()))?;
    let only = Only {
        app: request.app.clone(),
        kind: request.kind,
        service,
    };
    let also = request.also.iter().map(|need| {
        let name = ServiceName::new(&need.service).map_err(|error| invalid(error.to_string()))?;
        Ok((need.kind, name))
    });
    let also = also.collect::<Result<Vec<_>, Fault>>()?;
    let host = LocalHost;
    let found = match &only.app {
        Some(app) => {
            backup::of_app(&host, app, &also).map(|(linked, unlinked)| [linked, unlinked].concat())
        }
        None => backup::all(&host, &ServiceKind::ALL),
    }
    .map_err(|error| match &error {
        ObserveError::NoSuchApp { .. } => Fault {
            kind: FaultKind::NoSuchApp,
            message: error.to_string(),
        },
        ObserveError::Host(_) => failed(&error),
    })?;
    let planned = backup::plan(&found, &only);
    let (turn, scratch) = (place.data(), self::shelf(place)?.root);
    let places = (shelf.as_ref(), bucket.as_ref());
    let tests = request.restore_tests.map(|rule| {
        let now = Timestamp::now();
        Tests::plan(&planned, rule, places, now, &turn, &scratch)
    });
    let run = Run {
        host: &host,
        shelf: shelf.as_ref(),
        bucket: bucket.as_ref(),
        encrypt_to,
        reason: request.reason,
        fresh: request.fresh,
        clock: &SystemClock,
        interrupts: &Never,
        ui,
        tests: tests.as_ref(),
    };
    let mut report = run.all(&planned);
    settle(&report)?;
    run.test(&planned, &mut report);
    if let Some(rule) = &request.prune {
        run.prune(&mut report, rule);
    }
    Ok(report)
}

/// Lists the backups of the host, and those of the bucket that it knows.
pub fn list(place: &Place, request: &BackupsRequest) -> Result<Listing, Fault> {
    let app = request.app.as_ref();
    let stamp = Stamp::read(place).map_err(|error| failed(&error))?;
    let mut listing = Listing {
        last_success: stamp.last_success,
        failures: stamp.failures,
        ..Listing::default()
    };
    let settings = BackupSettings::read(place).map_err(|error| failed(&error))?;
    listing.has_schedule = settings.at.is_some();
    if request.is_brief {
        return Ok(listing);
    }
    listing.backups = shelf(place)?.list(app).map_err(|error| failed(&error))?;
    if let Some(bucket) = settings.bucket.filter(|_| request.with_bucket) {
        match Bucket::open(&bucket).and_then(|bucket| bucket.list(app)) {
            Ok(found) => listing.backups.extend(found),
            Err(error) => listing.unknown = Some(error.to_string()),
        }
    }
    Ok(listing)
}

/// Reads one backup, or all of an app, to the end.
pub fn verify(place: &Place, request: &BackupsRequest) -> Result<Vec<Verified>, Fault> {
    let shelf = shelf(place)?;
    let names = match &request.id {
        Some(id) => vec![on_server(id)?],
        None => shelf
            .list(request.app.as_ref())
            .map_err(|error| failed(&error))?
            .iter()
            .filter_map(|one| BackupId::parse(&one.id))
            .map(|id| id.name)
            .collect(),
    };
    Ok(names.iter().map(|name| shelf.verify(name)).collect())
}

/// Writes the verdict of a restore test into the manifest of a backup, and nothing else.
pub fn note_test(
    place: &Place,
    request: &TestedRequest,
    now: Timestamp,
) -> Result<TestNoted, Fault> {
    let name = on_server(&request.id)?;
    shelf(place)?
        .note_test(&name, &request.raw_sha256, &request.verdict(now))
        .map_err(|error| failed(&error))?;
    Ok(TestNoted {
        id: request.id.clone(),
        restore_tested: request.is_good.then_some(now),
    })
}

/// How much the disk takes that services of a kind keep their data on.
pub fn room(place: &Place, kind: ServiceKind) -> Result<Room, Fault> {
    let free = free(&place.services(kind)).map_err(|error| failed(&error))?;
    Ok(Room { free })
}

/// Writes a backup to standard output as it lies there.
pub fn send(place: &Place, name: &str) -> Result<(), Fault> {
    let name = on_server(name)?;
    let path = shelf(place)?.file(&name);
    let mut file = fs_err::File::open(path).map_err(|error| failed(&error))?;
    io::copy(&mut file, &mut io::stdout().lock())
        .map(drop)
        .map_err(|error| failed(&error))
}

fn on_server(id: &str) -> Result<StoredName, Fault> {
    let name = id.strip_prefix("server:").unwrap_or(id);
    StoredName::parse(name).ok_or_else(|| {
        invalid(format!(
            "{id:?} is no id of a backup on the server: KIND/APP/FILE"
        ))
    })
}
