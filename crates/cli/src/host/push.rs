//! `git push` over the connection that the commands use.

use std::{
    ops::ControlFlow,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
};

use dokku_deploy::host::{Follow, HostError, Push, PushOutcome, Stream};

use super::{
    child::Watch,
    connection::{Passage, local},
    lines::Lines,
    route::shell_line,
};
use crate::target::Target;

/// What the push is called in messages.
pub fn name(push: &Push) -> String {
    let short = push.commit.get(..7).unwrap_or(&push.commit);
    format!("git push {} {short}:{}", push.app, push.branch)
}

/// Whether the commit is in the local repository, which `from` is instead of the current directory's.
pub fn is_here(push: &Push, from: Option<&Path>) -> Result<bool, HostError> {
    let mut command = quiet_git(from);
    let answer = command
        .args(["cat-file", "-e", &format!("{}^{{commit}}", push.commit)])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| local("git", &error))?;
    Ok(answer.status.success())
}

/// Gets the app's history from the host, for a commit that only the host has. The objects come
/// without a name of their own; git's next clean-up takes them away again.
pub fn fetch(
    push: &Push,
    target: &Target,
    passage: &Passage,
    from: Option<&Path>,
) -> Result<(), HostError> {
    let answer = over(passage, from)
        .args(["fetch", "--no-tags", "--no-write-fetch-head", "--quiet"])
        .args(["--recurse-submodules=no", "--", &address(push, target)])
        .arg(format!("refs/heads/{}", push.branch))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| local("git", &error))?;
    if answer.status.success() && is_here(push, from)? {
        return Ok(());
    }
    Err(HostError::Local {
        program: "git".into(),
        why: format!(
            "the commit {} is neither in this repository nor in the app's branch {} on the host{}",
            push.commit,
            push.branch,
            match String::from_utf8_lossy(&answer.stderr).trim() {
                "" => String::new(),
                words => format!(": {words}"),
            }
        ),
    })
}

/// `dokku@host:app`.
fn address(push: &Push, target: &Target) -> String {
    let host = if target.host().contains(':') {
        format!("[{}]", target.host())
    } else {
        target.host().to_owned()
    };
    format!("{}@{host}:{}", target.user(), push.app)
}

/// git without the hooks, prompts and translations of this machine.
fn quiet_git(from: Option<&Path>) -> Command {
    let mut command = Command::new("git");
    if let Some(from) = from {
        // Not as its directory: paths in ssh's options may be relative to this one.
        command.env("GIT_DIR", from);
    }
    command
        .args(["-c", "core.hooksPath=/dev/null"])
        .args(["-c", "push.followTags=false"])
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .process_group(0);
    for name in [
        "GIT_PUSH_OPTION_COUNT",
        "GIT_TRACE",
        "GIT_TRACE_PACKET",
        "GIT_TRACE_CURL",
        "GIT_TRACE2",
        "GIT_TRACE2_EVENT",
        "GIT_TRACE2_PERF",
    ] {
        command.env_remove(name);
    }
    command
}

/// git whose ssh goes through the passage.
fn over(passage: &Passage, from: Option<&Path>) -> Command {
    let mut command = quiet_git(from);
    command
        .env("GIT_SSH_COMMAND", shell_line("ssh", &passage.options))
        .env("GIT_SSH_VARIANT", "ssh");
    command
}

/// The command that pushes.
pub fn command(push: &Push, target: &Target, passage: &Passage, from: Option<&Path>) -> Command {
    let reference = format!("refs/heads/{}", push.branch);
    let mut command = over(passage, from);
    command.args(["push", "--porcelain", "--no-verify", "--no-signed"]);
    command.arg("--recurse-submodules=no");
    if let Some(expected) = &push.force_with_lease {
        command.arg(format!("--force-with-lease={reference}:{expected}"));
    }
    command
        .arg("--")
        .arg(address(push, target))
        .arg(format!("{}:{reference}", push.commit));
    command
}

/// What git printed that decides the outcome.
#[derive(Debug, Default)]
pub struct Said {
    /// The porcelain line about our branch: its flag and its summary.
    verdict: Option<(char, String)>,
    /// The last lines on standard error that are git's own.
    last: Vec<String>,
}

