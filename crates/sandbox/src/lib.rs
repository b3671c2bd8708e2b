//! A Dokku-compatible host in one process, for trying and testing.
//!
//! It answers as a recorded Dokku 0.38.27 does; `docs/sandbox.md` says where it does not.

pub mod child;
pub mod commands;
pub mod control;
pub mod disk;
pub mod engine;
pub mod faults;
pub mod host;
pub mod io;
pub mod local;
pub mod plugin_host;
pub mod runtime;
mod sandbox;
pub mod server;
pub mod services;
pub mod statistics;
pub mod store;
pub mod triggers;
pub mod words;

pub use host::SandboxHost;
pub use sandbox::{Options, Running, Sandbox, StartError};
