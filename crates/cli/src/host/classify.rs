//! What ssh's own words mean. They come from its log, never from the host's output, so that
//! nothing that an app prints can be taken for them.

use dokku_deploy::host::{Answer, HostError};

use super::session::Ended;

/// What the log of a client of the master says, which ended with 255.
pub fn client(log: &str) -> Ended {
    if log.contains("refused by peer") {
        Ended::NoSession
    } else if log.contains("read from master failed") || log.contains("master hung up") {
        Ended::Cut(Some(last_words(log)))
    } else if log.contains("Control socket connect") || log.contains("UNKNOWN port") {
        Ended::NotSent
    } else {
        Ended::Silent
    }
}

/// Whether ssh connected and could not make its control socket.
pub fn has_no_socket(log: &str) -> bool {
    [
        "unix_listener",
        "mux listener",
        "ControlPath too long",
        "ControlSocket",
    ]
    .iter()
    .any(|words| log.contains(words))
}

/// Why there is no connection.
pub fn connecting(host: &str, log: &str) -> HostError {
    let host = host.to_owned();
    let has = |words: &str| log.contains(words);
    if has("IDENTIFICATION HAS CHANGED") {
        let why = "it has changed since it was last seen, or is not the one that was pinned".into();
        return HostError::HostKey { host, why };
    }
    if has("Host key verification failed") || has("host key is known for") {
        let why = "it is not among the known hosts".into();
        return HostError::HostKey { host, why };
    }
    if has("bad configuration option") {
        let why = configuration_faults(log);
        return HostError::Unreachable { host, why };
    }
    let why = last_words(log);
    if has("Permission denied (") || has("Too many authentication failures") {
        let why = log
            .lines()
            .rev()
            .find(|line| line.contains("Permission denied (") || line.contains("Too many auth"))
            .map_or(why, |line| {
                // "dokku@10.0.0.1: Permission denied (publickey)."
                line.split_once(": ")
                    .map_or(line, |(_, rest)| rest)
                    .trim()
                    .to_owned()
            });
        return HostError::KeyRefused { host, why };
    }
    if has("exec request failed") {
        return HostError::NotDokku { host, why };
    }
    HostError::Unreachable { host, why }
}

/// What ssh finds wrong with its configuration, each with its file and line.
fn configuration_faults(log: &str) -> String {
    let faults: Vec<&str> = log
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.contains("terminating, "))
        .collect();
    if faults.is_empty() {
        return last_words(log);
    }
    format!("ssh's configuration is wrong: {}", faults.join("; "))
}

/// The last line of ssh's log that says something.
pub fn last_words(log: &str) -> String {
    log.lines()
        .map(str::trim)
        .rfind(|line| {
            !line.is_empty()
                && !line.starts_with("Warning: Permanently added")
                && !line.starts_with("**")
        })
        .map_or_else(
            || "the connection was closed".to_owned(),
            |line| {
                line.trim_start_matches("ssh: ")
                    .trim_end_matches('.')
                    .to_owned()
            },
        )
}

/// Whether an answer comes from a shell, or from some other service, instead of from Dokku.
pub fn not_dokku(host: &str, verb: &str, answer: &Answer) -> Option<HostError> {
    if answer.is_ok() {
        return None;
    }
    let complaint = answer.complaint();
    let is_shell = answer.status == 127
        && complaint.lines().any(|line| {
            line.ends_with(&format!("{verb}: command not found"))
                || line.ends_with(&format!("{verb}: not found"))
                || line.contains(&format!("Unknown command: {verb}"))
        });
    let said = format!("{complaint}\n{}", String::from_utf8_lossy(&answer.stdout));
    let is_banner = [
        "This account is currently not available",
        "This account is not available",
        "does not provide shell access",
        "Shell access is not",
        "Invalid command: '",
        "This service allows sftp connections only",
    ]
    .iter()
    .any(|banner| said.contains(banner));
    (is_shell || is_banner).then(|| HostError::NotDokku {
        host: host.to_owned(),
        why: said
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or_default()
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: i32, stderr: &str) -> Answer {
        Answer {
            command: "apps:list".into(),
            status,
            stdout: Vec::new(),
            stderr: stderr.into(),
        }
    }

    #[test]
    fn each_way_to_fail_to_connect_has_its_kind() {
        let kind = |log: &str| connecting("h", log).to_string();
        assert_eq!(
            kind("ssh: connect to host h port 22: Connection refused\r\n"),
            "cannot reach h: connect to host h port 22: Connection refused"
        );
        assert_eq!(
            kind("ssh: Could not resolve hostname h: Name or service not known\r\n"),
            "cannot reach h: Could not resolve hostname h: Name or service not known"
        );
        assert_eq!(
            kind("dokku@h: Permission denied (publickey).\r\n"),
            "h refused the ssh key: Permission denied (publickey)."
        );
        assert!(matches!(
            connecting(
                "h",
                "No ED25519 host key is known for h and you have requested strict checking.\r\nHost key verification failed.\r\n"
            ),
            HostError::HostKey { .. }
        ));
        assert!(matches!(
            connecting("h", "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed."),
            HostError::HostKey { why, .. } if why.contains("changed")
        ));
        assert_eq!(kind(""), "cannot reach h: the connection was closed");
    }

    #[test]
    fn a_clients_log_tells_whether_the_command_was_sent() {
        let unsent = "Control socket connect(/r/s0): Connection refused\nkex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535";
        assert_eq!(client(unsent), Ended::NotSent);
        assert_eq!(
            client(
                "mux_client_request_session: session request failed: Session open refused by peer\nConnection closed by UNKNOWN port 65535"
            ),
            Ended::NoSession
        );
        assert!(matches!(
            client(
                "mux_client_request_session: read from master failed: Broken pipe\nConnection closed by UNKNOWN port 65535"
            ),
            Ended::Cut(Some(_))
        ));
        assert_eq!(client(""), Ended::Silent);
    }

    #[test]
    fn a_shell_is_not_dokku_but_a_missing_program_in_a_container_is() {
        assert!(
            not_dokku(
                "h",
                "apps:list",
                &answer(127, "bash: line 1: apps:list: command not found\n")
            )
            .is_some()
        );
        assert!(
            not_dokku(
                "h",
                "apps:list",
                &answer(127, "sh: 1: apps:list: not found\n")
            )
            .is_some()
        );
        assert!(
            not_dokku(
                "h",
                "apps:list",
                &answer(1, "This account is currently not available.\n")
            )
            .is_some()
        );
        assert!(not_dokku("h", "run", &answer(127, "sh: 1: rake: not found\n")).is_none());
        assert!(
            not_dokku(
                "h",
                "tags",
                &answer(1, " !     `tags` is not a dokku command.\n")
            )
            .is_none()
        );
    }
}
