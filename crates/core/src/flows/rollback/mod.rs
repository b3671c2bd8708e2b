//! Going back to an earlier release: choose one, look at the host, plan. What is planned is run by a
//! [`rollout`](crate::rollout), as a deploy is.

mod choose;
mod plan;

pub use self::{
    choose::{NoTarget, choose, usual},
    plan::{Seen, Way, look, plan, way},
};
