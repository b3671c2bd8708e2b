//! Deploy locks: set, told, heeded and removed, beside people who do it with plain ssh.

mod all;
mod deploys;
mod plain_ssh;
mod races;
mod told;

use serde_json::Value;

use crate::support::{Test, TestHost};

const BY: [&str; 2] = ["--by", "ada"];

/// The variables of an app.
fn variables(host: &TestHost, app: &str) -> Value {
    serde_json::from_str(&host.ssh(&format!("config:export --format json {app}"))).unwrap()
}

/// What the program printed as JSON, with its exit code.
fn json(test: &Test<'_>) -> (i32, Value) {
    let ran = test.run();
    let value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    (ran.status.unwrap(), value)
}

/// The exit code of `lock:status`, and the state that it tells.
fn state(host: &TestHost, app: &str) -> (i32, String) {
    let (code, status) = json(&host.cli(&["lock:status", app, "--json"]));
    (
        code,
        status["lock"]["state"]
            .as_str()
            .unwrap_or("none")
            .to_owned(),
    )
}

fn locked() -> (i32, String) {
    (4, "locked".to_owned())
}

fn unlocked() -> (i32, String) {
    (0, "unlocked".to_owned())
}
