//! One file per verb: arguments in, a flow called, a result shown.

pub mod deploy;
pub mod validate;

use crate::{
    args::{Command, VERSION},
    failure::Failure,
    invocation::Invocation,
};

/// Runs one verb and returns the program's exit code.
pub fn run(command: &Command, invocation: &Invocation) -> Result<u8, Failure> {
    match command {
        Command::Deploy(arguments) => deploy::run(arguments, invocation),
        Command::Validate(arguments) => validate::run(arguments, invocation),
        Command::Version => {
            invocation.ui.result(&format!("dokku-cli {VERSION}"))?;
            Ok(crate::exit_codes::OK)
        }
    }
}
