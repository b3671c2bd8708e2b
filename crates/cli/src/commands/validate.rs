//! `dokku-cli validate`.

use clap::Args;

use crate::{failure::Failure, invocation::Invocation};

/// What `validate` takes.
#[derive(Debug, Args)]
pub struct ValidateArguments {
    /// Show the settings of this environment only
    #[arg(long, value_name = "ENV")]
    pub env: Option<dokku_deploy::app::Environment>,
}

/// Checks the settings.
pub fn run(_: &ValidateArguments, _: &Invocation) -> Result<u8, Failure> {
    Err(Failure::internal("`validate` is not part of this build"))
}
