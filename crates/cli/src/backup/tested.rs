//! The restore tests of a run: the newest backup of each service that is due, one after the other, once
//! all backups are made.
//!
//! Of what is encrypted the private keys are elsewhere. So what is going to be tested is encrypted to a
//! key of the run too, which never leaves its memory: the file itself is tested, as it lies there.

use std::path::{Path, PathBuf};

use dokku_deploy::{
    backup::{BackupId, Manifest, Place, TestVerdict, size},
    dokku::census::Database,
    dump::{BadDump, Engine},
    flows::{
        backup::{Job, Planned},
        restore::{File, Halt, Refusal, Tested, Wish},
    },
    plugin_protocol::{BackupOutcome, BackupReport, TestOutcome, TestResult},
    service::ServiceKind,
};

use super::{
    bucket::Bucket,
    check::{Checked, Flaw, count},
    due::{Tests, key},
    proving::{Bench, Turn},
    run::{Run, STOPPED},
    store::{Written, make_private, require_room, sweep},
};

/// The kinds of services that a test can make.
const KINDS: [ServiceKind; 4] = [
    ServiceKind::Postgres,
    ServiceKind::Mysql,
    ServiceKind::Mariadb,
    ServiceKind::Redis,
];

/// A backup that is tested.
struct Subject {
    id: BackupId,
    manifest: Manifest,
    /// What is known to be wrong with it.
    flaw: Option<String>,
    /// Whether the key of this run opens it.
    is_ours: bool,
}

/// A copy of a backup that lies here, as long as this value does.
struct Readable {
    path: PathBuf,
    checked: Checked,
    _copy: Option<Written>,
}

/// Why there is nothing to restore.
enum Unfit {
    /// This file is damaged; a copy of it elsewhere may not be.
    Damaged(String),
    Skipped(String),
    Unknown(String),
}

