//! A run of backups: several services, a bounded number at once, each independent of the others.
//! The plugin runs it on the host, and `dokku-cli` over ssh where only the bucket is written to.

use std::io::{self, Write};

use dokku_deploy::{
    backup::{BackupId, Fresh, Manifest, Place, Reason, StoredName, YOUNG_ENOUGH, size},
    clock::Clock,
    flows::backup::{
        self, BackupStore, Draft, Job, Order, Planned, Sealed, StoreError, TakeError, Taken,
    },
    interrupt::Interrupts,
    plugin_protocol::{BackupOutcome, BackupReport, BackupResult, Listed},
    transfer::SupplyingHost,
};
use jiff::{SignedDuration, Timestamp};

use super::{
    TOOL,
    bucket::{Bucket, Upload},
    check::{Flaw, check},
    due::Tests,
    packer::{Packer, Packing},
    shelf::Shelf,
    store::{Directory, sweep},
};
use crate::{
    crew,
    ui::{Progress, Ui, Watched},
};

/// So many services at once: the disk and the processors are shared with the apps.
const AT_ONCE: usize = 2;
/// Why something was not done after Ctrl-C.
pub const STOPPED: &str = "somebody stopped it";
/// How often another second is tried where a name is taken.
const ATTEMPTS: i64 = 60;

/// Everything that a run stands on.
pub struct Run<'a> {
    /// Where the services are.
    pub host: &'a dyn SupplyingHost,
    /// The directory of backups, where it is a place.
    pub shelf: Option<&'a Shelf>,
    /// The bucket, where it is a place.
    pub bucket: Option<&'a Bucket>,
    /// Public keys; nobody: not encrypted.
    pub encrypt_to: &'a [String],
    /// Why.
    pub reason: Reason,
    /// Whether a good young backup counts.
    pub fresh: Fresh,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Ctrl-C.
    pub interrupts: &'a dyn Interrupts,
    /// Where it is told.
    pub ui: &'a Ui,
    /// Which backups are restored for a test afterwards.
    pub tests: Option<&'a Tests<'a>>,
}

