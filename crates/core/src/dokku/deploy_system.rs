//! `deploy-system:*`: this system's own plugin on the host.
//!
//! Its commands answer one line of JSON whatever they come to; their exit status is that of
//! `dokku-cli` and says nothing more.

use serde::de::DeserializeOwned;

use super::is_unknown_command;
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
    plugin_protocol::{
        Fault, Greeting, LockRequest, Mismatch, Outcome, PROTOCOL, Reply, UnlockRequest, encode,
    },
};

/// Why the plugin gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    /// The host gave no answer that could be used.
    #[error(transparent)]
    Host(#[from] HostError),
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

/// Locks an app in one compare-and-set on the host. Answers a
/// [`Locking`](crate::plugin_protocol::Locking).
pub fn lock(app: &AppName, request: &LockRequest) -> DokkuCommand {
    command("lock")
        .flag("--request")
        .flag(&encode(request))
        .arg(app.as_str())
}

/// Unlocks an app in one compare-and-set on the host. Answers an
/// [`Unlocking`](crate::plugin_protocol::Unlocking).
pub fn unlock(app: &AppName, request: &UnlockRequest) -> DokkuCommand {
    command("unlock")
        .flag("--request")
        .flag(&encode(request))
        .arg(app.as_str())
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

/// Reads the answer to any of these. `host` is its name for messages.
pub fn read<T: DeserializeOwned>(answer: &Answer, host: &str) -> Result<T, PluginError> {
    let Ok(greeting) = serde_json::from_slice::<Greeting>(&answer.stdout) else {
        return Err(match answer {
            refused if is_unknown_command(refused) || !refused.is_ok() => refused.refused(),
            other => other.unparsable("an answer of the plugin deploy-system in JSON"),
        }
        .into());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dokku::recorded::{answer, app},
        plugin_protocol::{FaultKind, Unlocking, decode},
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
        assert_eq!(decode(words[6]), Ok(request));
        assert_eq!(words[7..], ["shop"]);
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
    fn the_longest_reason_fits_into_a_command() {
        let request = LockRequest {
            reason: "\u{1}".repeat(crate::lock::LONGEST_REASON),
            by: "ada".into(),
            end: None,
            id: "one-1".into(),
            replace: false,
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
            (
                1,
                "",
                " !     `deploy-system:lock` is not a dokku command.\n",
            ),
            (70, "", "it crashed"),
        ] {
            let read = read_unlock(status, stdout, stderr);
            assert!(
                matches!(read, Err(PluginError::Host(_))),
                "{stdout:?} {read:?}"
            );
        }
    }
}
