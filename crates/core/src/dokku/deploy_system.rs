//! `deploy-system:*`: this system's own plugin on the host.
//!
//! Its commands answer one line of JSON whatever they come to; their exit status is that of
//! `dokku-cli` and says nothing more.

use serde::{Serialize, de::DeserializeOwned};

use super::is_unknown_command;
use crate::{
    app::AppName,
    backup::StoredName,
    command::DokkuCommand,
    credentials::Credentials,
    host::{Answer, HostError},
    plugin_protocol::{
        AuditRequest, BackupRequest, BackupsRequest, Fault, Greeting, JournalRequest, LockRequest,
        Mismatch, NotifyRequest, Outcome, PROTOCOL, PermitRequest, ProtectRequest, PruneRequest,
        RecordRequest, Reply, RetainRequest, RollbackRequest, TestedRequest, UnlockRequest, encode,
    },
    secret::Secret,
    service::ServiceKind,
};

/// Why the plugin gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    /// The host gave no answer that could be used.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The host does not know this command.
    #[error(
        "{0}; the plugin deploy-system is not there, or older than this dokku-cli: `dokku-cli server setup` brings it up to date"
    )]
    Lacking(HostError),
    /// The plugin speaks another protocol.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The plugin says no.
    #[error(transparent)]
    Fault(#[from] Fault),
}

fn command(subcommand: &str) -> DokkuCommand {
    DokkuCommand::new(format!("deploy-system:{subcommand}"))
        .flag("--protocol")
        .flag(&PROTOCOL.to_string())
        .flag("--format")
        .flag("json")
}

/// A command about an app with a request in base64.
fn request(subcommand: &str, app: &AppName, request: &impl Serialize) -> DokkuCommand {
    requesting(subcommand, request).arg(app.as_str())
}

/// A command with a request in base64, which tells people nothing and so is never shown.
fn requesting(subcommand: &str, request: &impl Serialize) -> DokkuCommand {
    command(subcommand)
        .flag("--request")
        .secret(Secret::new(encode(request)))
}

/// Locks an app in one compare-and-set on the host. Answers a
/// [`Locking`](crate::plugin_protocol::Locking).
pub fn lock(app: &AppName, lock: &LockRequest) -> DokkuCommand {
    request("lock", app, lock)
}

/// Unlocks an app in one compare-and-set on the host. Answers an
/// [`Unlocking`](crate::plugin_protocol::Unlocking).
pub fn unlock(app: &AppName, unlock: &UnlockRequest) -> DokkuCommand {
    request("unlock", app, unlock)
}

/// Lets one commit of a locked app pass once, a push or a rollback to it. Answers a
/// [`Permit`](crate::plugin_protocol::Permit).
pub fn permit(app: &AppName, permit: &PermitRequest) -> DokkuCommand {
    request("permit", app, permit)
}

/// Keeps the image of a release. Answers a [`Retained`](crate::plugin_protocol::Retained).
pub fn retain(app: &AppName, retain: &RetainRequest) -> DokkuCommand {
    request("retain", app, retain)
}

/// Takes, keeps or removes the app's deploy journal, in one compare-and-set on the host. Answers a
/// [`Journaling`](crate::plugin_protocol::Journaling).
pub fn journal(app: &AppName, journal: &JournalRequest) -> DokkuCommand {
    command("journal")
        .arg(app.as_str())
        .input(Secret::new(encode(journal)))
        .confidential()
}

/// Lets an app be seen with these credentials only. Answers a
/// [`Protected`](crate::plugin_protocol::Protected).
pub fn protect(app: &AppName, credentials: &Credentials) -> DokkuCommand {
    let request = ProtectRequest {
        user: credentials.user().to_owned(),
        password: credentials.password().expose().to_owned(),
    };
    command("protect")
        .arg(app.as_str())
        .input(Secret::new(encode(&request)))
        .confidential()
}

/// Asks which releases' images are kept. Answers a list of
/// [`KeptImage`](crate::plugin_protocol::KeptImage), newest release first.
pub fn images(app: &AppName) -> DokkuCommand {
    command("images").arg(app.as_str())
}

/// Runs a kept image again. Takes as long as a restart of the app, and tells Dokku's output of it on
/// standard error: to be followed. The last line of standard output answers a
/// [`RollingBack`](crate::plugin_protocol::RollingBack), see [`read_line`].
pub fn rollback_image(app: &AppName, rollback: &RollbackRequest) -> DokkuCommand {
    request("rollback-image", app, rollback)
}

