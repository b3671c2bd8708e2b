//! The deploy tool for Dokku hosts.

fn main() {}
