//! `prune`: old backups go, here, in the bucket and on the server.

use std::{collections::BTreeMap, path::Path};

use dokku_deploy::{
    app::AppName,
    audit::{Action, AuditEntry},
    dokku::deploy_system,
    plugin_protocol::{PruneRequest, Pruned, name_removed},
    retention::{self, Candidate, Rule},
};
use jiff::Timestamp;
use serde_json::json;

use super::{PruneArguments, record};
use crate::{
    backup::{self, Bucket, BucketSettings, Flaw, Found, manifest_path, prune_bucket},
    commands::{
        backup::{Server, ask, policy},
        with_host,
    },
    exit_codes,
    failure::Failure,
    host::SshHost,
    invocation::Invocation,
    publish::recorded,
    ui::Ui,
};

/// Removes what the rule does not keep. Only files with a manifest of this program are judged.
pub fn run(
    app: &AppName,
    arguments: &PruneArguments,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let pruning = Pruning {
        app,
        rule: policy(Some(app))?.rule,
        is_dry_run: arguments.dry_run,
        ui,
    };
    let mut judged = Vec::new();
    let result = with_host(invocation, |host, _| {
        if pruning.is_dry_run {
            return pruning.everywhere(host, None, &mut judged);
        }
        let entry = record::entry(Action::BackupPrune, app, host)?;
        recorded(entry, host, invocation, |entry| {
            pruning.everywhere(host, Some(entry), &mut judged)
        })
    });
    let removed = removed(&judged);
    if ui.is_json() {
        ui.json(&json!({
            "app": app,
            "is_dry_run": pruning.is_dry_run,
            "removed": removed,
            "judged": judged,
        }))?;
    }
    let verb = if pruning.is_dry_run {
        "would be removed"
    } else {
        "removed"
    };
    ui.success(&format!("{} backup(s) of {app} {verb}", removed.len()));
    result.map(|()| exit_codes::OK)
}

fn removed(judged: &[Pruned]) -> Vec<String> {
    let gone = judged.iter().filter(|one| !one.is_kept);
    gone.map(|one| one.id.clone()).collect()
}

struct Pruning<'a> {
    app: &'a AppName,
    rule: Rule,
    is_dry_run: bool,
    ui: &'a Ui,
}

impl Pruning<'_> {
    /// Whatever fails, the entry names what was removed before.
    fn everywhere(
        &self,
        host: &SshHost,
        entry: Option<&mut AuditEntry>,
        judged: &mut Vec<Pruned>,
    ) -> Result<(), Failure> {
        let result = self
            .here(judged)
            .and_then(|()| self.in_bucket(judged))
            .and_then(|()| self.on_host(host, judged));
        if let Some(entry) = entry {
            name_removed(entry, &removed(judged));
        }
        result
    }

    fn here(&self, judged: &mut Vec<Pruned>) -> Result<(), Failure> {
        let mut series: BTreeMap<String, Vec<(Found, Candidate)>> = BTreeMap::new();
        for found in backup::find(Path::new("."), self.app)? {
            let Ok(Some(manifest)) = &found.manifest else {
                let foreign = Pruned {
                    id: name(&found),
                    is_kept: true,
                    why: "not made by this program, or its manifest is lost".to_owned(),
                };
                self.tell(foreign, judged)?;
                continue;
            };
            let candidate = Candidate {
                time: found.name.time,
                reason: found.name.reason,
                is_good: manifest.flaw(found.size).is_none()
                    && matches!(backup::check(&found.path), Ok(_) | Err(Flaw::Sealed)),
                is_restore_tested: manifest.restore_tested.is_some(),
            };
            let key = format!("{}:{}", manifest.kind, manifest.service);
            series.entry(key).or_default().push((found, candidate));
        }
        for backups in series.values() {
            let candidates: Vec<Candidate> =
                backups.iter().map(|(_, candidate)| *candidate).collect();
            let now = Timestamp::now();
            // All were read just now.
            let verdicts = retention::judge_read(&candidates, &self.rule, now, |_| true);
            for ((found, _), verdict) in backups.iter().zip(verdicts) {
                if !verdict.is_keep() && !self.is_dry_run {
                    // The file first: a manifest that is left alone is no backup.
                    fs_err::remove_file(&found.path)?;
                    fs_err::remove_file(manifest_path(&found.path))?;
                }
                let one = Pruned {
                    id: name(found),
                    is_kept: verdict.is_keep(),
                    why: verdict.to_string(),
                };
                self.tell(one, judged)?;
            }
        }
        Ok(())
    }

    fn in_bucket(&self, judged: &mut Vec<Pruned>) -> Result<(), Failure> {
        let Some(settings) = BucketSettings::from_environment()? else {
            return Ok(());
        };
        let of_bucket = |error: std::io::Error| Failure::new(exit_codes::HOST, error.to_string());
        let bucket = Bucket::open(&settings).map_err(of_bucket)?;
        let listed = bucket.list(Some(self.app)).map_err(of_bucket)?;
        let now = Timestamp::now();
        let pruned =
            prune_bucket(&bucket, &listed, &self.rule, now, self.is_dry_run).map_err(of_bucket)?;
        self.tell_all(pruned, judged)
    }

    fn on_host(&self, host: &SshHost, judged: &mut Vec<Pruned>) -> Result<(), Failure> {
        let request = PruneRequest {
            app: Some(self.app.clone()),
            rule: self.rule.clone(),
            is_dry_run: self.is_dry_run,
        };
        match ask::<Vec<Pruned>>(host, &deploy_system::backup_prune(&request))? {
            Server::Answered(pruned) => self.tell_all(pruned, judged),
            Server::NoPlugin(_) => {
                self.ui
                    .info("The plugin is not on the host: nothing was looked at there");
                Ok(())
            }
        }
    }

    fn tell_all(&self, pruned: Vec<Pruned>, judged: &mut Vec<Pruned>) -> Result<(), Failure> {
        pruned
            .into_iter()
            .try_for_each(|one| self.tell(one, judged))
    }

    /// What becomes of one, and why: the result of a dry run, else narration.
    fn tell(&self, one: Pruned, judged: &mut Vec<Pruned>) -> Result<(), Failure> {
        let verb = match (one.is_kept, self.is_dry_run) {
            (true, _) => "stays",
            (false, true) => "would go",
            (false, false) => "removed",
        };
        let line = format!("{}: {verb} ({})", one.id, one.why);
        judged.push(one);
        if self.is_dry_run && !self.ui.is_json() {
            return self.ui.result(&line);
        }
        self.ui.info(&line);
        Ok(())
    }
}

fn name(found: &Found) -> String {
    let name = found.path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
