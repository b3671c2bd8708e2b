//! The deploy tool for Dokku hosts.

mod access;
mod actor;
mod args;
mod backup;
mod ci;
mod clock;
mod commands;
mod crew;
mod dashboard;
mod data_branch;
mod dispatch;
mod exit_codes;
mod failure;
mod git_token;
mod global;
mod host;
mod http;
mod installation;
mod interrupt;
mod invocation;
mod notify;
mod origin;
mod program;
mod project;
mod publish;
mod repository;
mod runtime;
mod schedule;
mod server;
mod settings_file;
mod target;
mod ui;
mod unsent;
#[cfg(test)]
mod workflows;

fn main() -> std::process::ExitCode {
    program::run()
}
