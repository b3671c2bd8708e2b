//! A Dokku-compatible host in one process.
