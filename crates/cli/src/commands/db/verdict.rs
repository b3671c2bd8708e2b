//! The verdict of a restore test goes into the manifest of the backup, wherever that lies.

use dokku_deploy::{
    backup::{BackupId, Manifest, Place, TestVerdict},
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

/// Notes it: why it failed, or that it did not. `manifest` is the one that was beside the file that
/// was read.
pub fn note(
    source: &Source,
    manifest: Option<Manifest>,
    failure: Option<&str>,
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
        let sha256 = manifest.raw_sha256.clone();
        manifest
            .note_test(&sha256, &verdict(failure))
            .map_err(|other| Failure::internal(other.to_string()))?;
        return Ok(backup::note(source.path(), &manifest)?);
    };
    elsewhere(id, manifest.raw_sha256, failure, invocation).map_err(|failure| {
        Failure::new(
            failure.code,
            format!(
                "the manifest of {id} does not tell of this test: {}",
                failure.message
            ),
        )
    })
}

fn verdict(failure: Option<&str>) -> TestVerdict {
    let now = Timestamp::now();
    failure.map_or(TestVerdict::Restores(now), |why| {
        TestVerdict::fails(now, why)
    })
}

fn elsewhere(
    id: &BackupId,
    raw_sha256: String,
    failure: Option<&str>,
    invocation: &Invocation,
) -> Result<(), Failure> {
    match id.place {
        Place::Server => {
            let request = TestedRequest {
                id: id.to_string(),
                raw_sha256,
                is_good: failure.is_none(),
                why: failure.map(str::to_owned),
            };
            let command = deploy_system::backup_tested(&request);
            match with_host(invocation, |host, _| ask::<TestNoted>(host, &command))? {
                Server::Answered(_) => Ok(()),
                Server::NoPlugin(failure) => Err(failure),
            }
        }
        Place::S3 => open_bucket(id)?
            .note_test(&id.name, &raw_sha256, &verdict(failure))
            .map_err(|error| Failure::new(exit_codes::HOST, error.to_string())),
    }
}
