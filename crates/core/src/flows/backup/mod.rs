//! Taking backups: find the services, plan which dump goes where, take each.
//!
//! The same flow runs on the Dokku host (by the plugin, into its directory and a bucket) and on any
//! other machine (over ssh, into a file). What differs is the [`StreamingHost`] that is asked and
//! the [`BackupStore`] that is written to.
//!
//! [`StreamingHost`]: crate::transfer::StreamingHost

mod observe;
mod plan;
mod take;

#[cfg(test)]
mod tests;

pub use self::{
    observe::{Found, ObserveError, all, linked, of_app},
    plan::{Job, Only, Planned, Skipped, plan},
    take::{BackupStore, Draft, Facts, Order, Sealed, StoreError, TakeError, Taken, take},
};
