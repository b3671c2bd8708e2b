//! Tests of the modules above, against a scripted host.

mod host;
mod taking;
mod telling;
mod unlocking;

use std::{sync::Mutex, time::Duration};

use jiff::Timestamp;

use self::host::Script;
use super::*;
use crate::{
    app::AppName,
    dokku::capabilities::SetVariables,
    interrupt::{Never, Signal},
    plugin_protocol::{End, LockRequest, UnlockRequest},
};

const PLAIN: Way = Way::Variables(SetVariables::Import);

fn app(name: &str) -> AppName {
    AppName::new(name).unwrap()
}

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

/// A clock that goes on only while somebody waits.
#[derive(Default)]
struct Hourglass(Mutex<Duration>);

impl Clock for Hourglass {
    fn now(&self) -> Timestamp {
        now() + self.elapsed()
    }
    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }
    fn wait(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
    }
}

/// Somebody asks to stop as soon as anybody looks.
struct Impatient;

impl Interrupts for Impatient {
    fn requests(&self) -> (u32, Option<Signal>) {
        (1, Some(Signal::Interrupt))
    }
}

fn ground<'a>(host: &'a Script, clock: &'a Hourglass) -> Ground<'a> {
    Ground {
        host,
        clock,
        interrupts: &Never,
    }
}

fn request(reason: &str, id: &str) -> LockRequest {
    LockRequest {
        reason: reason.into(),
        by: "ada".into(),
        end: None,
        id: id.into(),
        replace: false,
        record: None,
    }
}

fn wish(name: &str, request: LockRequest) -> Lock {
    Lock {
        app: app(name),
        request,
    }
}

fn until(seconds: u64, request: LockRequest) -> LockRequest {
    LockRequest {
        end: Some(End::ForSeconds(seconds)),
        ..request
    }
}

fn unlock_of(name: &str, only: Option<String>) -> Unlock {
    Unlock {
        app: app(name),
        request: UnlockRequest {
            by: "ada".into(),
            only,
            record: None,
        },
    }
}