impl Run<'_> {
    /// Tests the newest backup of each service that is due, one after the other, and notes the verdicts
    /// in the manifests.
    pub fn test(&self, planned: &Planned, report: &mut BackupReport) {
        let Some(tests) = self.tests else {
            return;
        };
        let turn = self.begin(tests);
        for job in &planned.jobs {
            let started = self.clock.now();
            let (id, outcome) = match (tests.recent.get(&key(&job.of)), &turn) {
                (Some(tested), _) => (None, TestOutcome::Recent { tested: *tested }),
                (None, _) if self.is_stopped() => (None, stopped()),
                (None, Err(outcome)) => (None, outcome.clone()),
                (None, Ok(turn)) => self.test_one(job, tests, turn, report),
            };
            let result = TestResult {
                app: job.of.app.to_string(),
                kind: job.of.kind,
                service: job.of.service.to_string(),
                id: id.map(|id| id.to_string()),
                started,
                finished: self.clock.now(),
                outcome,
            };
            self.tell_test(&result);
            report.tests.push(result);
        }
    }

    /// Takes the turn and removes what killed tests left, here and on the host.
    fn begin(&self, tests: &Tests) -> Result<Turn, TestOutcome> {
        let unknown = |why: String| TestOutcome::Unknown { why };
        if let Some(why) = &tests.trouble {
            return Err(unknown(why.clone()));
        }
        let turn = Turn::take(tests.turn).map_err(|error| unknown(error.to_string()))?;
        let turn = turn.ok_or_else(|| TestOutcome::Skipped {
            why: "another restore test is under way; one runs at a time".to_owned(),
        })?;
        if self.shelf.is_none() {
            make_private(tests.scratch).map_err(|error| unknown(error.to_string()))?;
            sweep(tests.scratch).map_err(|error| unknown(error.to_string()))?;
        }
        match turn.clear(&KINDS, self.host, self.ui) {
            Ok(None) => Ok(turn),
            Ok(Some(other)) => Err(TestOutcome::Skipped {
                why: format!(
                    "another restore test has been under way since {}: {}; one runs at a time",
                    dokku_deploy::clock::stamp(other.since),
                    other.name
                ),
            }),
            Err(error) => Err(unknown(error.to_string())),
        }
    }

    fn test_one(
        &self,
        job: &Job,
        tests: &Tests,
        turn: &Turn,
        report: &mut BackupReport,
    ) -> (Option<BackupId>, TestOutcome) {
        let Some(subject) = subject(job, tests, report) else {
            let why = "there is no backup of it".to_owned();
            return (None, TestOutcome::Skipped { why });
        };
        let id = subject.id.clone();
        let mut is_everywhere = true;
        let outcome = match self.read(job, &subject, tests) {
            Ok(readable) => self.prove(job, &subject, &readable, tests, turn, report),
            Err(Unfit::Damaged(why)) => {
                is_everywhere = false;
                TestOutcome::Fails { why }
            }
            Err(Unfit::Skipped(why)) => TestOutcome::Skipped { why },
            Err(Unfit::Unknown(why)) => TestOutcome::Unknown { why },
        };
        let verdict = match &outcome {
            TestOutcome::Restores { .. } => TestVerdict::Restores(self.clock.now()),
            TestOutcome::Fails { why } => TestVerdict::fails(self.clock.now(), why),
            _ => return (Some(id), outcome),
        };
        for why in self.note(&subject, &verdict, is_everywhere) {
            report.warnings.push(format!(
                "the manifest of {id} does not tell of its restore test: {why}"
            ));
        }
        (Some(id), outcome)
    }

    /// Reads the backup to its end, if it may be tested at all.
    fn read(&self, job: &Job, subject: &Subject, tests: &Tests) -> Result<Readable, Unfit> {
        let manifest = &subject.manifest;
        if job.engine == Engine::Mongo {
            return Err(Unfit::Skipped(format!(
                "this program restores no dumps of {}",
                job.engine
            )));
        }
        if manifest.raw_size > tests.limit {
            return Err(Unfit::Skipped(format!(
                "its dump has {}, more than the {} that are tested (backup.restore_test_max_gib)",
                size(manifest.raw_size),
                size(tests.limit)
            )));
        }
        let is_sealed = !manifest.encrypted_to.is_empty();
        if is_sealed && !subject.is_ours {
            return Err(Unfit::Skipped(format!(
                "{} is encrypted and not of this run, so nobody here can read it; `dokku-cli db {} verify {} --restore --identity FILE` tests it",
                subject.id, job.of.app, subject.id
            )));
        }
        if let Some(flaw) = &subject.flaw {
            return Err(Unfit::Damaged(flaw.clone()));
        }
        let (path, copy) = match (subject.id.place, self.shelf, self.bucket) {
            (Place::Server, Some(shelf), _) => (shelf.file(&subject.id.name), None),
            (Place::S3, _, Some(bucket)) => {
                let copy = fetch(subject, bucket, tests.scratch)?;
                (copy.path().to_owned(), Some(copy))
            }
            _ => {
                return Err(Unfit::Unknown(format!(
                    "{} is not where this run looks",
                    subject.id
                )));
            }
        };
        let identities = is_sealed.then(|| tests.key().identities());
        let checked = count(&path, identities.as_ref()).map_err(unfit)?;
        Ok(Readable {
            path,
            checked,
            _copy: copy,
        })
    }

    fn prove(
        &self,
        job: &Job,
        subject: &Subject,
        readable: &Readable,
        tests: &Tests,
        turn: &Turn,
        report: &mut BackupReport,
    ) -> TestOutcome {
        let wish = Wish {
            app: job.of.app.clone(),
            database: Database {
                kind: job.of.kind,
                name: job.of.service.clone(),
                engine: job.engine,
            },
            file: File {
                name: subject.id.to_string(),
                size: readable.checked.size,
                dump: readable.checked.dump.clone(),
                app: Some(subject.manifest.app.clone()),
                service: Some(subject.manifest.service.clone()),
                made: Some(subject.manifest.started),
            },
            other_app: false,
            into: None,
            stop_app: false,
            left_lock: None,
            is_left_stopped: false,
        };
        let identities =
            (!subject.manifest.encrypted_to.is_empty()).then(|| tests.key().identities());
        let open = || super::raw::open_with(&readable.path, identities.as_ref());
        let bench = Bench {
            host: self.host,
            clock: self.clock,
            interrupts: self.interrupts,
            ui: self.ui,
        };
        let (tested, warnings) = bench.prove(&wish, &open, turn);
        report.warnings.extend(warnings);
        match tested {
            Tested::Restores { tables, rows } => TestOutcome::Restores { tables, rows },
            Tested::Fails(why) => TestOutcome::Fails { why },
            Tested::Refused(refusal @ Refusal::NoRoom { .. }) => TestOutcome::Skipped {
                why: refusal.to_string(),
            },
            Tested::Refused(refusal) => TestOutcome::Unknown {
                why: refusal.to_string(),
            },
            Tested::Unknown(Halt::Host(error)) => TestOutcome::Unknown {
                why: error.to_string(),
            },
            Tested::Unknown(Halt::Interrupted(_)) => stopped(),
            Tested::Unknown(halt) => TestOutcome::Unknown {
                why: format!("it could not be made: {halt:?}"),
            },
        }
    }

    /// Writes the verdict into the manifests of the dump; why it is not in one of them.
    fn note(&self, subject: &Subject, verdict: &TestVerdict, is_everywhere: bool) -> Vec<String> {
        let (name, sha256) = (&subject.id.name, &subject.manifest.raw_sha256);
        let is_at = |place| is_everywhere || subject.id.place == place;
        let mut noted = Vec::new();
        if let Some(shelf) = self.shelf.filter(|_| is_at(Place::Server)) {
            noted.push(shelf.note_test(name, sha256, verdict));
        }
        if let Some(bucket) = self.bucket.filter(|_| is_at(Place::S3)) {
            noted.push(match bucket.has(name) {
                Ok(true) => bucket.note_test(name, sha256, verdict),
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            });
        }
        let failed = noted.into_iter().filter_map(Result::err);
        failed.map(|error| error.to_string()).collect()
    }

    fn tell_test(&self, test: &TestResult) {
        let of = format!("{} of {}", test.service, test.app);
        match &test.outcome {
            TestOutcome::Restores { tables, rows } => self.ui.success(&format!(
                "{of}: its backup restores, {tables} tables with {rows} rows are there"
            )),
            TestOutcome::Fails { why } => self
                .ui
                .warning(&format!("{of}: its backup does not restore: {why}")),
            TestOutcome::Unknown { why } | TestOutcome::Skipped { why } => self
                .ui
                .warning(&format!("{of}: its backup was not restore-tested: {why}")),
            TestOutcome::Recent { .. } => {}
        }
    }
}

