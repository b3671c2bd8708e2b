//! `dokku-cli ci test`: the test that a deploy waits for.

use std::{env, path::Path, process::Command};

use dokku_deploy::app::Environment;

use crate::{
    exit_codes, failure::Failure, invocation::Invocation, project::Project, runtime::Runtime,
};

/// Runs what `test.command` says, else what is usual for the project's language.
pub fn run(invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let here = env::current_dir()?;
    let project = Project::around(&here)?;
    let declared = project
        .settings()?
        .resolve(Environment::Production)
        .test_command;
    let command = match declared {
        Some(command) => Some(command),
        None => standard(project.root())?,
    };
    let Some(command) = command else {
        invocation.ui.info(
            "There is nothing to test: .dokku/config.yml has no test.command, and none is usual for what is here",
        );
        return Ok(exit_codes::OK);
    };
    invocation.ui.info(&format!("Testing: {command}"));
    run_in(project.root(), &command)
}

/// The usual test of the language.
fn standard(root: &Path) -> Result<Option<String>, Failure> {
    Ok(Runtime::of(root)?.and_then(|runtime| runtime.test_command(root)))
}

fn run_in(root: &Path, command: &str) -> Result<u8, Failure> {
    let status = Command::new("bash")
        .args(["-e", "-o", "pipefail", "-c", command])
        .current_dir(root)
        .status()
        .map_err(|error| Failure::internal(format!("bash cannot be run: {error}")))?;
    if status.success() {
        return Ok(exit_codes::OK);
    }
    Err(Failure::new(
        exit_codes::APP,
        format!("the tests failed ({status}): {command}"),
    )
    .hint("test.command in .dokku/config.yml says what is run; its output above says why."))
}