/// Asks for the lock of an app and of its base. Answers a
/// [`Status`](crate::lock::Status).
pub fn status(app: &AppName) -> DokkuCommand {
    command("status").arg(app.as_str())
}

/// Asks for the locks of all apps that the ssh key may see. Answers a list of
/// [`Status`](crate::lock::Status).
pub fn locks() -> DokkuCommand {
    command("locks")
}

/// Puts an entry into the host's audit log. Answers a
/// [`Recorded`](crate::plugin_protocol::Recorded).
pub fn record(request: &RecordRequest) -> DokkuCommand {
    command("record").input(Secret::new(encode(request)))
}

/// Makes backups on the host. Answers a [`BackupReport`](crate::plugin_protocol::BackupReport);
/// what it is doing comes on standard error.
pub fn backup(request: &BackupRequest) -> DokkuCommand {
    requesting("backup", request)
}

/// Lists the backups of the host. Answers a [`Listing`](crate::plugin_protocol::Listing).
pub fn backups(request: &BackupsRequest) -> DokkuCommand {
    requesting("backups", request)
}

/// Reads backups of the host to their ends. Answers a list of
/// [`Verified`](crate::plugin_protocol::Verified).
pub fn backup_verify(request: &BackupsRequest) -> DokkuCommand {
    requesting("backup-verify", request)
}

/// Removes backups of the host that a rule does not keep. Answers a list of
/// [`Pruned`](crate::plugin_protocol::Pruned).
pub fn backup_prune(request: &PruneRequest) -> DokkuCommand {
    requesting("backup-prune", request)
}

/// Writes a backup of the host to standard output, as it lies there.
pub fn backup_send(name: &StoredName) -> DokkuCommand {
    DokkuCommand::new("deploy-system:backup-send").arg(name.to_string())
}

/// Writes the verdict of a restore test into the manifest of a backup of the host. Answers a
/// [`TestNoted`](crate::plugin_protocol::TestNoted).
pub fn backup_tested(request: &TestedRequest) -> DokkuCommand {
    requesting("backup-tested", request)
}

/// Asks how much the disk takes that the data of services of a kind lie on. Answers a
/// [`Room`](crate::plugin_protocol::Room).
pub fn backup_room(kind: ServiceKind) -> DokkuCommand {
    command("backup-room").arg(kind.as_str())
}

/// Asks for entries of the host's audit log. Answers an
/// [`AuditAnswer`](crate::plugin_protocol::AuditAnswer).
pub fn audit(request: &AuditRequest) -> DokkuCommand {
    command("audit").input(Secret::new(encode(request)))
}

/// Changes whom the host tells, or asks for it. Answers a
/// [`NotifyState`](crate::plugin_protocol::NotifyState).
pub fn notify(request: &NotifyRequest) -> DokkuCommand {
    command("notify").input(Secret::new(encode(request)))
}

/// Reads the answer to any of these. `host` is its name for messages.
pub fn read<T: DeserializeOwned>(answer: &Answer, host: &str) -> Result<T, PluginError> {
    let Ok(greeting) = serde_json::from_slice::<Greeting>(&answer.stdout) else {
        return Err(match answer {
            unknown if is_unknown_command(unknown) => PluginError::Lacking(unknown.refused()),
            refused if !refused.is_ok() => refused.refused().into(),
            other => other
                .unparsable("an answer of the plugin deploy-system in JSON")
                .into(),
        });
    };
    if greeting.protocol != PROTOCOL {
        return Err(Mismatch {
            host: host.to_owned(),
            version: greeting.version,
            theirs: greeting.protocol,
            ours: PROTOCOL,
        }
        .into());
    }
    let reply: Reply<T> = serde_json::from_slice(&answer.stdout)
        .map_err(|_| answer.unparsable("what protocol 1 of the plugin deploy-system says"))?;
    match reply.outcome {
        Outcome::Result(result) => Ok(result),
        Outcome::Error(fault) => Err(fault.into()),
    }
}

