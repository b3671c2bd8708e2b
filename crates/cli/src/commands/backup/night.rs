//! What people are told of the night's backups.

use dokku_deploy::{
    audit::{Action, AuditEntry},
    dokku::deploy_system,
    host::Host,
    notification::{QUIET, overdue, summary},
    plugin_protocol::{AuditAnswer, AuditRequest, BackupReport},
};
use jiff::Timestamp;

use super::{Server, ask};
use crate::{
    actor,
    failure::Failure,
    host::SshHost,
    invocation::Invocation,
    origin,
    publish::{Chain, publish},
};

/// One summary of a run over all apps.
pub fn tell_summary(
    report: &BackupReport,
    started: Timestamp,
    host: &SshHost<'_>,
    invocation: &Invocation<'_>,
) -> Result<(), Failure> {
    let origin = origin::begin(&actor::name(None)?, host.name(), None);
    let entry = summary(Ok(report), started, Timestamp::now(), &origin);
    publish(&entry, Chain::over(host), invocation);
    Ok(())
}

/// That backups are overdue, unless the host's log says that it was told within a day. Where that is not
/// known nobody is told, and that is said.
pub fn tell_overdue(why: &str, host: &SshHost<'_>, invocation: &Invocation<'_>) {
    match overdue_now(why, host) {
        Ok(Some(entry)) => publish(&entry, Chain::over(host), invocation),
        Ok(None) => {}
        Err(failure) => invocation.ui.warning(&format!(
            "nobody was told that backups are overdue: whether somebody was already is not known ({})",
            failure.message
        )),
    }
}

fn overdue_now(why: &str, host: &SshHost<'_>) -> Result<Option<AuditEntry>, Failure> {
    let origin = origin::begin(&actor::name(None)?, host.name(), None);
    let request = AuditRequest {
        app: None,
        action: Some(Action::BackupOverdue.as_str().to_owned()),
        actor: None,
        since: origin.time.checked_sub(QUIET).ok(),
        limit: 1,
    };
    let answer: AuditAnswer = match ask(host, &deploy_system::audit(&request))? {
        Server::Answered(answer) => answer,
        Server::NoPlugin(failure) => return Err(failure),
    };
    let told = answer.entries.first().and_then(AuditEntry::time);
    Ok(overdue(why, told, &origin))
}
