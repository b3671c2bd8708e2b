//! `dokku-cli manual`: the pages of the manual, for packages.

use std::path::PathBuf;

use clap::{Args, Command};

use crate::{exit_codes, failure::Failure};

/// What `manual` takes.
#[derive(Debug, Args)]
pub struct ManualArguments {
    /// The directory that the pages are written into
    out: PathBuf,
}

/// Writes a page for the program, whose command line this is, and one for each command.
pub fn run(arguments: &ManualArguments, line: Command) -> Result<u8, Failure> {
    fs_err::create_dir_all(&arguments.out)?;
    clap_mangen::generate_to(line, &arguments.out)?;
    Ok(exit_codes::OK)
}
