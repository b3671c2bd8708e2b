//! `prune` where this machine's disk ends: on the server and in the bucket.

use dokku_deploy::{
    app::AppName,
    audit::{Action, key},
    dokku::deploy_system,
    plugin_protocol::{BackupsRequest, Pruned},
    retention::Rule,
};
use jiff::Timestamp;

use super::record;
use crate::{
    backup::{Bucket, BucketSettings, prune_bucket},
    commands::{
        backup::{Server, ask},
        with_host,
    },
    exit_codes,
    failure::Failure,
    host::SshHost,
    invocation::Invocation,
    publish::recorded,
    ui::Ui,
};

/// How many of the backups that were removed are named in the record.
const NAMED: usize = 100;

/// Removes them, or says which ones would go.
pub fn elsewhere(
    app: &AppName,
    rule: &Rule,
    is_dry_run: bool,
    invocation: &Invocation,
) -> Result<Vec<Pruned>, Failure> {
    let ui = invocation.ui;
    let pruned = with_host(invocation, |host, _| {
        if is_dry_run {
            return pruned(app, rule, true, host, ui);
        }
        let entry = record::entry(Action::BackupPrune, app, host)?;
        recorded(entry, host, invocation, |entry| {
            let pruned = pruned(app, rule, false, host, ui)?;
            let gone = pruned.iter().filter(|one| !one.is_kept);
            let gone: Vec<&str> = gone.map(|one| one.id.as_str()).take(NAMED).collect();
            entry.set(key::BACKUP, gone);
            Ok(pruned)
        })
    })?;
    for one in &pruned {
        let verb = match (one.is_kept, is_dry_run) {
            (true, _) => "stays",
            (false, true) => "would go",
            (false, false) => "removed",
        };
        ui.info(&format!("{}: {verb} ({})", one.id, one.why));
    }
    Ok(pruned)
}

fn pruned(
    app: &AppName,
    rule: &Rule,
    is_dry_run: bool,
    host: &SshHost,
    ui: &Ui,
) -> Result<Vec<Pruned>, Failure> {
    let request = BackupsRequest {
        app: Some(app.clone()),
        id: None,
        rule: Some(rule.clone()),
        is_dry_run,
        with_bucket: false,
        is_brief: false,
    };
    let mut pruned: Vec<Pruned> = match ask(host, &deploy_system::backup_prune(&request))? {
        Server::Answered(pruned) => pruned,
        Server::NoPlugin(_) => {
            ui.info("The plugin is not on the host: nothing was looked at there");
            Vec::new()
        }
    };
    if let Some(settings) = BucketSettings::from_environment()? {
        let of_bucket = |error: std::io::Error| Failure::new(exit_codes::HOST, error.to_string());
        let bucket = Bucket::open(&settings).map_err(of_bucket)?;
        let listed = bucket.list(Some(app)).map_err(of_bucket)?;
        pruned.extend(
            prune_bucket(&bucket, &listed, rule, Timestamp::now(), is_dry_run)
                .map_err(of_bucket)?,
        );
    }
    Ok(pruned)
}
