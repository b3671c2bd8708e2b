//! Operations that change a host: observe, plan, execute. They never import each other.

pub mod backup;
pub mod cleanup;
pub mod deploy;
pub mod lock;
pub mod preview;
pub mod restore;
pub mod rollback;
pub mod survey;
