//! A Dokku-compatible host in one process.

pub mod engine;
