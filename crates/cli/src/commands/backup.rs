//! `dokku-cli backup`: all databases of all apps, and `db APP backup-server`.

mod check;
mod night;
mod outcome;
mod plugin;
mod safety;

use std::path::Path;

use clap::{Args, ValueEnum};
use dokku_deploy::{
    app::{AppName, Environment},
    audit::{Action, AuditEntry, Status},
    backup::{Fresh, Place, Reason, TestRule},
    flows::backup::{self as flow, Found, ObserveError, Only},
    host::Host,
    interrupt::Interrupts,
    plugin_protocol::{BackupReport, BackupRequest},
    retention::Rule,
    service::ServiceKind,
};
use jiff::Timestamp;
use serde_json::json;

use self::outcome::finish;
pub use self::{
    check::{NIGHT, brief},
    night::tell_overdue,
    outcome::judge,
    plugin::{Server, ask, receive},
    safety::{Copies, ensure_safe_copy},
};
use super::{plugin::To, with_host};
use crate::{
    actor,
    backup::{Bucket, BucketSettings, Run, Tests, entries},
    clock::SystemClock,
    exit_codes,
    failure::Failure,
    host::SshHost,
    invocation::Invocation,
    origin,
    project::Project,
    publish::{self, Begun, Chain, publish},
    schedule::{Scheduled, beaten},
    ui::visible,
};

/// What `backup` takes.
#[derive(Debug, Args)]
pub struct BackupArguments {
    /// Only this app
    #[arg(long, value_name = "APP")]
    pub app: Option<String>,
    /// Only services of this kind, or all
    #[arg(long, value_name = "KIND", default_value = "all", value_parser = ["all", "postgres", "mysql", "mariadb", "redis", "mongo", "rabbitmq", "elasticsearch"])]
    pub service: String,
    /// Where to; both where `AWS_S3_BUCKET` is set, else server
    #[arg(long, value_enum)]
    pub to: Option<To>,
    /// Where the host's own timer is on, only check that the backups of the last 26 hours are there
    #[arg(long, conflicts_with_all = ["app", "service", "to"])]
    pub check: bool,
    /// Afterwards remove backups that .dokku/config.yml does not keep, of services whose new one is good
    #[arg(long)]
    pub prune: bool,
    /// Afterwards restore the newest backup of every service into a scratch service on the host, one after
    /// the other, if the last good test of that service is a week ago (`backup.restore_test_days`)
    #[arg(long)]
    pub restore_test: bool,
    /// The schedule.
    #[command(flatten)]
    pub scheduled: Scheduled,
}

impl BackupArguments {
    /// A run for one app, or of one kind, is not the night's.
    fn is_of_all(&self) -> bool {
        self.app.is_none() && self.service == "all"
    }
}

/// What the settings of the project say about an app's backups.
pub struct Policy {
    /// Which ones stay.
    pub rule: Rule,
    /// Public keys.
    pub encrypt_to: Vec<String>,
    /// Told of start, success and failure.
    pub heartbeat_url: Option<String>,
    /// Which restore tests are made by schedule.
    pub restore_tests: Option<TestRule>,
}

/// The rule and the keys of the project around the current directory.
pub fn policy(app: Option<&AppName>) -> Result<Policy, Failure> {
    let settings = Project::around(&std::env::current_dir()?)?.settings()?;
    let environment = app.map_or(Environment::Production, Environment::of_app);
    let backup = settings.resolve(environment).backup;
    Ok(Policy {
        rule: Rule {
            days: backup.retention_days,
            last: backup.keep_last.unwrap_or(0),
            daily: backup.keep_daily.unwrap_or(0),
            weekly: backup.keep_weekly.unwrap_or(0),
            monthly: backup.keep_monthly.unwrap_or(0),
        },
        encrypt_to: backup.encrypt_to,
        heartbeat_url: backup.heartbeat_url,
        restore_tests: TestRule::of(backup.restore_test_days, backup.restore_test_max_gib),
    })
}

/// `dokku-cli backup`
pub fn run(arguments: &BackupArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let result = checked_or_made(arguments, invocation);
    if arguments.is_of_all() {
        let scheduled = &arguments.scheduled;
        scheduled.note("backups", result.is_ok(), invocation);
    }
    result
}

