//! Before an app's data is destroyed: a good copy of each of its services, or no leave to go on.

use std::{
    env,
    path::{Path, PathBuf},
};

use dokku_deploy::{
    app::AppName,
    backup::{Fresh, Kept, Need, Place, Reason, SafetyCopy, needs},
    flows::backup::{self as flow, Found},
    host::Host,
    interrupt::Interrupts,
    plugin_protocol::{BackupOutcome, BackupReport, BackupRequest},
    service::{ServiceKind, ServiceName},
};
use jiff::Timestamp;

use super::{
    into_bucket,
    plugin::{self, Server},
    policy, tell_all,
};
use crate::{
    backup::{self, BucketSettings, make_private},
    ci,
    commands::db::{Order, understood},
    exit_codes,
    failure::Failure,
    host::SshHost,
    invocation::Invocation,
};

/// The copies that are wanted.
pub struct Copies<'a> {
    /// The app: every service that it is linked to.
    pub app: &'a AppName,
    /// Further services of it, which nothing is linked to any more.
    pub also: &'a [(ServiceKind, ServiceName)],
    /// What is going to happen.
    pub reason: Reason,
    /// Whether one younger than 60 minutes counts.
    pub fresh: Fresh,
    /// The directory that a person named for them.
    pub directory: Option<&'a Path>,
    /// The directory that people call this one.
    pub here: &'a Path,
}

/// Makes sure that every service has a good backup: a new one with the prefix of the reason, or a
/// young one that counts. In the directory that was named; else by the plugin on the host; without it
/// over ssh, in the bucket, or else in the current directory, but never there in CI: what lies on a
/// runner is lost with it.
///
/// Whoever destroys something calls this first, and goes on only with what it returns. Where the
/// person typed `--without-backup`, that is [`SafetyCopy::waived`].
pub fn ensure_safe_copy(
    copies: &Copies,
    host: &SshHost,
    interrupts: &dyn Interrupts,
    invocation: &Invocation,
) -> Result<SafetyCopy, Failure> {
    let app = copies.app;
    let (linked, unlinked) = flow::of_app(host, app, copies.also)?;
    let services = [&linked[..], &unlinked].concat();
    let wanted: Vec<Need> = services
        .iter()
        .map(|of| Need::new(of.kind, &of.service))
        .collect();
    if services.is_empty() {
        return leave(&[], Vec::new());
    }
    let in_directory = |directory: &Path| {
        let found = in_directory(copies, &services, directory, host, interrupts, invocation)?;
        leave(&wanted, found)
    };
    if let Some(directory) = named_directory(copies) {
        make_private(&directory)?;
        if env::var("RUNNER_ENVIRONMENT").is_ok_and(|kind| kind == "github-hosted") {
            invocation.ui.warning(&format!(
                "This runner ends with the job: keep what is in {} by a later step",
                directory.display()
            ));
        }
        return in_directory(&directory);
    }
    let request = BackupRequest {
        app: Some(app.clone()),
        kind: None,
        service: None,
        also: unlinked
            .iter()
            .map(|of| Need::new(of.kind, &of.service))
            .collect(),
        reason: copies.reason,
        to: vec![Place::Server],
        encrypt_to: policy(Some(app))?.encrypt_to,
        has_bucket: false,
        prune: None,
        fresh: copies.fresh,
        restore_tests: None,
        is_watched: false,
    };
    let started = Timestamp::now();
    let report = match plugin::make(host, interrupts, &request, None, invocation.ui)? {
        Server::Answered(report) => report,
        Server::NoPlugin(_) => match BucketSettings::from_environment()? {
            Some(bucket) => {
                invocation.ui.info(
                    "The plugin is not on the host: the copies go through this machine into the bucket",
                );
                into_bucket(host, interrupts, &request, &services, &bucket, invocation)?
            }
            None if ci::is_here() => return Err(no_place(app, host.name())),
            None => {
                invocation.ui.info(
                    "The plugin is not on the host: the copies are made on this machine, in this directory",
                );
                return in_directory(copies.here);
            }
        },
    };
    tell_all(&report, started, host, invocation)?;
    leave(&wanted, kept(&report)).map_err(|mut failure| {
        let reasons = report.results.iter().filter_map(|one| match &one.outcome {
            BackupOutcome::Failed { why } => Some(why.as_str()),
            _ => None,
        });
        let reasons: Vec<&str> = reasons.collect();
        failure.message = format!("{}: {}", failure.message, reasons.join("; "));
        failure
    })
}