/// Reads the answer to a command that was followed, by its status and the last line that it wrote
/// to standard output.
pub fn read_line<T: DeserializeOwned>(
    command: &DokkuCommand,
    status: i32,
    line: &str,
    host: &str,
) -> Result<T, PluginError> {
    let answer = Answer {
        command: command.to_string(),
        status,
        stdout: line.as_bytes().to_vec(),
        stderr: Vec::new(),
    };
    read(&answer, host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dokku::recorded::{answer, app},
        plugin_protocol::{FaultKind, RollingBack, Unlocking, decode},
    };

    fn read_unlock(status: i32, stdout: &str, stderr: &str) -> Result<Unlocking, PluginError> {
        read(&answer(status, stdout, stderr), "h")
    }

    #[test]
    fn a_reason_is_never_sent_in_clear_words() {
        let request = LockRequest {
            reason: "fix --app other --force 'now'".into(),
            by: "ada".into(),
            end: None,
            id: "one-1".into(),
            replace: false,
            record: None,
        };
        let wire = lock(&app("shop"), &request).wire().unwrap();
        let words: Vec<&str> = wire.split(' ').collect();
        assert_eq!(
            words[..6],
            [
                "deploy-system:lock",
                "--protocol",
                "1",
                "--format",
                "json",
                "--request"
            ]
        );
        assert_eq!(decode(words[6]), Ok(request.clone()));
        assert_eq!(words[7..], ["shop"]);
        let shown = lock(&app("shop"), &request).to_string();
        assert!(
            !shown.contains(words[6]) && shown.ends_with(" shop"),
            "{shown}"
        );
        assert_eq!(
            locks().wire().unwrap(),
            "deploy-system:locks --protocol 1 --format json"
        );
        assert_eq!(
            status(&app("shop")).wire().unwrap(),
            "deploy-system:status --protocol 1 --format json shop"
        );
    }

    #[test]
    fn images_are_kept_and_gone_back_to_by_requests_in_one_word() {
        let shop = app("shop");
        let image = format!("sha256:{}", "a".repeat(64));
        let retain_request = RetainRequest {
            version: 3,
            image: image.clone(),
        };
        let line = retain(&shop, &retain_request).wire().unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[0], "deploy-system:retain");
        assert_eq!(decode(words[6]), Ok(retain_request));
        assert_eq!(
            images(&shop).wire().unwrap(),
            "deploy-system:images --protocol 1 --format json shop"
        );
        let rollback = RollbackRequest {
            version: 2,
            image: image.clone(),
            commit: "0".repeat(40),
            by: "ada --force".into(),
        };
        let command = rollback_image(&shop, &rollback);
        let line = r#"{"protocol":1,"version":"0.1.0","result":{"outcome":"not-kept","kept":[]}}"#;
        assert_eq!(
            read_line::<RollingBack>(&command, 4, line, "h"),
            Ok(RollingBack::NotKept { kept: Vec::new() })
        );
        assert!(read_line::<RollingBack>(&command, 0, "", "h").is_err());
        assert!(
            command
                .wire()
                .unwrap()
                .starts_with("deploy-system:rollback-image ")
        );
    }

    #[test]
    fn the_longest_reason_fits_into_a_command() {
        let request = LockRequest {
            reason: "\u{1}".repeat(crate::lock::LONGEST_REASON),
            by: "ada".into(),
            end: None,
            id: "one-1".into(),
            replace: false,
            record: None,
        };
        assert!(lock(&app("shop"), &request).wire().is_ok());
    }

    #[test]
    fn results_faults_and_other_protocols_are_told_apart() {
        let result = r#"{"protocol":1,"version":"0.1.0","result":{"outcome":"not-locked"}}"#;
        assert_eq!(read_unlock(0, result, ""), Ok(Unlocking::NotLocked));
        let fault =
            r#"{"protocol":1,"version":"0.1.0","error":{"kind":"unreadable","message":"m"}}"#;
        assert!(matches!(
            read_unlock(5, fault, ""),
            Err(PluginError::Fault(Fault {
                kind: FaultKind::Unreadable,
                ..
            }))
        ));
        let newer = r#"{"protocol":2,"version":"0.9.0","news":[]}"#;
        let error = read_unlock(0, newer, "").unwrap_err().to_string();
        assert!(
            error.contains("0.9.0") && error.contains("upgrade dokku-cli"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for (status, stdout, stderr) in [
            (0, "", ""),
            (0, "{}", ""),
            (
                0,
                r#"{"protocol":1,"version":"x","result":{"outcome":"danced"}}"#,
                "",
            ),
            (70, "", "it crashed"),
        ] {
            let read = read_unlock(status, stdout, stderr);
            assert!(
                matches!(read, Err(PluginError::Host(_))),
                "{stdout:?} {read:?}"
            );
        }
        let unknown = " !     `deploy-system:lock` is not a dokku command.\n";
        let lacking = read_unlock(1, "", unknown).unwrap_err();
        assert!(matches!(lacking, PluginError::Lacking(_)), "{lacking:?}");
        assert!(lacking.to_string().contains("server setup"), "{lacking}");
    }
}
