//! `dokku-cli manual`: the pages of the manual, for packages.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use crate::{args::Arguments, exit_codes, failure::Failure};

/// What `manual` takes.
#[derive(Debug, Args)]
pub struct ManualArguments {
    /// The directory that the pages are written into
    out: PathBuf,
}

/// Writes a page for the program and one for each command.
pub fn run(arguments: &ManualArguments) -> Result<u8, Failure> {
    fs_err::create_dir_all(&arguments.out)?;
    clap_mangen::generate_to(Arguments::command(), &arguments.out)?;
    Ok(exit_codes::OK)
}
