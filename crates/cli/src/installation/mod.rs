//! Putting the plugin onto a host, as root over ssh: look, plan, do.

mod payload;
mod plan;
mod remote;
mod schedule;

pub use self::{
    payload::{Payload, architecture_of_this, sha256},
    plan::{Found, plan},
    remote::{RemoteError, Root},
};