fn checked_or_made(arguments: &BackupArguments, invocation: &Invocation) -> Result<u8, Failure> {
    if arguments.check
        && let Some(checked) = check::run(invocation).transpose()
    {
        // The project's own heartbeat is told by the host.
        return beaten(arguments.scheduled.heartbeat(), invocation, || checked);
    }
    let url = policy(None)?.heartbeat_url;
    let url = url.as_deref().or(arguments.scheduled.heartbeat());
    let url = url.filter(|_| arguments.is_of_all());
    beaten(url, invocation, || back_up(arguments, invocation))
}

fn back_up(arguments: &BackupArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let app = arguments
        .app
        .as_deref()
        .map(|app| invocation.named_app(app))
        .transpose()?;
    let bucket = BucketSettings::from_environment()?;
    let places = match (arguments.to, &bucket) {
        (Some(to), None) if to != To::Server => {
            return Err(Failure::settings(
                "there is no bucket to back up to: AWS_S3_BUCKET is not set",
            )
            .hint("Set AWS_S3_BUCKET, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if it is not us-east-1, AWS_REGION."));
        }
        (Some(to), _) => to.places(),
        (None, Some(_)) => To::Both.places(),
        (None, None) => {
            invocation.ui.warning(
                "No bucket is set (AWS_S3_BUCKET): data and backups are on one disk, and lost together",
            );
            To::Server.places()
        }
    };
    let policy = policy(app.as_ref())?;
    let request = BackupRequest {
        app,
        kind: arguments.service.parse::<ServiceKind>().ok(),
        service: None,
        also: Vec::new(),
        reason: Reason::Manual,
        has_bucket: places.contains(&Place::S3),
        to: places,
        encrypt_to: policy.encrypt_to,
        prune: arguments.prune.then_some(policy.rule),
        fresh: Fresh::Only,
        restore_tests: policy.restore_tests.filter(|_| arguments.restore_test),
        is_watched: false,
    };
    let started = Timestamp::now();
    let (report, stopped) = with_host(invocation, |host, interrupts| {
        let report = make(
            host,
            interrupts,
            &request,
            bucket.as_ref(),
            arguments.to.is_some(),
            invocation,
        )?;
        if request.app.is_none() && request.kind.is_none() {
            night::tell_summary(&report, started, host, invocation)?;
        }
        Ok((report, interrupts.requests().1))
    })?;
    let result = finish(&report, invocation);
    match (result, stopped) {
        (Err(failure), Some(signal)) => Err(Failure::interrupted(signal).hint(failure.message)),
        (result, _) => result,
    }
}

/// `dokku-cli db APP backup-server`; without an app, of all.
pub fn on_server(
    app: Option<AppName>,
    service: Option<&str>,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let kind: Option<ServiceKind> = service.and_then(|word| word.parse().ok());
    let request = BackupRequest {
        encrypt_to: policy(app.as_ref())?.encrypt_to,
        app,
        kind,
        service: service.filter(|_| kind.is_none()).map(str::to_owned),
        also: Vec::new(),
        reason: Reason::Manual,
        to: vec![Place::Server],
        has_bucket: false,
        prune: None,
        fresh: Fresh::Only,
        restore_tests: None,
        is_watched: false,
    };
    let report = with_host(invocation, |host, interrupts| {
        make(host, interrupts, &request, None, true, invocation)
    })?;
    finish(&report, invocation)
}

/// What is going to happen to the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Before {
    /// It is destroyed
    Destroy,
    /// The app goes back to an earlier release
    Rollback,
}

/// `dokku-cli db APP ensure-backup`
pub fn ensure(
    app: &AppName,
    before: Before,
    is_fresh: bool,
    directory: Option<&Path>,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let reason = match before {
        Before::Destroy => Reason::PreDestroy,
        Before::Rollback => Reason::PreRollback,
    };
    let fresh = if is_fresh {
        Fresh::Only
    } else {
        Fresh::OrYoung
    };
    let copy = with_host(invocation, |host, interrupts| {
        let copies = Copies {
            app,
            also: &[],
            reason,
            fresh,
            directory,
            here: Path::new("."),
        };
        ensure_safe_copy(&copies, host, interrupts, invocation)
    })?;
    let kept = copy.kept().unwrap_or_default();
    if invocation.ui.is_json() {
        invocation.ui.json(&json!({"app": app, "kept": kept}))?;
        return Ok(exit_codes::OK);
    }
    for copy in kept {
        invocation.ui.result(&visible(&format!(
            "{} ({}): {}",
            copy.of.service, copy.of.kind, copy.at
        )))?;
    }
    if kept.is_empty() {
        invocation
            .ui
            .info(&format!("{app} is linked to no service"));
    }
    Ok(exit_codes::OK)
}

