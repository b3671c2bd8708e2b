//! What a deploy of nothing new costs beside a bare `git push` of nothing new.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::table::Row;
use super::{median, milliseconds, time};
use crate::guestbook::{APP, Guestbook};
use crate::interrupt::Interrupts;
use crate::sandbox::{Life, Sandbox};
use crate::{program, say};

/// How often each is done, taking turns.
const TURNS: usize = 7;

/// The most that a deploy may add at a round trip of 50 ms.
const MOST_OVERHEAD: Duration = Duration::from_millis(1500);

/// Two rows for each round-trip delay: time and connections.
pub fn measure(cli: &Path, sandbox: &Path, interrupts: &Interrupts) -> anyhow::Result<Vec<Row>> {
    let sandbox = Sandbox::start(sandbox, Life::EndsWithThisProcess, interrupts)?;
    let guestbook = Guestbook::plant(&sandbox.directory()?.join(APP))?;
    let bench = Bench {
        cli,
        sandbox: &sandbox,
        guestbook: &guestbook,
    };
    say::line("the first deploy, which is not measured")?;
    time(&mut bench.deploy()?)?;
    let branch = bench.deploy_branch()?;
    let mut rows = Vec::new();
    for delay in [0, 50] {
        interrupts.check()?;
        say::line(&format!("{TURNS} turns at a round trip of {delay} ms"))?;
        sandbox.control(&json!({"do": "faults", "plan": {"delay_ms": delay}}))?;
        rows.extend(bench.compare(delay, &branch, interrupts)?);
    }
    sandbox.stop()?;
    Ok(rows)
}

struct Bench<'a> {
    cli: &'a Path,
    sandbox: &'a Sandbox,
    guestbook: &'a Guestbook,
}

impl Bench<'_> {
    fn compare(
        &self,
        delay: u64,
        branch: &str,
        interrupts: &Interrupts,
    ) -> anyhow::Result<[Row; 2]> {
        let (mut deploys, mut pushes) = (Vec::new(), Vec::new());
        let (mut of_deploys, mut of_pushes) = (0, 0);
        for _ in 0..TURNS {
            interrupts.check()?;
            self.connections()?;
            pushes.push(time(&mut self.push(branch))?);
            of_pushes = of_pushes.max(self.connections()?);
            deploys.push(time(&mut self.deploy()?)?);
            of_deploys = of_deploys.max(self.connections()?);
        }
        ensure!(
            of_pushes > 0 && of_deploys > 0,
            "the sandbox has counted no connections"
        );
        let (deploy, push) = (median(deploys), median(pushes));
        let overhead = deploy.saturating_sub(push);
        let additional = of_deploys.saturating_sub(of_pushes);
        Ok([
            Row {
                what: format!("deploy of nothing new, {delay} ms round trip, median of {TURNS}"),
                ours: milliseconds(deploy),
                theirs: format!("{} (`git push`)", milliseconds(push)),
                comparison: format!("+{}", milliseconds(overhead)),
                limit: if delay == 0 {
                    "–".to_owned()
                } else {
                    format!("under +{} ms", MOST_OVERHEAD.as_millis())
                },
                is_within: delay == 0 || overhead < MOST_OVERHEAD,
            },
            Row {
                what: format!(
                    "its connections, a handshake each, {delay} ms round trip, most of {TURNS}"
                ),
                ours: of_deploys.to_string(),
                theirs: format!("{of_pushes} (`git push`)"),
                comparison: format!("+{additional}"),
                limit: "at most +1".to_owned(),
                is_within: additional <= 1,
            },
        ])
    }

    fn deploy(&self) -> anyhow::Result<Command> {
        let mut command = Command::new(self.cli);
        command
            .args(["deploy", "--yes"])
            .current_dir(self.guestbook.directory())
            .envs(self.sandbox.ready().environment()?);
        Ok(command)
    }

    fn push(&self, branch: &str) -> Command {
        let mut command = Command::new("git");
        command
            .args(["push", &format!("dokku@127.0.0.1:{APP}")])
            .arg(format!("HEAD:refs/heads/{branch}"))
            .current_dir(self.guestbook.directory())
            .env("GIT_SSH_COMMAND", self.sandbox.ready().ssh().join(" "));
        command
    }

    fn deploy_branch(&self) -> anyhow::Result<String> {
        let words = self.sandbox.ready().ssh();
        let (ssh, options) = words.split_first().context("a command for ssh")?;
        let branch = program::output(Command::new(ssh).args(options).args([
            "dokku@127.0.0.1",
            "git:report",
            APP,
            "--git-deploy-branch",
        ]))?;
        Ok(branch.trim().to_owned())
    }

    /// TCP connections, each with a handshake, since the last time they were counted.
    fn connections(&self) -> anyhow::Result<u64> {
        let answer = self
            .sandbox
            .control(&json!({"do": "statistics", "reset": true}))?;
        answer
            .pointer("/statistics/connections")
            .and_then(Value::as_u64)
            .with_context(|| format!("no connections in {answer}"))
    }
}