impl Run<'_> {
    /// Backs all of them up; one entry for each service and place.
    pub fn all(&self, planned: &Planned) -> BackupReport {
        let mut report = BackupReport::default();
        for skipped in &planned.impossible {
            for place in self.places() {
                report.results.push(BackupResult {
                    app: skipped.of.app.to_string(),
                    kind: skipped.of.kind,
                    service: skipped.of.service.to_string(),
                    place,
                    outcome: BackupOutcome::Failed {
                        why: skipped.why.clone(),
                    },
                });
            }
        }
        for results in crew::each(&planned.jobs, AT_ONCE, |job| self.one(job)) {
            report.results.extend(results);
        }
        report
    }

    fn places(&self) -> Vec<Place> {
        let server = self.shelf.map(|_| Place::Server);
        let bucket = self.bucket.map(|_| Place::S3);
        server.into_iter().chain(bucket).collect()
    }

    /// Whether somebody has asked to stop since the run began.
    pub fn is_stopped(&self) -> bool {
        self.interrupts.requests().0 > 0
    }

    fn one(&self, job: &Job) -> Vec<BackupResult> {
        self.ui.info(&format!(
            "Backing up {} database: {} of {}",
            job.of.kind, job.of.service, job.of.app
        ));
        let outcomes = match (self.shelf, self.bucket) {
            _ if self.is_stopped() => self.places().iter().map(|_| failed(STOPPED)).collect(),
            (Some(shelf), bucket) => self.to_shelf(job, shelf, bucket),
            (None, Some(bucket)) => vec![self.to_bucket(job, bucket)],
            (None, None) => Vec::new(),
        };
        let results = self.places().into_iter().zip(outcomes);
        results
            .map(|(place, outcome)| {
                self.tell(job, place, &outcome);
                BackupResult {
                    app: job.of.app.to_string(),
                    kind: job.of.kind,
                    service: job.of.service.to_string(),
                    place,
                    outcome,
                }
            })
            .collect()
    }

    fn tell(&self, job: &Job, place: Place, outcome: &BackupOutcome) {
        let of = format!("{} of {}", job.of.service, job.of.app);
        match outcome {
            BackupOutcome::Made { id, manifest } => self.ui.success(&format!(
                "{of}: {id} ({}, of {} raw, in {} s)",
                size(manifest.size),
                size(manifest.raw_size),
                manifest
                    .finished
                    .duration_since(manifest.started)
                    .as_secs()
                    .max(0)
            )),
            BackupOutcome::Young { id, .. } => self
                .ui
                .success(&format!("{of}: {id} is good and younger than an hour")),
            BackupOutcome::Failed { why } => {
                self.ui.warning(&format!("{of}, to {place}: {why}"));
            }
        }
    }

    fn order<'j>(&self, job: &'j Job) -> Order<'j> {
        Order {
            app: &job.of.app,
            kind: job.of.kind,
            service: &job.of.service,
            engine: job.engine,
            reason: self.reason,
            tool: TOOL,
        }
    }

    /// What is going to be restored for a test is encrypted to a key of this run too.
    fn packing(&self, job: &Job) -> Packing {
        let mut encrypt_to = self.encrypt_to.to_vec();
        if let Some(tests) = self.tests
            && tests.is_due(job)
            && !encrypt_to.is_empty()
        {
            encrypt_to.push(tests.key().public());
        }
        Packing {
            is_gzip: true,
            encrypt_to,
        }
    }

    fn progress(&self, job: &Job) -> Progress {
        self.ui
            .progress(&format!("{} of {}", job.of.service, job.of.app))
    }

    /// The names from `time` on.
    fn names<'j>(&'j self, job: &'j Job, time: Timestamp) -> impl Iterator<Item = StoredName> + 'j {
        let is_encrypted = !self.encrypt_to.is_empty();
        (0..ATTEMPTS).map(move |more| {
            let time = time + SignedDuration::from_secs(more);
            job.name(self.reason, time, is_encrypted)
        })
    }

    /// Into the directory, and from there to the bucket.
    fn to_shelf(&self, job: &Job, shelf: &Shelf, bucket: Option<&Bucket>) -> Vec<BackupOutcome> {
        let made = self.make_on_shelf(job, shelf).unwrap_or_else(failed);
        let mut outcomes = vec![made];
        if let Some(bucket) = bucket {
            let outcome = match outcomes.first() {
                Some(
                    BackupOutcome::Made { id, manifest } | BackupOutcome::Young { id, manifest },
                ) => send(id, manifest, shelf, bucket)
                    .unwrap_or_else(|error| failed(error.to_string())),
                _ => BackupOutcome::Failed {
                    why: "there is no backup on the server that could be sent".to_owned(),
                },
            };
            outcomes.push(outcome);
        }
        outcomes
    }

    fn make_on_shelf(&self, job: &Job, shelf: &Shelf) -> Result<BackupOutcome, String> {
        let told = |error: io::Error| error.to_string();
        let directory = shelf.directory(job.of.kind, &job.of.app);
        super::store::make_private(&directory).map_err(told)?;
        let swept = sweep(&directory).map_err(told)?;
        if swept > 0 {
            self.ui.warning(&format!(
                "Removed {swept} unfinished file(s) of a run that was killed"
            ));
        }
        let listed = shelf.list(Some(&job.of.app)).map_err(told)?;
        let same: Vec<&Listed> = listed.iter().filter(|one| is_of(one, job)).collect();
        if let Some(young) = self.young(&same, |name| is_good(&shelf.file(name))) {
            return Ok(young);
        }
        let progress = self.progress(job);
        let at = |bytes| progress.at(bytes);
        let store = Directory {
            packing: self.packing(job),
            progress: Some(&at),
            ..Directory::new(&directory, true, same.first().map_or(0, |last| last.size))
        };
        let Taken { sealed, manifest } =
            self.take(job, &store).map_err(|error| error.to_string())?;
        let path = sealed
            .publish(
                self.names(job, manifest.started)
                    .map(|name| shelf.file(&name)),
                &manifest,
            )
            .map_err(told)?;
        let name = path
            .strip_prefix(&shelf.root)
            .ok()
            .and_then(|path| StoredName::parse(&path.to_string_lossy()))
            .ok_or_else(|| format!("{} is no name of a backup", path.display()))?;
        Ok(made(Place::Server, name, manifest))
    }

    fn take<S: BackupStore>(
        &self,
        job: &Job,
        store: &S,
    ) -> Result<Taken<<S::Draft as Draft>::Sealed>, TakeError> {
        let mut taken = backup::take(
            &self.order(job),
            self.host,
            store,
            self.clock,
            self.interrupts,
        )?;
        // The key of this run is forgotten with it.
        self.encrypt_to.clone_into(&mut taken.manifest.encrypted_to);
        Ok(taken)
    }

    /// A good backup of this service that is young enough, where one counts.
    fn young(
        &self,
        newest_first: &[&Listed],
        is_good: impl Fn(&StoredName) -> bool,
    ) -> Option<BackupOutcome> {
        if self.fresh == Fresh::Only {
            return None;
        }
        let now = self.clock.now();
        newest_first
            .iter()
            .filter(|one| {
                let age = now.duration_since(one.time);
                one.flaw.is_none() && !age.is_negative() && age < YOUNG_ENOUGH
            })
            .find_map(|one| {
                let id = BackupId::parse(&one.id)?;
                let manifest = one.manifest.clone()?;
                is_good(&id.name).then(|| BackupOutcome::Young {
                    id: id.to_string(),
                    manifest: Box::new(manifest),
                })
            })
    }

    /// Straight into the bucket: nothing of it lies on any disk.
    fn to_bucket(&self, job: &Job, bucket: &Bucket) -> BackupOutcome {
        self.make_in_bucket(job, bucket).unwrap_or_else(failed)
    }

    fn make_in_bucket(&self, job: &Job, bucket: &Bucket) -> Result<BackupOutcome, String> {
        let told = |error: io::Error| error.to_string();
        if self.fresh == Fresh::OrYoung {
            let listed = bucket.list(Some(&job.of.app)).map_err(told)?;
            let same: Vec<&Listed> = listed.iter().filter(|one| is_of(one, job)).collect();
            if let Some(young) = self.young(&same, |name| bucket.has(name).unwrap_or(false)) {
                return Ok(young);
            }
        }
        let mut free = None;
        for name in self.names(job, self.clock.now()) {
            if !bucket.has(&name).map_err(told)? {
                free = Some(name);
                break;
            }
        }
        let name = free.ok_or("every name of this minute is taken")?;
        let progress = self.progress(job);
        let store = InBucket {
            bucket,
            name,
            packing: self.packing(job),
            progress: &progress,
        };
        let Taken { sealed, manifest } =
            self.take(job, &store).map_err(|error| error.to_string())?;
        let name = sealed.complete(&manifest).map_err(told)?;
        Ok(made(Place::S3, name, manifest))
    }
}

