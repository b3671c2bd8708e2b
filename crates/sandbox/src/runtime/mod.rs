//! Apps that really run: repositories, builds, images, containers, checks and the HTTP router.

pub mod build;
pub mod checking;
pub mod container;
pub mod containers;
pub mod files;
pub mod healthchecks;
pub mod images;
pub mod lock;
pub mod log;
pub mod ports;
pub mod process;
pub mod procfile;
pub mod receive;
pub mod repository;
pub mod router;
pub mod talk;
pub mod tree;
