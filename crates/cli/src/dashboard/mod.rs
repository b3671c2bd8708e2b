//! The dashboard's page, its checks, its server, and the branch that it is published on.

pub mod alarms;
pub mod checks;
pub mod place;
pub mod publication;
pub mod serve;
pub mod site;