/// One entry of the audit log for each service and place.
fn tell_all(
    report: &BackupReport,
    started: Timestamp,
    host: &SshHost,
    invocation: &Invocation,
) -> Result<(), Failure> {
    let actor = actor::name(None)?;
    for entry in entries(report, started, || origin::begin(&actor, host.name(), None)) {
        publish(&entry, Chain::over(host), invocation);
    }
    Ok(())
}

/// By the plugin; where there is none and the bucket is enough, from here.
pub fn make(
    host: &SshHost,
    interrupts: &dyn Interrupts,
    request: &BackupRequest,
    bucket: Option<&BucketSettings>,
    is_place_named: bool,
    invocation: &Invocation,
) -> Result<BackupReport, Failure> {
    let origin = origin::begin(&actor::name(None)?, host.name(), None);
    let started = origin.time;
    // One for all of them, in case there is no report that names each.
    let is_whole = request.kind.is_none() && request.service.is_none();
    let mut entry = match &request.app {
        Some(app) => AuditEntry::of_app(Action::Backup, app, Status::Started, &origin),
        None if is_whole => AuditEntry::of_host(Action::Maintenance, Status::Started, &origin),
        None => AuditEntry::of_host(Action::Backup, Status::Started, &origin),
    };
    let begun = Begun::note(&entry, invocation);
    let made = made(
        host,
        interrupts,
        request,
        bucket,
        is_place_named,
        invocation,
    );
    match &made {
        Ok(report) => {
            tell_all(report, started, host, invocation)?;
            begun.forget();
        }
        Err(failure) => {
            entry = entry.note(&format!("the backups were not made: {}", failure.message));
            let status = publish::of_failure(failure, host.reach());
            entry.finish(status, started, Timestamp::now());
            begun.ended(&entry, Chain::over(host));
        }
    }
    made
}

fn made(
    host: &SshHost,
    interrupts: &dyn Interrupts,
    request: &BackupRequest,
    bucket: Option<&BucketSettings>,
    is_place_named: bool,
    invocation: &Invocation,
) -> Result<BackupReport, Failure> {
    let ui = invocation.ui;
    match plugin::make(host, interrupts, request, bucket, ui)? {
        Server::Answered(report) => Ok(report),
        Server::NoPlugin(failure) => {
            let wants_server = request.to.contains(&Place::Server);
            let (Some(bucket), false) = (bucket, wants_server && is_place_named) else {
                return Err(failure);
            };
            if wants_server {
                ui.warning("The plugin is not on the host: backups go to the bucket only, through this machine");
            }
            let found = match &request.app {
                Some(app) => flow::linked(host, app, &ServiceKind::ALL),
                None => flow::all(host, &ServiceKind::ALL),
            }?;
            into_bucket(host, interrupts, request, &found, bucket, invocation)
        }
    }
}

/// From the host through this machine into the bucket.
fn into_bucket(
    host: &SshHost,
    interrupts: &dyn Interrupts,
    request: &BackupRequest,
    found: &[Found],
    bucket: &BucketSettings,
    invocation: &Invocation,
) -> Result<BackupReport, Failure> {
    let bucket = Bucket::open(bucket)?;
    let only = Only {
        app: request.app.clone(),
        kind: request.kind,
        service: None,
    };
    let planned = flow::plan(found, &only);
    let turn = invocation.state_directory()?;
    let tests = request.restore_tests.map(|rule| {
        let (places, here) = ((None, Some(&bucket)), Path::new("."));
        Tests::plan(&planned, rule, places, Timestamp::now(), &turn, here)
    });
    let run = Run {
        host,
        shelf: None,
        bucket: Some(&bucket),
        encrypt_to: &request.encrypt_to,
        reason: request.reason,
        fresh: request.fresh,
        clock: &SystemClock,
        interrupts,
        ui: invocation.ui,
        tests: tests.as_ref(),
    };
    let mut report = run.all(&planned);
    run.test(&planned, &mut report);
    if let Some(rule) = &request.prune {
        run.prune(&mut report, rule);
    }
    Ok(report)
}

impl From<ObserveError> for Failure {
    fn from(error: ObserveError) -> Self {
        match error {
            ObserveError::Host(error) => error.into(),
            ObserveError::NoSuchApp { app, host } => super::missing(&app, &host),
        }
    }
}
