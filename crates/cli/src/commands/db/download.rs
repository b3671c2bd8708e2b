//! `dokku-cli db APP download ID`: a copy of a backup of the server or the bucket, here.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use dokku_deploy::{
    app::AppName,
    backup::{BackupId, Manifest, Place},
    dokku::deploy_system,
    interrupt::Interrupts,
};
use serde_json::json;

use super::{
    DownloadArguments,
    backup::size,
    places::{listing, local_name},
};
use crate::{
    backup::{Bucket, BucketSettings, Flaw, Identities, Written, check, require_room},
    commands::{backup as server, with_host},
    exit_codes,
    failure::Failure,
    host::SshHost,
    invocation::Invocation,
    ui::Watched,
};

/// Downloads.
pub fn run(
    app: &AppName,
    arguments: &DownloadArguments,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let id = parse(app, &arguments.id)?;
    let identities = arguments
        .identity
        .as_deref()
        .map(read_identities)
        .transpose()?;
    let path = fetch(&id, Path::new("."), identities.as_ref(), invocation)?;
    let path = path.strip_prefix(".").unwrap_or(&path);
    let bytes = fs_err::metadata(path)?.len();
    if ui.is_json() {
        ui.json(&json!({"app": app, "id": id.to_string(), "file": path, "size": bytes}))?;
    }
    ui.success(&format!("Downloaded: {} ({})", path.display(), size(bytes)));
    Ok(exit_codes::OK)
}

/// The id of a backup of this app.
pub fn parse(app: &AppName, text: &str) -> Result<BackupId, Failure> {
    let id = BackupId::parse(text).ok_or_else(|| {
        Failure::usage(format!(
            "{text:?} is no id of a backup: server:KIND/APP/FILE or s3:KIND/APP/FILE"
        ))
        .hint(format!("`dokku-cli db {app} list-backups` shows them."))
    })?;
    if id.name.app != *app {
        return Err(Failure::refused(format!(
            "{id} is a backup of {}, not of {app}",
            id.name.app
        )));
    }
    Ok(id)
}

/// Private keys from a file.
pub fn read_identities(path: &Path) -> Result<Identities, Failure> {
    Identities::read(path).map_err(|error| Failure::settings(error.to_string()))
}

/// Copies a backup into a directory, compared with its record; decrypted where keys are given. Where
/// the name is taken by the same content, that file is the copy.
pub fn fetch(
    id: &BackupId,
    directory: &Path,
    identities: Option<&Identities>,
    invocation: &Invocation,
) -> Result<PathBuf, Failure> {
    let source = Source::of(id)?;
    let mut manifest = source.manifest(id, invocation)?;
    require_room(directory, manifest.size)?;
    let content = (manifest.sha256.clone(), manifest.size);
    let copied = with_host(invocation, |host, interrupts| {
        let mut failure = None;
        let progress = invocation.ui.progress(&id.to_string());
        let copied = Written::copy(directory, Some((&content.0, content.1)), |to| {
            let to = &mut Watched::new(to, &progress);
            source.receive(id, host, interrupts, to).map_err(|error| {
                let message = error.message.clone();
                failure = Some(error);
                io::Error::other(message)
            })
        });
        match failure {
            Some(failure) => Err(failure),
            None => Ok(copied?),
        }
    })?;
    let Some((mut written, ..)) = copied else {
        return Err(Failure::new(
            exit_codes::VERIFICATION,
            format!("{id} is not what its manifest says: nothing was kept of it"),
        ));
    };
    let mut is_encrypted = !manifest.encrypted_to.is_empty();
    if let (true, Some(identities)) = (is_encrypted, identities) {
        let sealed = fs_err::File::open(written.path())?;
        let opened = Written::copy(directory, None, |to| {
            let mut opened = identities.decrypt(io::BufReader::new(sealed))?;
            io::copy(&mut opened, to).map(drop)
        })
        .map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => {
                Failure::refused(format!("{id}: {}", Flaw::NotOpened))
            }
            _ => Failure::new(
                exit_codes::VERIFICATION,
                format!("{id} cannot be decrypted: {error}"),
            ),
        })?;
        if let Some((open, sha256, size)) = opened {
            (written, is_encrypted) = (open, false);
            (manifest.sha256, manifest.size) = (sha256, size);
            manifest.encrypted_to.clear();
        }
    }
    match check(written.path()) {
        Ok(_) | Err(Flaw::Sealed) => {}
        Err(flaw) => {
            return Err(Failure::new(
                exit_codes::VERIFICATION,
                format!("{id} is not good: {flaw}"),
            ));
        }
    }
    let path = directory.join(local_name(id, is_encrypted).to_string());
    written
        .publish([path.clone()], &manifest)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                Failure::refused(format!("{} exists already", path.display()))
                    .hint("Remove it, or go to another directory.")
            }
            _ => error.into(),
        })
}

/// The bucket that a backup is in.
pub fn open_bucket(id: &BackupId) -> Result<Bucket, Failure> {
    let settings = BucketSettings::from_environment()?.ok_or_else(|| {
        Failure::settings(format!("{id} is in a bucket, and AWS_S3_BUCKET is not set"))
    })?;
    Ok(Bucket::open(&settings)?)
}

/// Where a backup comes from.
enum Source {
    Host,
    Bucket(Bucket),
}

impl Source {
    fn of(id: &BackupId) -> Result<Self, Failure> {
        match id.place {
            Place::Server => Ok(Self::Host),
            Place::S3 => open_bucket(id).map(Self::Bucket),
        }
    }

    fn manifest(&self, id: &BackupId, invocation: &Invocation) -> Result<Manifest, Failure> {
        let found = match self {
            Self::Bucket(bucket) => bucket
                .manifest(&id.name)
                .map_err(|error| Failure::new(exit_codes::HOST, error.to_string()))?,
            Self::Host => match listing(&id.name.app, false, invocation)? {
                server::Server::NoPlugin(failure) => return Err(failure),
                server::Server::Answered(listing) => listing
                    .backups
                    .into_iter()
                    .find(|one| one.id == id.to_string())
                    .and_then(|one| one.manifest),
            },
        };
        found.ok_or_else(|| {
            Failure::usage(format!("there is no backup {id} with a manifest")).hint(format!(
                "`dokku-cli db {} list-backups` shows them.",
                id.name.app
            ))
        })
    }

    fn receive(
        &self,
        id: &BackupId,
        host: &SshHost,
        interrupts: &dyn Interrupts,
        to: &mut (dyn Write + Send),
    ) -> Result<(), Failure> {
        match self {
            Self::Host => {
                server::receive(host, &deploy_system::backup_send(&id.name), to, interrupts)
            }
            Self::Bucket(bucket) => bucket
                .fetch(&id.name, to)
                .map_err(|error| Failure::new(exit_codes::HOST, error.to_string())),
        }
    }
}
