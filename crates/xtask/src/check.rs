//! `cargo xtask test`: every check, each timed, all of them run even when one fails.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::machine::Need;
use crate::{deny, links, linters, machine, program, say};

/// How a step ended.
enum Outcome {
    Passed,
    Failed,
    /// With the reason: not a pass.
    NotRun(&'static str),
}

struct Step {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// Runs the steps, prints the summary; fails when one failed.
pub fn run(is_fast: bool) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let mut steps = Vec::new();
    let mut step = |name, action: &dyn Fn() -> anyhow::Result<Outcome>| -> anyhow::Result<()> {
        say::title(name)?;
        let began = Instant::now();
        let outcome = action().unwrap_or_else(|error| {
            say::failure(&error);
            Outcome::Failed
        });
        steps.push(Step {
            name,
            outcome,
            took: began.elapsed(),
        });
        Ok(())
    };
    let left_out: &dyn Fn() -> anyhow::Result<Outcome> =
        &|| Ok(Outcome::NotRun("left out by --fast"));
    let unless_fast = |action| if is_fast { left_out } else { action };

    step("programs that the tests use", &|| {
        passed(machine::check(if is_fast {
            Need::Tools
        } else {
            Need::Everything
        }))
    })?;
    step("format", &|| cargo(&["fmt", "--all", "--check"]))?;
    step("links in documents", &|| passed(links::check()))?;
    step("workflows, actions, scripts", &|| passed(linters::check()))?;
    step("clippy", &|| {
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ])
    })?;
    step("tests", &|| tests(is_fast))?;
    step("doc tests", &|| {
        cargo(&["test", "--doc", "--workspace", "--locked", "--quiet"])
    })?;
    step("demo", unless_fast(&demo))?;
    step("documents of the code", unless_fast(&documents))?;
    step(
        "licences, bans, sources",
        unless_fast(&|| passed(deny::check_graph())),
    )?;
    step("advisories", unless_fast(&advisories))?;

    summary(&steps, started.elapsed())
}

fn passed(result: anyhow::Result<()>) -> anyhow::Result<Outcome> {
    result.map(|()| Outcome::Passed)
}

fn cargo(words: &[&str]) -> anyhow::Result<Outcome> {
    passed(program::run(program::cargo()?.args(words)))
}

/// By nextest where it is installed (a process for each test, a limit on its time), else by cargo itself.
/// The tests of the engines have `engine` or `services` in their path.
fn tests(is_fast: bool) -> anyhow::Result<Outcome> {
    let mut command = program::cargo()?;
    if program::find("cargo-nextest").is_some() {
        command.args([
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
        ]);
        if is_fast {
            command.args(["-E", "not (test(engine) + test(services))"]);
        }
    } else {
        command.args(["test", "--workspace", "--lib", "--bins", "--tests"]);
        command.args(["--locked", "--no-fail-fast"]);
        if is_fast {
            command.args(["--", "--skip", "engine", "--skip", "services"]);
        }
    }
    passed(program::run(&mut command))
}

/// The demonstration fails when anything in it is not as it says. It catches signals, so it has a process of its own.
fn demo() -> anyhow::Result<Outcome> {
    let own = std::env::current_exe()?;
    passed(program::run(program::command(own)?.arg("demo")))
}

/// rustdoc, for links between items that lead nowhere. Private items are part of these documents, so a public one
/// may link to them.
fn documents() -> anyhow::Result<Outcome> {
    passed(program::run(
        program::cargo()?
            .args(["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
            .args(["--document-private-items", "--keep-going"])
            .env(
                "RUSTDOCFLAGS",
                "-D warnings -A rustdoc::private_intra_doc_links",
            ),
    ))
}

fn advisories() -> anyhow::Result<Outcome> {
    Ok(match deny::check_advisories()? {
        Some(()) => Outcome::Passed,
        None => Outcome::NotRun("the advisory database cannot be reached from here"),
    })
}

fn summary(steps: &[Step], took: Duration) -> anyhow::Result<ExitCode> {
    say::title("summary")?;
    for step in steps {
        say::line(&row(step))?;
    }
    let failed = steps
        .iter()
        .filter(|step| matches!(step.outcome, Outcome::Failed))
        .count();
    let verdict = match failed {
        0 => "nothing failed".to_owned(),
        1 => "1 step failed".to_owned(),
        more => format!("{more} steps failed"),
    };
    say::line(&format!("{verdict} in {:.0} s", took.as_secs_f64()))?;
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn row(step: &Step) -> String {
    let seconds = step.took.as_secs_f64();
    let (word, why) = match step.outcome {
        Outcome::Passed => ("ok", String::new()),
        Outcome::Failed => ("FAILED", String::new()),
        Outcome::NotRun(why) => ("not run", format!("  ({why})")),
    };
    format!("{word:<8}{seconds:>7.1} s  {}{why}", step.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(outcome: Outcome) -> Step {
        Step {
            name: "format",
            outcome,
            took: Duration::from_millis(1250),
        }
    }

    #[test]
    fn a_step_that_was_not_run_says_why() {
        assert_eq!(
            row(&step(Outcome::NotRun("no network"))),
            "not run     1.2 s  format  (no network)"
        );
    }

    #[test]
    fn one_failed_step_fails_the_whole_and_a_step_not_run_does_not() {
        let took = Duration::from_secs(1);
        let failing = [step(Outcome::Passed), step(Outcome::Failed)];
        let passing = [step(Outcome::Passed), step(Outcome::NotRun("no network"))];
        assert_eq!(summary(&failing, took).unwrap(), ExitCode::FAILURE);
        assert_eq!(summary(&passing, took).unwrap(), ExitCode::SUCCESS);
    }
}