fn stopped() -> TestOutcome {
    TestOutcome::Unknown {
        why: STOPPED.to_owned(),
    }
}

/// The backup that this run has made, else the newest one before it.
fn subject(job: &Job, tests: &Tests, report: &BackupReport) -> Option<Subject> {
    let made = report.results.iter().find_map(|one| {
        let is_of = one.kind == job.of.kind
            && one.app == job.of.app.as_str()
            && one.service == job.of.service.as_str();
        match &one.outcome {
            BackupOutcome::Made { id, manifest } if is_of => Some(Subject {
                id: BackupId::parse(id)?,
                manifest: manifest.as_ref().clone(),
                flaw: None,
                is_ours: true,
            }),
            _ => None,
        }
    });
    made.or_else(|| {
        let listed = tests.newest.get(&key(&job.of))?;
        let manifest = listed.manifest.clone()?;
        Some(Subject {
            id: BackupId::parse(&listed.id)?,
            // An earlier failure is no reason not to try again.
            flaw: (manifest.size != listed.size)
                .then(|| listed.flaw.clone())
                .flatten(),
            manifest,
            is_ours: false,
        })
    })
}

/// A copy of what is in the bucket.
fn fetch(subject: &Subject, bucket: &Bucket, scratch: &Path) -> Result<Written, Unfit> {
    let manifest = &subject.manifest;
    require_room(scratch, manifest.size).map_err(|error| Unfit::Skipped(error.to_string()))?;
    let content = (manifest.sha256.as_str(), manifest.size);
    let copied = Written::copy(scratch, Some(content), |to| {
        bucket.fetch(&subject.id.name, to)
    })
    .map_err(|error| Unfit::Unknown(error.to_string()))?;
    let (copy, ..) =
        copied.ok_or_else(|| Unfit::Damaged(format!("{} is not what was written", subject.id)))?;
    Ok(copy)
}

fn unfit(flaw: Flaw) -> Unfit {
    match flaw {
        // What the disk says, and not what is in the file.
        Flaw::Unreadable(error) | Flaw::Dump(BadDump::Unreadable(error))
            if error.raw_os_error().is_some() =>
        {
            Unfit::Unknown(error.to_string())
        }
        flaw => Unfit::Damaged(flaw.to_string()),
    }
}
