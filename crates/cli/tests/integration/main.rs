//! The program as people run it: the real binary, through the real OpenSSH client, to a sandbox.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_types,
    clippy::print_stderr,
    reason = "tests"
)]

mod app_words;
mod apps;
mod backup;
mod ci;
mod cleanup;
mod connection;
mod dashboard;
mod deploy;
mod init;
mod interrupts;
mod locks;
mod notify;
mod plugin;
mod refusals;
mod rollback;
mod running;
mod settings;
mod silence;
mod support;
mod terminal;
mod usage;
mod words;
