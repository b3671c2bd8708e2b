//! Old backups go, once a run has made new ones.

use std::io;

use dokku_deploy::{
    backup::Place,
    plugin_protocol::{BackupReport, Listed, Pruned},
    retention::Rule,
};
use jiff::Timestamp;

use super::{bucket::Bucket, run::Run, shelf::prune};

impl Run<'_> {
    /// Removes what the rule does not keep, of the services whose new backup is good.
    pub fn prune(&self, report: &mut BackupReport, rule: &Rule) {
        let is_backed_up = |listed: &Listed, place: Place| {
            listed.manifest.as_ref().is_some_and(|manifest| {
                report.results.iter().any(|result| {
                    result.place == place
                        && !result.outcome.is_failure()
                        && (result.kind, &result.app, &result.service)
                            == (manifest.kind, &manifest.app, &manifest.service)
                })
            })
        };
        let now = self.clock.now();
        let mut pruned: Vec<io::Result<Vec<Pruned>>> = Vec::new();
        if let Some(shelf) = self.shelf {
            pruned.push(shelf.list(None).and_then(|mut listed| {
                listed.retain(|one| is_backed_up(one, Place::Server));
                shelf.prune_listed(&listed, rule, now, false)
            }));
        }
        if let Some(bucket) = self.bucket {
            pruned.push(bucket.list(None).and_then(|mut listed| {
                listed.retain(|one| is_backed_up(one, Place::S3));
                prune_bucket(bucket, &listed, rule, now, false)
            }));
        }
        for pruned in pruned {
            match pruned {
                Ok(pruned) => report.pruned.extend(pruned),
                Err(error) => report
                    .warnings
                    .push(format!("what is too old could not be removed: {error}")),
            }
        }
    }
}

/// Judges backups in a bucket, and removes what does not stay. A good one there has its size and its
/// record; its content was checked by the store when it came.
pub fn prune_bucket(
    bucket: &Bucket,
    listed: &[Listed],
    rule: &Rule,
    now: Timestamp,
    is_dry_run: bool,
) -> io::Result<Vec<Pruned>> {
    prune(
        listed,
        rule,
        now,
        is_dry_run,
        |id| bucket.has(&id.name).unwrap_or(false),
        |id| bucket.remove(&id.name),
    )
}
