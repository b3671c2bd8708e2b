//! The server side: what the Dokku plugin `deploy-system` does on the host.
//!
//! The plugin's own files are shims that run `dokku-cli plugin ENTRY …`; everything that they do is
//! here. Facts about triggers, their arguments and what their failures do are of a recorded Dokku
//! 0.38.27 and its source.

mod access;
mod audit;
pub mod backups;
mod break_glass;
mod docker;
mod dokku;
mod envfile;
mod gate;
mod images;
mod journal;
mod ledger;
mod locks;
mod notices;
mod permit;
mod place;
mod refusal;
mod repository;
mod state;
mod turn;
mod watch;

pub use self::{
    access::protect,
    audit::{Since, read as read_audit, record_entry, verify},
    gate::{Deploy, gate},
    images::{kept as kept_images, retain, roll_back},
    journal::journal,
    locks::{all as all_locks, lock, status, unlock},
    notices::{configure as configure_notices, send as send_notices},
    permit::permit,
    place::Place,
    watch::{Change, app_destroyed, variables_changed},
};
