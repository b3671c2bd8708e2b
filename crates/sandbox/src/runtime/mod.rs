//! Apps that really run: repositories, builds, images, containers, checks and the HTTP router.

pub mod access;
pub mod apps;
pub mod build;
pub mod builds;
pub mod checking;
pub mod container;
pub mod containers;
pub mod deploy;
pub mod dockerfile;
pub mod entry_point;
pub mod files;
pub mod git;
pub mod healthchecks;
pub mod images;
pub mod lock;
pub mod log;
pub mod ports;
pub mod process;
pub mod procfile;
pub mod receive;
pub mod release;
pub mod repository;
pub mod router;
pub mod schedule;
pub mod talk;
pub mod tree;

pub use apps::{Apps, Pace};
