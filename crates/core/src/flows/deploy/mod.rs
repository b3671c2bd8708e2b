//! A deploy: what is wished and what is on the host become a plan, by [`plan()`], which asks nobody.
//! Observing and executing are what a [`rollout`](crate::rollout) does.

mod draft;
mod plan;
mod services;

pub use self::plan::plan;
