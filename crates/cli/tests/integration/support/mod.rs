//! A sandbox, a scrubbed environment, and a fluent way to run the program in it.

mod bucket;
mod host;
mod processes;
mod receiver;
mod run;

pub use self::{
    bucket::TestBucket,
    host::{TestHost, await_until, keygen},
    processes::Processes,
    receiver::Receiver,
    run::{Ran, Started, Test},
};
