//! Backups on this machine's disk: written so that only whole ones have a backup's name, and
//! checked again whenever somebody asks.

mod bucket;
mod bucket_settings;
mod check;
mod digest;
mod due;
mod gzip;
mod heartbeat;
mod packer;
mod proving;
mod pruning;
mod raw;
mod run;
mod seal;
mod second_opinion;
mod settling;
mod shelf;
mod store;
mod tested;
mod told;

/// The program, as manifests name it.
pub const TOOL: &str = concat!("dokku-cli v", env!("CARGO_PKG_VERSION"));

pub use self::{
    bucket::Bucket,
    bucket_settings::BucketSettings,
    check::{Flaw, check, check_with, count},
    due::Tests,
    gzip::packed,
    heartbeat::{Beat, beat},
    proving::{Bench, Importer, Turn},
    pruning::prune_bucket,
    raw::open_with,
    run::Run,
    seal::Identities,
    shelf::Shelf,
    store::{
        Directory, Found, Written, find, free, make_private, manifest_path, note, require_room,
        sweep,
    },
    told::entries,
};
