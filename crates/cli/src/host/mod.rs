//! The Dokku host over the user's own OpenSSH. Every child process that talks to it starts here.
//!
//! One master connection carries all commands and `git push`; see [`connection`].

mod carry;
pub mod child;
mod classify;
mod connection;
mod foreground;
mod lines;
mod local;
mod push;
mod route;
mod runtime_directory;
mod seats;
mod session;
mod ssh;
mod transfer;

pub use self::{
    connection::Reach,
    local::LocalHost,
    route::{Route, no_host_key},
    ssh::SshHost,
};
