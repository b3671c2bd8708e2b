//! The dashboard's page, its checks and its server.

pub mod checks;
pub mod serve;
pub mod site;
