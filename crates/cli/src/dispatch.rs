//! Which command each verb is.

use clap::CommandFactory;

use crate::{
    args::{Arguments, Command},
    commands::{
        alias, audit, backup, ci, cleanup, completions, config, create, dashboard, db, deploy,
        destroy, doctor, domains, info, init, list, lock, maintain, manual, notify, plugin,
        process, process::Verb, releases, rollback, run, server, setup, shell, ssl, validate,
    },
    exit_codes,
    failure::Failure,
    global::VERSION,
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
        Command::Completions(arguments) => {
            completions::run(arguments, &Arguments::command(), invocation)
        }
        Command::Server(arguments) => server::run(arguments, invocation),
        Command::Audit(arguments) => audit::run(arguments, invocation),
        Command::Manual(arguments) => manual::run(arguments, Arguments::command()),
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
