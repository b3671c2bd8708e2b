//! Chores of this repository: `cargo xtask setup|test|demo|bench|dist`.

mod arguments;
mod bench;
mod browser;
mod check;
mod demo;
mod deny;
mod dist;
mod guestbook;
mod interrupt;
mod links;
mod linters;
mod machine;
mod program;
mod sandbox;
mod say;

use std::process::ExitCode;

use arguments::Chore;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => say::failure(&error),
    }
}

fn run() -> anyhow::Result<ExitCode> {
    match arguments::parse(std::env::args().skip(1))? {
        Chore::Help => {
            say::line(arguments::HELP)?;
            Ok(ExitCode::SUCCESS)
        }
        Chore::Setup { is_confirmed } => machine::set_up(machine::Need::Everything, is_confirmed),
        Chore::Bench { is_written } => bench::run(is_written),
        Chore::Demo { is_kept } => demo::run(is_kept),
        Chore::Dist { target } => dist::run(target.as_deref()),
        Chore::Test { is_fast } => check::run(is_fast),
    }
}
