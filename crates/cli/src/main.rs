//! The deploy tool for Dokku hosts.

#![allow(
    dead_code,
    reason = "the rooms of the program are being filled one after another"
)]

mod actor;
mod args;
mod clock;
mod commands;
mod exit_codes;
mod failure;
mod host;
mod http;
mod interrupt;
mod invocation;
mod program;
mod project;
mod repository;
mod settings_file;
mod target;
mod ui;

fn main() -> std::process::ExitCode {
    program::run()
}
