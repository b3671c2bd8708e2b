//! One file per verb: arguments in, a flow called, a result shown.

pub mod alias;
mod app_command;
mod app_words;
pub mod audit;
pub mod backup;
pub mod ci;
pub mod cleanup;
pub mod completions;
pub mod config;
pub mod create;
pub mod dashboard;
pub mod db;
pub mod deploy;
pub mod destroy;
pub mod doctor;
pub mod domains;
pub mod info;
pub mod init;
pub mod list;
pub mod lock;
pub mod maintain;
pub mod manual;
pub mod notify;
pub mod plugin;
pub mod process;
pub mod releases;
pub mod rollback;
pub mod run;
mod safety;
pub mod server;
pub mod setup;
pub mod shell;
pub mod ssl;
mod teardown;
pub mod validate;

use dokku_deploy::{
    app::AppName,
    interrupt::{Interrupts, Signal},
};

use crate::{
    exit_codes, failure::Failure, host::SshHost, interrupt::Watch, invocation::Invocation,
};

/// Does something on the host that needs no clean-up, so that the first request to stop ends it.
/// The connection is closed afterwards.
fn with_host<T>(
    invocation: &Invocation,
    act: impl FnOnce(&SshHost, &Watch) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let watch = Watch::begin()?;
    let hasty = Hasty(&watch);
    let host = invocation.host(&hasty)?;
    let result = act(&host, &watch);
    match (result, watch.requests().1) {
        (Err(mut failure), Some(Signal::Terminate)) if failure.code == exit_codes::INTERRUPTED => {
            failure.code = exit_codes::TERMINATED;
            Err(failure)
        }
        (result, _) => result,
    }
}

/// Lets the first request to stop count as the second, which ends even a question to the host.
struct Hasty<'a>(&'a Watch);

impl Interrupts for Hasty<'_> {
    fn requests(&self) -> (u32, Option<Signal>) {
        let (count, last) = self.0.requests();
        (count.saturating_mul(2), last)
    }
}

pub use self::db::size;

/// There is no such app.
fn missing(app: &AppName, host: &str) -> Failure {
    Failure::new(exit_codes::HOST, format!("there is no app {app} on {host}"))
        .hint("`dokku-cli list` shows the apps of the host.")
}
