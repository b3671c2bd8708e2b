//! `dokku-cli shell`: a shell in one of the app's running containers.

use clap::Args;
use dokku_deploy::command::DokkuCommand;

use super::{app_command::code, with_host};
use crate::{failure::Failure, invocation::Invocation};

/// What `shell` takes.
#[derive(Debug, Args)]
pub struct ShellArguments {
    /// The app; otherwise the repository's name
    pub app: Option<String>,
    /// The process whose container it is, such as web or web.2
    #[arg(default_value = "web")]
    pub process: String,
}

/// Opens the shell; its exit code is ours.
pub fn run(arguments: &ShellArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let app = invocation.app(arguments.app.as_deref())?;
    let process = &arguments.process;
    let is_process = process.starts_with(|c: char| c.is_ascii_alphanumeric())
        && process
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !is_process {
        return Err(Failure::usage(format!(
            "{process:?} is no process of an app, such as web or web.2"
        )));
    }
    // Dokku's `enter` without a terminal ends at once and says nothing.
    if !invocation.ui.can_ask() {
        return Err(Failure::usage("a shell needs a terminal").hint(format!(
            "`dokku-cli run {app} COMMAND` runs a command without one."
        )));
    }
    invocation.ui.info(&format!("Opening shell for {app}..."));
    let command = DokkuCommand::on("enter", &app).arg(process);
    with_host(invocation, |host, _| Ok(code(host.attach(&command)?)))
}
