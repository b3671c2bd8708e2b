//! Locks: what looking at one costs, and what the plugin's gate adds to a deploy.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;

use super::table::Row;
use super::{median, milliseconds, time};
use crate::interrupt::Interrupts;
use crate::sandbox::{Life, Sandbox};
use crate::{program, say};

/// How often each is done, taking turns.
const TURNS: usize = 9;

/// The most that the gate may take.
const MOST_OF_GATE: Duration = Duration::from_millis(50);

/// What a command that does not deploy may seem to cost more by chance.
const NOISE: f64 = 1.15;

/// The app that is looked at.
const APP: &str = "shop";

/// The variables that the bash original asks for, each by a connection of its own.
const ASKED: [&str; 4] = [
    "DEPLOY_LOCKED",
    "DEPLOY_LOCK_REASON",
    "DEPLOY_LOCK_BY",
    "DEPLOY_LOCK_AT",
];

/// `lock:status` at two delays, the gate's own time, and a command that does not deploy.
pub fn measure(cli: &Path, sandbox: &Path, interrupts: &Interrupts) -> anyhow::Result<Vec<Row>> {
    let sandbox = Sandbox::start(sandbox, Life::EndsWithThisProcess, interrupts)?;
    let bench = Bench {
        cli,
        sandbox: &sandbox,
    };
    time(&mut bench.ssh(&["apps:create", APP])?)?;
    let mut rows = Vec::new();
    for (delay, least) in [(0, 3.0), (50, 3.5)] {
        interrupts.check()?;
        say::line(&format!(
            "{TURNS} looks at a lock at a round trip of {delay} ms"
        ))?;
        sandbox.control(&json!({"do": "faults", "plan": {"delay_ms": delay}}))?;
        rows.push(bench.status(delay, least)?);
    }
    sandbox.control(&json!({"do": "faults", "plan": {}}))?;
    say::line("the gate, and commands that do not deploy")?;
    rows.push(bench.other_commands(interrupts)?);
    rows.push(bench.gate(interrupts)?);
    sandbox.stop()?;
    Ok(rows)
}

struct Bench<'a> {
    cli: &'a Path,
    sandbox: &'a Sandbox,
}

impl Bench<'_> {
    fn status(&self, delay: u64, least: f64) -> anyhow::Result<Row> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            ours.push(time(
                Command::new(self.cli)
                    .args(["lock:status", APP])
                    .envs(self.sandbox.ready().environment()?),
            )?);
            let mut all = Duration::ZERO;
            for key in ASKED {
                // A variable that is not set is no failure to the original.
                all += time_whatever(&mut self.ssh(&["config:get", APP, key])?)?;
            }
            theirs.push(all);
        }
        let (ours, theirs) = (median(ours), median(theirs));
        let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
        Ok(Row {
            what: format!("`lock:status`, {delay} ms round trip, median of {TURNS}"),
            ours: milliseconds(ours),
            theirs: format!(
                "{} (a stand-in for the bash original: its four connections)",
                milliseconds(theirs)
            ),
            comparison: format!("{ratio:.1}× faster"),
            limit: format!("at least {least}×"),
            is_within: ratio >= least,
        })
    }

    /// `apps:list` without and with the plugin, taking turns.
    fn other_commands(&self, interrupts: &Interrupts) -> anyhow::Result<Row> {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..TURNS * 3 {
            interrupts.check()?;
            self.remove_plugin()?;
            without.push(time(&mut self.ssh(&["apps:list"])?)?);
            self.install_plugin()?;
            with.push(time(&mut self.ssh(&["apps:list"])?)?);
        }
        let (with, without) = (median(with), median(without));
        let ratio = with.as_secs_f64() / without.as_secs_f64();
        Ok(Row {
            what: format!(
                "`apps:list` on a host with the plugin, median of {}",
                TURNS * 3
            ),
            ours: milliseconds(with),
            theirs: format!("{} (without it)", milliseconds(without)),
            comparison: format!("{ratio:.2}×"),
            limit: format!("nothing more; at most {NOISE}× by chance"),
            is_within: ratio <= NOISE,
        })
    }

    /// The plugin's file for the trigger, called as Dokku calls it before a build that passes.
    fn gate(&self, interrupts: &Interrupts) -> anyhow::Result<Row> {
        let commit = "0123456789012345678901234567890123456789";
        // What Dokku has done by then.
        let revision = format!("GIT_REV={commit}");
        time(&mut self.ssh(&["config:set", "--no-restart", APP, &revision])?)?;
        let root = self.sandbox.root()?;
        let mut times = Vec::new();
        for _ in 0..TURNS * 3 {
            interrupts.check()?;
            let mut gate = Command::new(root.join("plugins/deploy-system/core-post-extract"));
            gate.args([APP, "/tmp", commit])
                .env_clear()
                .env(
                    "PATH",
                    format!("{}:/usr/bin:/bin", root.join("bin").display()),
                )
                .env("DOKKU_LIB_ROOT", root.join("lib"))
                .env("DOKKU_ROOT", root.join("home"))
                .env("DOKKU_BUILD_SOURCE", "git-hook");
            times.push(time(&mut gate)?);
        }
        let took = median(times);
        Ok(Row {
            what: format!("the gate of a deploy that passes, median of {}", TURNS * 3),
            ours: milliseconds(took),
            theirs: "–".to_owned(),
            comparison: "–".to_owned(),
            limit: format!("under {} ms", MOST_OF_GATE.as_millis()),
            is_within: took < MOST_OF_GATE,
        })
    }

    fn install_plugin(&self) -> anyhow::Result<()> {
        let plugin = self.sandbox.root()?.join("plugins/deploy-system");
        if plugin.exists() {
            return Ok(());
        }
        let source = program::repository()?.join("plugin");
        program::run(Command::new("cp").arg("-r").arg(source).arg(&plugin))?;
        fs::create_dir_all(plugin.join("bin"))?;
        symlink(self.cli, plugin.join("bin/dokku-cli")).context("the plugin's program")
    }

    fn remove_plugin(&self) -> anyhow::Result<()> {
        let plugin = self.sandbox.root()?.join("plugins/deploy-system");
        if plugin.exists() {
            fs::remove_dir_all(plugin)?;
        }
        Ok(())
    }

    fn ssh(&self, words: &[&str]) -> anyhow::Result<Command> {
        let ready = self.sandbox.ready().ssh();
        let (ssh, options) = ready.split_first().context("a command for ssh")?;
        let mut command = Command::new(ssh);
        command.args(options).arg("dokku@127.0.0.1").args(words);
        Ok(command)
    }
}

/// Wall time of a command, whose status may be that of "there is no such thing".
fn time_whatever(command: &mut Command) -> anyhow::Result<Duration> {
    use std::process::Stdio;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let began = std::time::Instant::now();
    let status = command.status()?;
    ensure!(
        matches!(status.code(), Some(0 | 1)),
        "`{}` ended with {status}",
        program::shown(command)
    );
    Ok(began.elapsed())
}
