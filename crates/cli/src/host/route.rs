//! How to get to the host: the options that ssh is given.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::target::Target;

/// How long the master stays when nobody holds on to it any more, in seconds.
const PERSIST: u32 = 5;
/// How the kinds of host keys begin.
const KINDS: [&str; 3] = ["ssh-", "ecdsa-", "sk-"];

/// The way to the host.
#[derive(Debug, Clone)]
pub struct Route {
    /// Where to.
    pub target: Target,
    /// The key to offer before ssh's own.
    pub key: Option<PathBuf>,
    /// Lines of `known_hosts` that the host has to match; otherwise ssh's own rules apply.
    pub host_key: Option<String>,
    /// How long the host may be silent.
    pub patience: Duration,
    /// Whether somebody sits at the terminal who can answer ssh's questions.
    pub is_interactive: bool,
}

impl Route {
    /// The host as people name it.
    pub fn name(&self) -> String {
        self.target.to_string()
    }

    /// The options of the process that makes and keeps the connection, up to the host.
    pub fn master(&self, socket: &Path, log: &Path, known_hosts: Option<&Path>) -> Vec<String> {
        let mut options = self.direct(log, known_hosts);
        options.extend(
            [
                "-N",
                "-o",
                "ControlMaster=yes",
                "-o",
                &format!("ControlPersist={PERSIST}"),
                "-S",
                &escaped(socket),
            ]
            .map(str::to_owned),
        );
        options
    }

    /// The options of a client of the master. It never connects by itself: where the master is
    /// gone it ends, and the command was not sent. The user's configuration is the master's
    /// business; here it could only do harm (`StdinNull`, `SessionType`).
    pub fn through(socket: &Path, log: &Path) -> Vec<String> {
        [
            "-F",
            "none",
            "-a",
            "-x",
            "-T",
            "-E",
            &log.to_string_lossy(),
            "-S",
            &escaped(socket),
        ]
        .map(str::to_owned)
        .into_iter()
        .chain(options(&[
            "ControlMaster=no",
            "LogLevel=INFO",
            "ProxyCommand=false",
            "ClearAllForwardings=yes",
            "PermitLocalCommand=no",
            "RemoteCommand=none",
            "BatchMode=yes",
        ]))
        .collect()
    }

    /// The options of a connection of its own.
    pub fn direct(&self, log: &Path, known_hosts: Option<&Path>) -> Vec<String> {
        let patience = self.patience.as_secs().max(1);
        // ssh gives up when the third of these passes in silence.
        let (interval, count) = if patience < 3 {
            (1, 1)
        } else {
            ((patience - 1).div_ceil(4).max(1), 2)
        };
        let mut all = vec![
            "-a".to_owned(),
            "-x".to_owned(),
            "-T".to_owned(),
            "-E".to_owned(),
            log.to_string_lossy().into_owned(),
        ];
        all.extend(options(&[
            "LogLevel=INFO",
            "Compression=no",
            "ClearAllForwardings=yes",
            "PermitLocalCommand=no",
            "RemoteCommand=none",
            "ConnectionAttempts=1",
            &format!("ConnectTimeout={patience}"),
            &format!("ServerAliveInterval={interval}"),
            &format!("ServerAliveCountMax={count}"),
        ]));
        if !self.is_interactive {
            all.extend(options(&["BatchMode=yes"]));
        }
        if let Some(known_hosts) = known_hosts {
            all.extend(options(&[
                &format!("UserKnownHostsFile=\"{}\"", escaped(known_hosts)),
                "GlobalKnownHostsFile=/dev/null",
                "StrictHostKeyChecking=yes",
                "VerifyHostKeyDNS=no",
                "UpdateHostKeys=no",
                "IgnoreUnknown=KnownHostsCommand",
                "KnownHostsCommand=none",
            ]));
        }
        if let Some(key) = &self.key {
            all.extend(["-i".to_owned(), escaped(key)]);
            all.extend(options(&["IdentitiesOnly=yes"]));
        }
        all.extend(["-l".to_owned(), self.target.user().to_owned()]);
        if let Some(port) = self.target.port() {
            all.extend(["-p".to_owned(), port.to_string()]);
        }
        all
    }

    /// The text of the file that pins the host: the given lines; a bare key (`ssh-ed25519 AAAA…`)
    /// stands for this host under any name.
    pub fn known_hosts(&self) -> Option<String> {
        let mut text = String::new();
        for line in self.host_key.as_deref()?.lines().map(str::trim) {
            let is_bare = KINDS.iter().any(|kind| line.starts_with(kind));
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}{line}", if is_bare { "* " } else { "" });
        }
        Some(text)
    }
}

