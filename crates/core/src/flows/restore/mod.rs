//! Restores: observe the host, decide what will be replaced by what, do it, know what came of it.
//!
//! [`observe()`] asks, [`plan()`] decides without asking anybody, [`execute()`] does what the plan
//! says. Whatever happens, what was stopped is started and what was locked is unlocked, and the
//! answer says what is there now and how to go back. [`test()`] restores into a scratch service.

mod compare;
mod observe;
mod plan;
mod refusal;
mod room;
mod run;
mod test;
mod wish;

pub use self::{
    compare::{Verdict, compare, named},
    observe::{Observed, observe},
    plan::{Plan, Step, check_app, plan},
    refusal::Refusal,
    run::{Ground, Halt, Hands, Restored, execute},
    test::{Leftovers, Scratch, Tested, destroy, leftovers, test},
    wish::{File, Wish},
};
