//! Removing apps and what belongs to them: find out what belongs, plan, destroy.
//!
//! Services are unlinked, then destroyed, then the app: whatever ends this half-way, the app is still
//! there, names what is left to be destroyed, and the next run goes on.

mod execute;
mod observe;
mod orphan;
mod plan;

pub use self::{
    execute::{Done, Trouble, execute},
    observe::{Observed, Service, observe},
    orphan::{
        AGAIN_AFTER, Candidate, Fact, ORPHAN_SINCE, REPOSITORY, REPOSITORY_ID, Verdict, judge,
        limit,
    },
    plan::{AppPlan, Doomed, Plan, Refusal, Scope, may_belong, plan},
};

/// The variable in which an app names the services that are being destroyed with it, as
/// `KIND:NAME KIND:NAME`: they may be unlinked already.
pub const DOOMED: &str = "DEPLOY_CLEANUP_SERVICES";
