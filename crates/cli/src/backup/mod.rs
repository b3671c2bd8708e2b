//! Backups on this machine's disk: written so that only whole ones have a backup's name, and
//! checked again whenever somebody asks.

mod check;
mod digest;
mod gzip;
mod store;

pub use self::{
    check::{Checked, Flaw, check, open},
    store::{Draft, Found, Written, find, manifest_path, sweep},
};