/// Listens to a running push.
pub struct Hearing<'f> {
    out: Lines,
    err: Lines,
    said: Said,
    follow: &'f mut dyn Follow,
}

impl<'f> Hearing<'f> {
    /// Hands what the host says on to `follow`.
    pub fn new(follow: &'f mut dyn Follow) -> Self {
        Self {
            out: Lines::default(),
            err: Lines::with_returns(),
            said: Said::default(),
            follow,
        }
    }

    /// After the end of the push.
    pub fn finish(mut self) -> Said {
        self.out.finish(|line| self.said.porcelain(line));
        self.err
            .finish(|line| self.said.error_line(line, self.follow));
        self.said
    }
}

impl Watch for Hearing<'_> {
    fn piece(&mut self, from: Stream, bytes: &[u8]) -> ControlFlow<()> {
        match from {
            Stream::Out => self.out.take(bytes, |line| self.said.porcelain(line)),
            Stream::Err => self
                .err
                .take(bytes, |line| self.said.error_line(line, self.follow)),
        }
        ControlFlow::Continue(())
    }

    fn tick(&mut self) -> ControlFlow<()> {
        self.follow.tick()
    }
}

/// How many of git's own lines are kept for a message.
const KEPT: usize = 6;

impl Said {
    fn porcelain(&mut self, line: &str) {
        let mut fields = line.split('\t');
        let (Some(flag), Some(_), Some(summary)) = (fields.next(), fields.next(), fields.next())
        else {
            return;
        };
        let mut letters = flag.chars();
        if let (Some(flag), None) = (letters.next(), letters.next()) {
            self.verdict = Some((flag, summary.to_owned()));
        }
    }

    fn error_line(&mut self, line: &str, follow: &mut dyn Follow) {
        if let Some(remote) = line.strip_prefix("remote:") {
            let text = remote.strip_prefix(' ').unwrap_or(remote);
            // git pads each line with eight blanks to wipe out what stood there before.
            let text = text.strip_suffix("        ").unwrap_or(text);
            let text = text.strip_suffix("\x1b[K").unwrap_or(text);
            follow.line(Stream::Err, text);
        } else if !line.trim().is_empty() {
            if self.last.len() == KEPT {
                self.last.remove(0);
            }
            self.last.push(line.trim().to_owned());
        }
    }

    /// The outcome, where git has told it.
    pub fn outcome(&self, status: Option<i32>) -> Option<PushOutcome> {
        let (flag, summary) = self.verdict.as_ref()?;
        match flag {
            '=' => Some(PushOutcome::UpToDate),
            ' ' | '+' | '*' if status == Some(0) => Some(PushOutcome::Accepted),
            // The host did not tell whether it moved the branch.
            '!' if summary.contains("remote failure") => None,
            '!' => Some(PushOutcome::Rejected {
                reason: reason(summary),
            }),
            _ => None,
        }
    }

    /// The host ended the push before it came to the branch, in words of its own.
    pub fn refusal(&self) -> Option<PushOutcome> {
        let is_remote = self.last.iter().any(|line| {
            line.contains("Could not read from remote repository")
                || line.contains("the remote end hung up")
        });
        let words = self
            .last
            .iter()
            .filter(|line| {
                !line.starts_with("fatal: ") && !line.starts_with("error: failed to push")
            })
            .filter(|line| {
                !line.starts_with("Please make sure") && !line.starts_with("and the repository")
            })
            .map(|line| line.trim_start_matches(['!', ' ']).to_owned())
            .collect::<Vec<_>>()
            .join("; ");
        (is_remote && self.verdict.is_none() && !words.is_empty())
            .then_some(PushOutcome::Rejected { reason: words })
    }

    /// The push as something that git could not do.
    pub fn failure(&self, name: &str) -> HostError {
        HostError::Local {
            program: "git".into(),
            why: if self.last.is_empty() {
                format!("`{name}` ended without a result")
            } else {
                self.last.join("\n")
            },
        }
    }
}