fn is_of(listed: &Listed, job: &Job) -> bool {
    listed.manifest.as_ref().is_some_and(|manifest| {
        manifest.kind == job.of.kind && manifest.service == job.of.service.as_str()
    })
}

fn is_good(file: &std::path::Path) -> bool {
    matches!(check(file), Ok(_) | Err(Flaw::Sealed))
}

fn failed(why: impl Into<String>) -> BackupOutcome {
    BackupOutcome::Failed { why: why.into() }
}

fn made(place: Place, name: StoredName, manifest: Manifest) -> BackupOutcome {
    BackupOutcome::Made {
        id: BackupId { place, name }.to_string(),
        manifest: Box::new(manifest),
    }
}

/// Copies a backup of the server into the bucket under the same name.
fn send(
    id: &str,
    manifest: &Manifest,
    shelf: &Shelf,
    bucket: &Bucket,
) -> io::Result<BackupOutcome> {
    let id = BackupId::parse(id).ok_or_else(|| io::Error::other("it has no id"))?;
    if !bucket.has(&id.name)? {
        let mut upload = bucket.upload(&id.name)?;
        let mut file = super::digest::Counted::new(fs_err::File::open(shelf.file(&id.name))?);
        io::copy(&mut file, &mut upload)?;
        // What is not what was written stays where it is.
        if file.tally.finish() != (manifest.sha256.clone(), manifest.size) {
            return Err(io::Error::other(
                "the file on the server is no longer what was written",
            ));
        }
        upload.complete(manifest)?;
    }
    Ok(made(Place::S3, id.name, manifest.clone()))
}

/// One name in a bucket, as a place for a backup.
struct InBucket<'a> {
    bucket: &'a Bucket,
    name: StoredName,
    packing: Packing,
    progress: &'a Progress,
}

/// A dump on its way into a bucket.
struct Sending<'a>(Watched<'a, Packer<Upload<'a>>>);

impl<'a> BackupStore for InBucket<'a> {
    type Draft = Sending<'a>;

    fn begin(&self) -> Result<Sending<'a>, StoreError> {
        let upload = self.bucket.upload(&self.name)?;
        let packer = Packer::new(upload, &self.packing)?;
        Ok(Sending(Watched::new(packer, self.progress)))
    }
}

impl Write for Sending<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> Draft for Sending<'a> {
    type Sealed = Upload<'a>;

    fn seal(self) -> Result<Sealed<Upload<'a>>, StoreError> {
        let mut whole = self.0.to.finish()?;
        whole.sealed.flush_all()?;
        whole
            .facts
            .checks
            .insert(0, "SHA-256 of every part checked by the store".to_owned());
        Ok(whole)
    }
}
