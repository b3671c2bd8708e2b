//! Nothing of an app outlives its sandbox.

#![allow(clippy::unwrap_used, reason = "a test's preparations may panic too")]

mod support;

use std::time::{Duration, Instant};

use dokku_sandbox::runtime::Pace;
use dokku_sandbox::{Options, Sandbox};
use support::project::{Project, ask};
use support::{Bed, text};

/// Whether a process runs (a zombie does not).
fn runs(id: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

#[test]
fn a_sandbox_that_ends_takes_its_processes_along_and_the_next_one_brings_the_app_back() {
    let bed = Bed::start();
    let project = Project::new(&bed);
    assert_eq!(project.push(&bed, "myapp").code, 0);
    let output =
        bed.run("enter myapp web sh -c 'echo $PPID; setsid sleep 1000 >/dev/null 2>&1 & echo $!'");
    let stray = text(&output.stdout).lines().last().unwrap().to_owned();
    let inspected: serde_json::Value =
        serde_json::from_slice(&bed.run("ps:inspect myapp").stdout).unwrap();
    let leader = inspected[0]["State"]["Pid"].to_string();
    assert!(runs(&leader) && runs(&stray), "{leader} {stray}");
    let Bed { running, directory } = bed;
    drop(running);
    assert!(!runs(&leader), "the app's process outlived the sandbox");
    assert!(
        !runs(&stray),
        "a process that had left its group outlived the sandbox"
    );
    let again = Sandbox::start(&Options {
        root: directory.path().join("root"),
        ssh: "127.0.0.1:0".parse().unwrap(),
        http: "127.0.0.1:0".parse().unwrap(),
        authorized_key: directory.path().join("key.pub"),
        domain: None,
        pace: Pace::default(),
    })
    .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while ask(again.http(), "myapp.localhost", "/").0 != 200 {
        assert!(Instant::now() < deadline, "the app did not come back");
        std::thread::yield_now();
    }
}