/// `--backup-dir`, else `DOKKU_BACKUP_DIR`.
fn named_directory(copies: &Copies) -> Option<PathBuf> {
    let variable = || env::var_os("DOKKU_BACKUP_DIR").map(PathBuf::from);
    let named = copies.directory.map(Path::to_owned).or_else(variable);
    let named = named.filter(|path| !path.as_os_str().is_empty())?;
    Some(copies.here.join(named))
}

fn no_place(app: &AppName, host: &str) -> Failure {
    let machine = host.rsplit('@').next().unwrap_or(host);
    Failure::refused(format!(
        "there is no place for copies of the services of {app}: the plugin is not on {host}, no bucket is set, \
         and what lies on a runner is lost when the job ends"
    ))
    .hint(format!("Install the plugin, which keeps them on the host: dokku-cli server setup --root-ssh root@{machine}"))
    .hint("Or set a bucket: AWS_S3_BUCKET, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.")
    .hint("Or name a directory that outlives the job: --backup-dir DIR or DOKKU_BACKUP_DIR.")
    .hint("Or give the data up: --without-backup; for previews `preview: {backup: false}` in .dokku/config.yml.")
}

fn kept(report: &BackupReport) -> Vec<Kept> {
    report
        .results
        .iter()
        .filter_map(|one| match &one.outcome {
            BackupOutcome::Made { id, manifest } | BackupOutcome::Young { id, manifest } => {
                Some(Kept {
                    of: Need {
                        kind: one.kind,
                        service: one.service.clone(),
                    },
                    at: id.clone(),
                    time: manifest.started,
                })
            }
            BackupOutcome::Failed { .. } => None,
        })
        .collect()
}

fn leave(wanted: &[Need], kept: Vec<Kept>) -> Result<SafetyCopy, Failure> {
    SafetyCopy::of(wanted, kept).map_err(|lacking| {
        let names: Vec<String> = lacking
            .iter()
            .map(|need| format!("{} ({})", need.service, need.kind))
            .collect();
        Failure::new(
            exit_codes::VERIFICATION,
            format!(
                "nothing was destroyed, because there is no good copy of {}",
                names.join(", ")
            ),
        )
        .hint("Where the data is past saving, --without-backup goes on without a copy.")
    })
}

fn in_directory(
    wish: &Copies,
    services: &[Found],
    directory: &Path,
    host: &SshHost,
    interrupts: &dyn Interrupts,
    invocation: &Invocation,
) -> Result<Vec<Kept>, Failure> {
    let wanted: Vec<Need> = services
        .iter()
        .map(|of| Need::new(of.kind, &of.service))
        .collect();
    let mut copies = Vec::new();
    for found in backup::find(directory, wish.app)? {
        let Ok(Some(manifest)) = &found.manifest else {
            continue;
        };
        let copy = Kept {
            of: Need {
                kind: manifest.kind,
                service: manifest.service.clone(),
            },
            at: shown(&found.path),
            time: found.name.time,
        };
        // Only what could spare a dump is read.
        let is_useful = needs(
            &wanted,
            std::slice::from_ref(&copy),
            wish.fresh,
            Timestamp::now(),
        )
        .len()
            < wanted.len();
        if is_useful && manifest.flaw(found.size).is_none() && backup::check(&found.path).is_ok() {
            copies.push(copy);
        }
    }
    for need in needs(&wanted, &copies, wish.fresh, Timestamp::now()) {
        let Some(of) = services
            .iter()
            .find(|of| of.kind == need.kind && of.service.as_str() == need.service)
        else {
            continue;
        };
        let linked = understood(of.kind, of.service.clone())?;
        let order = Order {
            app: wish.app,
            linked: &linked,
            directory,
            is_gzip: true,
            reason: wish.reason,
        };
        let (written, manifest) = order.take(host, interrupts, invocation.ui)?;
        let path: PathBuf = order.publish(written, &manifest, None)?;
        invocation
            .ui
            .info(&format!("{} is kept in {}", need.service, path.display()));
        copies.push(Kept {
            of: need,
            at: shown(&path),
            time: manifest.started,
        });
    }
    Ok(copies)
}

fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}
