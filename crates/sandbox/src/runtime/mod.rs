//! Apps that really run: repositories, builds, images, containers, checks and the HTTP router.

pub mod container;
pub mod containers;
pub mod files;
pub mod images;
pub mod lock;
pub mod log;
pub mod ports;
pub mod process;
pub mod procfile;
pub mod talk;
pub mod tree;
