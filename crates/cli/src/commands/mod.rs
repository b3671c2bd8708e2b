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
mod doctor;
pub mod domains;
mod info;
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
mod setup;
pub mod shell;
pub mod ssl;
mod teardown;
pub mod validate;

use dokku_deploy::{
    app::AppName,
    interrupt::{Interrupts, Signal},
};

use self::process::Verb;
use crate::{
    args::{Command, VERSION},
    exit_codes,
    failure::Failure,
    host::SshHost,
    interrupt::Watch,
    invocation::Invocation,
};

/// Runs one verb and returns the program's exit code.
pub fn run(command: &Command, invocation: &Invocation) -> Result<u8, Failure> {
    match command {
        Command::Deploy(arguments) => deploy::run(arguments, invocation),
        Command::Validate(arguments) => validate::run(arguments, invocation),
        Command::Releases(arguments) => releases::run(arguments, invocation),
        Command::Rollback(arguments) => rollback::run(arguments, invocation),
        Command::List => list::run(invocation),
        Command::Create(arguments) => create::run(arguments, invocation),
        Command::Destroy(arguments) => destroy::run(arguments, invocation),
        Command::Cleanup(arguments) => cleanup::run(arguments, invocation),
        Command::Lock(arguments) => lock::lock(arguments, invocation),
        Command::Unlock(arguments) => lock::unlock(arguments, invocation),
        Command::LockStatus(arguments) => lock::status(arguments.app.as_deref(), invocation),
        Command::Locks => lock::locks(invocation),
        Command::Logs(arguments) => process::logs(arguments, invocation),
        Command::LogsFollow(arguments) => process::logs(
            &process::LogsArguments {
                app: arguments.app.clone(),
                num: 100,
                follow: true,
            },
            invocation,
        ),
        Command::Config(arguments) => config::show(arguments, invocation),
        Command::ConfigSet(arguments) => config::set(arguments, invocation),
        Command::ConfigUnset(arguments) => config::unset(arguments, invocation),
        Command::Run(arguments) => run::run(arguments, invocation),
        Command::Restart(arguments) => process::act(Verb::Restart, arguments, invocation),
        Command::Start(arguments) => process::act(Verb::Start, arguments, invocation),
        Command::Stop(arguments) => process::act(Verb::Stop, arguments, invocation),
        Command::Scale(arguments) => process::scale(arguments, invocation),
        Command::Shell(arguments) => shell::run(arguments, invocation),
        Command::Domains(arguments) => domains::run(arguments, invocation),
        Command::Ssl(arguments) => ssl::run(arguments, invocation),
        Command::Info(arguments) => info::run(arguments, invocation),
        Command::Setup => setup::run(invocation),
        Command::Doctor => doctor::run(invocation),
        Command::Alias(arguments) => alias::run(arguments, invocation),
        Command::Backup(arguments) => backup::run(arguments, invocation),
        Command::Db(arguments) => db::run(arguments, invocation),
        Command::Init(arguments) => init::run(arguments, invocation),
        Command::Maintain(arguments) => maintain::run(arguments, invocation),
        Command::Ci(arguments) => ci::run(arguments, invocation),
        Command::Completions(arguments) => completions::run(arguments, invocation),
        Command::Server(arguments) => server::run(arguments, invocation),
        Command::Audit(arguments) => audit::run(arguments, invocation),
        Command::Manual(arguments) => manual::run(arguments),
        Command::Dashboard(arguments) => dashboard::run(arguments, invocation),
        Command::Notify(arguments) => notify::run(arguments, invocation),
        Command::Plugin(arguments) => plugin::run(arguments, invocation),
        Command::Version => {
            if invocation.ui.is_json() {
                invocation
                    .ui
                    .json(&serde_json::json!({ "version": VERSION }))?;
            } else {
                invocation.ui.result(&format!("dokku-cli {VERSION}"))?;
            }
            Ok(exit_codes::OK)
        }
    }
}

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
