//! Ctrl-C, SIGTERM and kill -9.

use dokku_sandbox::faults::Plan;
use rustix::process::Signal;

use crate::support::{Processes, TestHost, await_until};

/// A program that waits for an answer that does not come.
fn hanging(host: &TestHost) -> crate::support::Started<'_> {
    host.fault(Plan {
        hang: true,
        ..Plan::default()
    });
    let started = host.cli(&["list"]).env("DOKKU_TIMEOUT", "60s").start();
    await_until("a connection", || host.counts().connections > 0);
    started
}

#[test]
fn ctrl_c_while_connecting_ends_the_program_and_its_ssh() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let host = TestHost::start();
        let started = hanging(&host);
        started.signal_group(signal);
        let ran = started.finish();
        assert_eq!(ran.status, Some(code), "{ran:?}");
        assert_eq!(ran.stderr, "✗ stopped while `ssh HOST` was running\n");
        assert_eq!(host.runtime_entries(), Vec::<String>::new());
        assert_eq!(Processes::naming(&host.runtime()), Vec::<String>::new());
    }
}

#[test]
fn ctrl_c_while_the_host_works_ends_the_program_and_its_connection() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let host = TestHost::start();
        host.close_gate();
        let started = host.cli(&["list"]).start();
        host.await_command("--quiet apps:list");
        started.signal_group(signal);
        let ran = started.finish();
        assert_eq!(ran.status, Some(code), "{ran:?}");
        assert_eq!(ran.stdout, "");
        assert_eq!(
            ran.stderr,
            "✗ stopped while `--quiet apps:list` was running\n"
        );
        assert_eq!(host.runtime_entries(), Vec::<String>::new());
        await_until("ssh to end", || {
            Processes::naming(&host.runtime()).is_empty()
        });
    }
}

#[test]
fn after_kill_9_the_connection_expires_and_the_next_run_sweeps() {
    let host = TestHost::start();
    host.close_gate();
    let started = host.cli(&["list"]).start();
    host.await_command("--quiet apps:list");
    rustix::process::kill_process(started.pid(), Signal::KILL).unwrap();
    assert_eq!(started.finish().status, None);
    host.open_gate();
    await_until("the connection to expire", || {
        Processes::naming(&host.runtime()).is_empty()
    });
    assert_eq!(host.runtime_entries().len(), 1);
    host.cli(&["-q", "list"]).prints("", "");
    assert_eq!(host.runtime_entries(), Vec::<String>::new());
}