/// The first of the lines that is none of `known_hosts`, nor a key.
pub fn no_host_key(lines: &str) -> Option<&str> {
    lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .find(|line| !is_host_key(line))
}

/// Whether the line has a key, after the names of hosts or without them.
fn is_host_key(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let names = usize::from(line.starts_with('@'));
    [names, names + 1].into_iter().any(|at| {
        let is_kind = words
            .get(at)
            .is_some_and(|word| KINDS.iter().any(|kind| word.starts_with(kind)));
        // The kind is said again in the key, which is base64 and so begins like this.
        is_kind && words.get(at + 1).is_some_and(|key| key.starts_with("AAAA"))
    })
}

fn options(all: &[&str]) -> Vec<String> {
    all.iter()
        .flat_map(|option| ["-o".to_owned(), (*option).to_owned()])
        .collect()
}

/// A path in an option, where ssh would replace `%h` and the like.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%%")
}

/// A command line for `GIT_SSH_COMMAND`, which git gives to a shell.
pub fn shell_line(program: &str, options: &[String]) -> String {
    options.iter().fold(program.to_owned(), |mut line, option| {
        line.push_str(" '");
        line.push_str(&option.replace('\'', r"'\''"));
        line.push('\'');
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(patience: u64) -> Route {
        Route {
            target: Target::parse("example.com:2222").unwrap(),
            key: Some("/home/me/my keys/50%".into()),
            host_key: None,
            patience: Duration::from_secs(patience),
            is_interactive: false,
        }
    }

    #[test]
    fn a_silent_host_is_given_up_before_the_patience_ends() {
        for patience in [1, 2, 3, 5, 10, 15, 60] {
            let options = route(patience).direct(Path::new("/log"), None);
            let value = |name: &str| -> u64 {
                options
                    .iter()
                    .find_map(|option| option.strip_prefix(name))
                    .unwrap()
                    .parse()
                    .unwrap()
            };
            let silence = value("ServerAliveInterval=") * (value("ServerAliveCountMax=") + 1);
            assert!(silence <= patience.max(2), "{silence} of {patience}");
            assert_eq!(value("ConnectTimeout="), patience);
        }
    }

    #[test]
    fn a_key_with_blanks_is_one_argument() {
        let options = route(15).direct(Path::new("/log"), None);
        assert!(options.contains(&"/home/me/my keys/50%%".to_owned()));
        assert!(options.contains(&"BatchMode=yes".to_owned()));
        assert_eq!(
            shell_line("ssh", &["-i".into(), "it's a key".into()]),
            r"ssh '-i' 'it'\''s a key'"
        );
    }

    #[test]
    fn a_pinned_key_replaces_every_other_source() {
        let mut route = route(15);
        route.host_key = Some(" ssh-ed25519 AAAA \n[h]:22 ssh-rsa BBBB".into());
        assert_eq!(
            route.known_hosts().unwrap(),
            "* ssh-ed25519 AAAA\n[h]:22 ssh-rsa BBBB\n"
        );
        let options = route.direct(Path::new("/log"), Some(Path::new("/run/k")));
        for option in [
            "UserKnownHostsFile=\"/run/k\"",
            "GlobalKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=yes",
        ] {
            assert!(options.contains(&option.to_owned()), "{option}");
        }
    }

    #[test]
    fn a_pin_that_holds_no_key_is_recognised() {
        for key in [
            "ssh-ed25519 AAAAC3Nz",
            "[h]:22 ssh-ed25519 AAAAC3Nz comment",
            "# a comment\n\nh,10.0.0.1 ecdsa-sha2-nistp256 AAAAE2Vj",
            "|1|salt=|hash= ssh-rsa AAAAB3Nz",
            "@cert-authority *.example.com ssh-ed25519 AAAAC3Nz",
        ] {
            assert_eq!(no_host_key(key), None, "{key}");
        }
        for wrong in [
            "garbage",
            "ssh-ed25519",
            "h ssh-ed25519",
            "SHA256:abc",
            "h AAAAC3Nz",
            "ssh-ed25519 AAAAC3Nz\nh",
        ] {
            assert!(no_host_key(wrong).is_some(), "{wrong}");
        }
    }

    #[test]
    fn nothing_ever_turns_the_verification_off() {
        let route = route(15);
        let all = [
            route.direct(Path::new("/l"), None),
            route.master(Path::new("/s"), Path::new("/l"), Some(Path::new("/k"))),
            Route::through(Path::new("/s"), Path::new("/l")),
        ];
        for option in all.iter().flatten() {
            let is_weaker = option.starts_with("StrictHostKeyChecking=")
                && option != "StrictHostKeyChecking=yes";
            assert!(!is_weaker, "{option}");
        }
    }
}
