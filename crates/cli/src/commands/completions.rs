//! `dokku-cli completions`: what a shell has to know to complete our command line.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use crate::{args::Arguments, exit_codes, failure::Failure, invocation::Invocation};

/// What `completions` takes.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    pub shell: Shell,
}

/// Prints the script for a shell.
pub fn run(arguments: &CompletionsArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    generate(arguments.shell, &mut command, "dokku-cli", &mut script);
    let script = String::from_utf8_lossy(&script);
    invocation.ui.result(script.trim_end())?;
    Ok(exit_codes::OK)
}