/// What stands in the parentheses of `[remote rejected] (pre-receive hook declined)`.
fn reason(summary: &str) -> String {
    summary
        .split_once('(')
        .and_then(|(_, rest)| rest.rsplit_once(')'))
        .map_or(summary, |(reason, _)| reason)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use dokku_deploy::app::AppName;

    use super::*;

    #[derive(Default)]
    struct Heard(Vec<String>);

    impl Follow for Heard {
        fn line(&mut self, _: Stream, line: &str) {
            self.0.push(line.to_owned());
        }
    }

    fn hear(out: &str, err: &str) -> (Said, Vec<String>) {
        let mut heard = Heard::default();
        let mut hearing = Hearing::new(&mut heard);
        assert!(hearing.piece(Stream::Out, out.as_bytes()).is_continue());
        assert!(hearing.piece(Stream::Err, err.as_bytes()).is_continue());
        let said = hearing.finish();
        (said, heard.0)
    }

    const TO: &str = "To dokku@h:app\n";

    #[test]
    fn the_outcome_is_read_from_the_porcelain_lines() {
        let outcome = |line: &str, status| {
            hear(&format!("{TO}{line}\nDone\n"), "")
                .0
                .outcome(Some(status))
        };
        let at = "abc:refs/heads/master";
        for line in [
            format!(" \t{at}\tabc..def"),
            format!("*\t{at}\t[new branch]"),
            format!("+\t{at}\tabc...def (forced update)"),
        ] {
            assert_eq!(outcome(&line, 0), Some(PushOutcome::Accepted), "{line}");
        }
        assert_eq!(
            outcome(&format!("=\t{at}\t[up to date]"), 0),
            Some(PushOutcome::UpToDate)
        );
        for (summary, reason) in [
            (
                "[remote rejected] (pre-receive hook declined)",
                "pre-receive hook declined",
            ),
            ("[rejected] (non-fast-forward)", "non-fast-forward"),
            ("[rejected] (stale info)", "stale info"),
        ] {
            assert_eq!(
                outcome(&format!("!\t{at}\t{summary}"), 1),
                Some(PushOutcome::Rejected {
                    reason: reason.into()
                })
            );
        }
        assert_eq!(
            outcome(
                &format!("!\t{at}\t[remote failure] (remote failed to report status)"),
                1
            ),
            None
        );
        assert_eq!(outcome("nonsense", 0), None);
    }

    #[test]
    fn the_hosts_lines_come_without_prefix_and_padding() {
        let (_, lines) = hear(
            "",
            "remote: -----> Building        \nremote:        indented        \nremote:         \nerror: failed to push some refs\n",
        );
        assert_eq!(lines, ["-----> Building", "       indented", ""]);
    }

    #[test]
    fn a_push_that_the_host_ends_at_once_is_refused_in_its_words() {
        let (said, _) = hear(
            "",
            " !     Access denied\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n",
        );
        assert_eq!(
            said.refusal(),
            Some(PushOutcome::Rejected {
                reason: "Access denied".into()
            })
        );
        let (said, _) = hear("", "error: src refspec abc does not match any\n");
        assert_eq!(said.refusal(), None);
        assert!(
            said.failure("git push")
                .to_string()
                .contains("does not match any")
        );
    }

    #[test]
    fn the_command_names_commit_branch_and_lease() {
        let push = Push {
            app: AppName::new("app").unwrap(),
            commit: "a".repeat(40),
            branch: "main".into(),
            force_with_lease: Some("b".repeat(40)),
        };
        let passage = Passage {
            options: vec!["-S".into(), "/r d/s".into()],
            log: "/l".into(),
            shared: None,
        };
        let command = command(&push, &Target::parse("[::1]:22").unwrap(), &passage, None);
        let args: Vec<_> = command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect();
        assert!(args.contains(&format!(
            "--force-with-lease=refs/heads/main:{}",
            "b".repeat(40)
        )));
        assert!(args.ends_with(&[
            "--".into(),
            "dokku@[::1]:app".into(),
            format!("{}:refs/heads/main", "a".repeat(40))
        ]));
        let environment: Vec<_> = command.get_envs().collect();
        assert!(environment.contains(&(
            "GIT_SSH_COMMAND".as_ref(),
            Some("ssh '-S' '/r d/s'".as_ref())
        )));
    }
}
