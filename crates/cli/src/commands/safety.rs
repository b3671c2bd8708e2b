//! Before data goes: a checked copy of every service of an app.

use std::path::{Path, PathBuf};

use clap::Args;
use dokku_deploy::{
    app::AppName,
    backup::{Fresh, Kept, Need, Reason, SafetyCopy, WithoutBackup},
    interrupt::Interrupts,
    service::{ServiceKind, ServiceName},
};

use super::backup::{Copies, ensure_safe_copy};
use crate::{exit_codes, failure::Failure, host::SshHost, invocation::Invocation};

/// How the data of services is safe before they are destroyed.
#[derive(Debug, Clone, Default, Args)]
pub struct Safety {
    /// Make new backups, even where there are good ones younger than an hour
    #[arg(long)]
    pub fresh: bool,
    /// Go on without any backup. What is lost is lost
    #[arg(long, conflicts_with = "fresh")]
    pub without_backup: bool,
    /// Make the backups in this directory, instead of on the host or in the bucket; `DOKKU_BACKUP_DIR`
    /// does the same
    #[arg(long, value_name = "DIR", conflicts_with = "without_backup")]
    pub backup_dir: Option<PathBuf>,
    /// Where people keep files, if that is not the current directory any more.
    #[arg(skip)]
    pub here: Option<PathBuf>,
}

/// Copies of all services, or no leave to go on.
pub fn ensure(
    app: &AppName,
    services: &[(ServiceKind, ServiceName)],
    reason: Reason,
    safety: &Safety,
    host: &SshHost<'_>,
    interrupts: &dyn Interrupts,
    invocation: &Invocation<'_>,
) -> Result<SafetyCopy, Failure> {
    let ui = invocation.ui;
    if safety.without_backup {
        if !services.is_empty() {
            ui.warning(&format!(
                "The services of {app} are not backed up, as was asked for"
            ));
        }
        return Ok(SafetyCopy::waived(WithoutBackup));
    }
    if services.is_empty() {
        return of(&[], Vec::new());
    }
    let needs: Vec<Need> = services
        .iter()
        .map(|(kind, name)| Need::new(*kind, name))
        .collect();
    let copy = copy(app, services, reason, safety, host, interrupts, invocation)?;
    let mut kept = copy.kept().unwrap_or_default().to_vec();
    kept.retain(|kept| needs.contains(&kept.of));
    of(&needs, kept)
}

fn of(needs: &[Need], kept: Vec<Kept>) -> Result<SafetyCopy, Failure> {
    SafetyCopy::of(needs, kept).map_err(|lacking| {
        let names: Vec<String> = lacking.into_iter().map(|need| need.service).collect();
        Failure::new(
            exit_codes::VERIFICATION,
            format!("there is no backup of {}", names.join(", ")),
        )
    })
}

/// Copies of everything that the app is linked to, and of `also`.
fn copy(
    app: &AppName,
    also: &[(ServiceKind, ServiceName)],
    reason: Reason,
    safety: &Safety,
    host: &SshHost<'_>,
    interrupts: &dyn Interrupts,
    invocation: &Invocation<'_>,
) -> Result<SafetyCopy, Failure> {
    let copies = Copies {
        app,
        also,
        reason,
        fresh: if safety.fresh {
            Fresh::Only
        } else {
            Fresh::OrYoung
        },
        directory: safety.backup_dir.as_deref(),
        here: safety.here.as_deref().unwrap_or(Path::new(".")),
    };
    ensure_safe_copy(&copies, host, interrupts, invocation)
}

/// Copies of everything that the app is linked to, before a rollback: what runs then may read the data
/// in another way.
pub fn before_rollback(
    app: &AppName,
    safety: &Safety,
    host: &SshHost<'_>,
    interrupts: &dyn Interrupts,
    invocation: &Invocation<'_>,
) -> Result<(), Failure> {
    if safety.without_backup {
        invocation.ui.warning(&format!(
            "The services of {app} are not backed up, as was asked for"
        ));
        return Ok(());
    }
    copy(
        app,
        &[],
        Reason::PreRollback,
        safety,
        host,
        interrupts,
        invocation,
    )
    .map(drop)
    .map_err(|failure| failure.hint("Nothing was rolled back."))
}
