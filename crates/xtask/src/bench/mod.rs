//! `cargo xtask bench`: the numbers that this project promises, each beside what it is compared with, in one run.

mod backup;
mod dashboard;
mod deploy;
mod dumps;
mod lock;
mod table;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::interrupt::Interrupts;
use crate::machine::{self, Need};
use crate::{program, say};
use table::{Row, Table};

/// How often a program is started to measure its start.
const STARTS: usize = 200;

/// Measures and prints; with `is_written` also into docs/benchmarks.md. Fails when a limit is missed.
pub fn run(is_written: bool) -> anyhow::Result<ExitCode> {
    let interrupts = Interrupts::catch()?;
    machine::check(Need::Everything)?;
    say::title("Building what is released")?;
    let status = interrupts.run(
        program::cargo()?
            .args(["build", "--release", "--locked"])
            .args(["--package", "dokku-cli", "--package", "dokku-sandbox"])
            .stdin(Stdio::null()),
    )?;
    ensure!(status.success(), "the programs could not be built");
    let cli = program::released("dokku-cli")?;
    let sandbox = program::released("dokku-sandbox")?;

    say::title("Measuring")?;
    let mut table = Table::of_this_machine()?;
    table.push(start(&cli)?);
    table.push(size(&cli)?);
    for row in backup::measure(&cli)? {
        table.push(row);
    }
    for row in deploy::measure(&cli, &sandbox, &interrupts)? {
        table.push(row);
    }
    for row in lock::measure(&cli, &sandbox, &interrupts)? {
        table.push(row);
    }
    for row in dashboard::measure(&cli, &interrupts)? {
        table.push(row);
    }

    say::line("")?;
    say::line(&table.markdown())?;
    if is_written {
        let page = program::repository()?.join("docs/benchmarks.md");
        fs::write(&page, table.page())
            .with_context(|| format!("cannot write {}", page.display()))?;
    }
    Ok(if table.is_within_limits() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// `dokku-cli --version` against `ssh -V`, taking turns.
fn start(cli: &Path) -> anyhow::Result<Row> {
    let ssh = program::find("ssh").context("ssh is not on this machine")?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        ours.push(time(Command::new(cli).arg("--version"))?);
        theirs.push(time(Command::new(&ssh).arg("-V"))?);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    Ok(Row {
        what: format!("`dokku-cli --version`, median of {STARTS}"),
        ours: milliseconds(ours),
        theirs: format!("{} (`ssh -V`)", milliseconds(theirs)),
        comparison: format!("{ratio:.2}×"),
        limit: "under 10 ms and at most 2×".to_owned(),
        is_within: ours < Duration::from_millis(10) && ratio <= 2.0,
    })
}

fn size(cli: &Path) -> anyhow::Result<Row> {
    const LIMIT: u64 = 12 * 1024 * 1024;
    let bytes = fs::metadata(cli)?.len();
    let tenths = bytes * 10 / (1024 * 1024);
    Ok(Row {
        what: "release binary of `dokku-cli`".to_owned(),
        ours: format!("{}.{} MiB", tenths / 10, tenths % 10),
        theirs: "–".to_owned(),
        comparison: "–".to_owned(),
        limit: "under 12 MiB".to_owned(),
        is_within: bytes < LIMIT,
    })
}

/// Wall time of a command that has to succeed.
fn time(command: &mut Command) -> anyhow::Result<Duration> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let began = Instant::now();
    let status = command
        .status()
        .with_context(|| format!("cannot start `{}`", program::shown(command)))?;
    let took = began.elapsed();
    ensure!(
        status.success(),
        "`{}` ended with {status}",
        program::shown(command)
    );
    Ok(took)
}

/// The middle one; nought of none.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    if milliseconds < 100.0 {
        format!("{milliseconds:.1} ms")
    } else {
        format!("{milliseconds:.0} ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_in_any_order() {
        let times = [9, 1, 5].map(Duration::from_millis).to_vec();
        assert_eq!(median(times), Duration::from_millis(5));
    }

    #[test]
    fn a_command_that_fails_is_not_measured() {
        let error = time(&mut Command::new("false")).unwrap_err().to_string();
        assert_eq!(error, "`false` ended with exit status: 1");
    }
}
