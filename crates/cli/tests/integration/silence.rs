//! Hosts that do not answer, or stop answering.

use std::time::Duration;

use dokku_sandbox::faults::Plan;

use crate::support::TestHost;

#[test]
fn a_host_that_refuses_connections_is_unreachable_at_once() {
    let host = TestHost::start();
    host.fault(Plan {
        refuse: true,
        ..Plan::default()
    });
    let ran = host.cli(&["list"]).run();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(ran.stderr.starts_with("✗ cannot reach HOST: "), "{ran:?}");
    assert_eq!(ran.stdout, "");
    assert!(ran.took < Duration::from_secs(10), "{ran:?}");
}

#[test]
fn a_name_without_address_is_unreachable() {
    let host = TestHost::start();
    let ran = host
        .cli(&["list"])
        .env("DOKKU_HOST", "nowhere.invalid")
        .run();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(
        ran.stderr
            .starts_with("✗ cannot reach nowhere.invalid: Could not resolve hostname"),
        "{ran:?}"
    );
}

#[test]
fn a_host_that_never_answers_is_unreachable_within_fifteen_seconds() {
    let host = TestHost::start();
    host.fault(Plan {
        hang: true,
        ..Plan::default()
    });
    let ran = host.cli(&["list"]).run();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(ran.stderr.starts_with("✗ cannot reach HOST: "), "{ran:?}");
    assert!(ran.took < Duration::from_millis(15_900), "{ran:?}");
}

#[test]
fn patience_is_a_setting() {
    let host = TestHost::start();
    host.fault(Plan {
        hang: true,
        ..Plan::default()
    });
    for test in [
        host.cli(&["list"]).env("DOKKU_TIMEOUT", "2s"),
        host.cli(&["list", "--connect-timeout", "2"]),
    ] {
        let ran = test.run();
        assert_eq!(ran.status, Some(5), "{ran:?}");
        assert!(ran.took < Duration::from_secs(6), "{ran:?}");
    }
    let ran = host.cli(&["list"]).env("DOKKU_TIMEOUT", "soon").run();
    assert_eq!(ran.status, Some(3), "{ran:?}");
}

#[test]
fn a_host_that_falls_silent_while_it_works_is_unreachable() {
    let host = TestHost::start();
    host.close_gate();
    let started = host.cli(&["list"]).env("DOKKU_TIMEOUT", "3s").start();
    host.await_command("--quiet apps:list");
    host.fault(Plan {
        hang: true,
        ..Plan::default()
    });
    let ran = started.finish();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(
        ran.stderr
            .starts_with("✗ cannot reach HOST: Timeout, server 127.0.0.1 not responding\n"),
        "{ran:?}"
    );
    assert!(ran.took < Duration::from_secs(12), "{ran:?}");
}
