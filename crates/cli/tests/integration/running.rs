//! Commands in an app's containers: their output, their exit codes, and their end.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::Command,
};

use rustix::process::Signal;

use crate::deploy::Shop;
use crate::support::{Processes, TestHost, await_until};

/// An app with an image, by a plain `git push`.
pub fn push_app(host: &TestHost) {
    let top = host.home().join("app");
    fs::create_dir(&top).unwrap();
    fs::write(top.join("Procfile"), "worker: sleep 1000\n").unwrap();
    let ssh = format!("{}/bin/ssh -p {}", host.home().display(), host.port());
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
            .args(arguments)
            .current_dir(&top)
            .env("HOME", host.home())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env(
                "GIT_SSH_COMMAND",
                format!("{ssh} -i '{}/my keys/id'", host.home().display()),
            )
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    git(&["init", "--quiet", "--initial-branch=master"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "first"]);
    git(&[
        "push",
        "--quiet",
        "dokku@127.0.0.1:shop",
        "HEAD:refs/heads/master",
    ]);
}

#[test]
fn streams_stay_apart_and_the_exit_code_is_the_commands() {
    let host = TestHost::start();
    push_app(&host);
    host.cli(&["-q", "run", "shop", "echo out; echo err >&2; exit 7"])
        .ends(7, "out\n", "err\n");
    // ssh's own code for its failures, but here the command's.
    host.cli(&["-q", "run", "shop", "exit 255"])
        .ends(255, "", "");
    host.cli(&["-q", "run", "shop", "echo", "--help", "-n", "it's", "a  b"])
        .prints("--help -n it's a  b\n", "");
}

#[test]
fn output_comes_as_it_is_written() {
    let host = TestHost::start();
    push_app(&host);
    let marker = host.home().join("go on");
    let script = format!(
        "echo one; while [ ! -e '{}' ]; do sleep 0.05; done; echo two",
        marker.display()
    );
    let mut child = host
        .cli(&["-q", "run", "shop", &script])
        .command()
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "one");
    fs::write(&marker, "").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "two");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_flood_of_output_arrives_whole_in_little_memory() {
    const FLOOD: usize = 50_000_000;
    let host = TestHost::start();
    push_app(&host);
    let marker = host.home().join("go on");
    let script = format!(
        "head -c {FLOOD} /dev/zero | tr '\\0' x; echo; while [ ! -e '{}' ]; do sleep 0.05; done",
        marker.display()
    );
    let mut child = host
        .cli(&["-q", "run", "shop", &script])
        .command()
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    let (mut seen, mut buffer) = (0, vec![0; 65536]);
    while seen < FLOOD {
        let read = out.read(&mut buffer).unwrap();
        assert!(read > 0, "only {seen} bytes");
        seen += buffer[..read]
            .iter()
            .map(|&byte| usize::from(byte == b'x'))
            .sum::<usize>();
    }
    assert_eq!(seen, FLOOD);
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let most: usize = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap()
        .parse()
        .unwrap();
    assert!(most < 40_000, "{most} KiB");
    fs::write(&marker, "").unwrap();
    drop(out);
    child.wait().unwrap();
}

#[test]
fn a_reader_that_has_enough_ends_the_command() {
    let host = TestHost::start();
    push_app(&host);
    let mut child = host
        .cli(&["-q", "run", "shop", "yes"])
        .command()
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "y");
    drop(lines);
    assert!(child.wait().unwrap().success());
    assert_eq!(host.runtime_entries(), Vec::<String>::new());
}

#[test]
fn ctrl_c_ends_a_running_command_here_and_says_what_may_go_on() {
    let host = TestHost::start();
    push_app(&host);
    let marker = host.home().join("started");
    let script = format!("touch '{}'; sleep 600", marker.display());
    let started = host.cli(&["-q", "run", "shop", &script]).start();
    await_until("the command", || marker.exists());
    started.signal_group(Signal::INT);
    let ran = started.finish();
    assert_eq!(ran.status, Some(130), "{ran:?}");
    assert!(
        ran.stderr.starts_with("✗ stopped while `run shop sh -c "),
        "{ran:?}"
    );
    assert!(
        ran.stderr.ends_with("\n  On the host it may go on.\n"),
        "{ran:?}"
    );
    assert_eq!(host.runtime_entries(), Vec::<String>::new());
    await_until("ssh to end", || {
        Processes::naming(&host.runtime()).is_empty()
    });
}

#[test]
fn ctrl_c_is_the_way_to_end_a_followed_log() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    let started = host.cli(&["logs:follow", "shop"]).start();
    host.await_command("logs shop");
    started.signal_group(Signal::INT);
    let ran = started.finish();
    assert_eq!(ran.status, Some(130), "{ran:?}");
    assert_eq!(ran.stderr, "ℹ Following logs for shop (Ctrl+C to stop)\n");
    assert_eq!(host.runtime_entries(), Vec::<String>::new());
}
