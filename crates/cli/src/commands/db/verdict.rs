//! The verdict of a restore test goes into the manifest of the backup, wherever that lies.

use dokku_deploy::{
    backup::{BackupId, Manifest, Place},
    dokku::deploy_system,
    plugin_protocol::{TestNoted, TestedRequest},
};
use jiff::Timestamp;

use super::{download::open_bucket, restore::Source};
use crate::{
    backup,
    commands::{
        backup::{Server, ask},
        with_host,
    },
    exit_codes,
    failure::Failure,
    invocation::Invocation,
};

/// Notes it. `manifest` is the one that was beside the file that was read.
pub fn note(
    source: &Source,
    manifest: Option<Manifest>,
    is_good: bool,
    shown: &str,
    invocation: &Invocation,
) -> Result<(), Failure> {
    let Some(mut manifest) = manifest else {
        invocation.ui.warning(&format!(
            "{shown} has no manifest that could tell of this test"
        ));
        return Ok(());
    };
    let Some(id) = source.id() else {
        manifest.restore_tested = is_good.then(Timestamp::now);
        return Ok(backup::note(source.path(), &manifest)?);
    };
    elsewhere(id, manifest.raw_sha256, is_good, invocation).map_err(|failure| {
        Failure::new(
            failure.code,
            format!(
                "the manifest of {id} does not tell of this test: {}",
                failure.message
            ),
        )
    })
}

fn elsewhere(
    id: &BackupId,
    raw_sha256: String,
    is_good: bool,
    invocation: &Invocation,
) -> Result<(), Failure> {
    match id.place {
        Place::Server => {
            let request = TestedRequest {
                id: id.to_string(),
                raw_sha256,
                is_good,
            };
            let command = deploy_system::backup_tested(&request);
            match with_host(invocation, |host, _| ask::<TestNoted>(host, &command))? {
                Server::Answered(_) => Ok(()),
                Server::NoPlugin(failure) => Err(failure),
            }
        }
        Place::S3 => open_bucket(id)?
            .note_test(&id.name, &raw_sha256, is_good.then(Timestamp::now))
            .map_err(|error| Failure::new(exit_codes::HOST, error.to_string())),
    }
}
