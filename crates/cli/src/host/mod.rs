//! The Dokku host over the user's own OpenSSH. Every child process that talks to it starts here.
//!
//! One master connection carries all commands and `git push`; see [`connection`].

mod child;
mod classify;
mod connection;
mod foreground;
mod lines;
mod push;
mod route;
mod runtime_directory;
mod seats;
mod ssh;
mod transfer;

pub use self::{connection::Reach, route::Route, ssh::SshHost, transfer::TransferError};
