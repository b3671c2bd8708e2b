//! Backups and restores with the real engines, as far as they are installed; in CI they are.

mod bucket;
mod faults;
mod filled;
mod local;
mod nightly;
mod restore_tests;
mod restores;
mod round_trips;
mod sealed;
pub mod server;
mod services;
mod ways_back;
mod weekly;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::Pid;

use crate::support::{TestHost, await_until};

/// Backup files in a directory, by name.
fn backups(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.ends_with(".dump") || name.ends_with(".dump.gz")
        })
        .collect();
    found.sort();
    found
}

/// Names in a directory that the program made, finished or not.
fn traces(directory: &Path) -> Vec<String> {
    let mut found: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains(".dump") || name.starts_with(".dokku-cli-"))
        .collect();
    found.sort();
    found
}

/// A host with the app `shop`, linked to a service of a kind under a hand-made name.
fn host_with(kind: &str) -> TestHost {
    let host = TestHost::start();
    host.create_app("shop");
    host.ssh(&format!("{kind}:create store"));
    host.ssh(&format!("{kind}:link store shop --no-restart"));
    host
}

/// From now on calls of a verb wait on the host until [`TestHost::open_gate`]; what is returned waits
/// until one does.
pub fn gate<'a>(host: &'a TestHost, verb: &str) -> impl Fn() + use<'a> {
    let home = host.home();
    let [closed, waiting, refused] = ["closed", "waiting", "refused"].map(|name| home.join(name));
    drop(fs::remove_file(&waiting));
    fs::write(&closed, "").unwrap();
    host.plugin(
        "gate",
        "user-auth",
        &format!(
            "case \"$3\" in {verb}) touch '{}'; while [ -e '{}' ]; do sleep 0.02; done; if [ -e '{refused}' ]; then rm '{refused}'; exit 1; fi;; esac\n",
            waiting.display(),
            closed.display(),
            refused = refused.display(),
        ),
    );
    move || await_until("a call that waits", || waiting.exists())
}

/// Opens the gate, and the call that waits there is refused: it does nothing any more.
fn refuse_at_gate(host: &TestHost) {
    let refused = host.home().join("refused");
    fs::write(&refused, "").unwrap();
    host.open_gate();
    await_until("the refusal of a call", || !refused.exists());
}

/// Puts a shell script into the place of a program.
fn write_program(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Waits until a script has written its process into a file.
fn written_pid(path: &Path) -> Pid {
    let mut pid = None;
    await_until("the process of a script", || {
        pid = fs::read_to_string(path)
            .ok()
            .filter(|text| text.ends_with('\n'))
            .and_then(|text| Pid::from_raw(text.trim().parse().ok()?));
        pid.is_some()
    });
    pid.unwrap()
}

/// Sends statements to the client of the service and returns what it says.
fn say(host: &TestHost, kind: &str, statements: &[u8]) -> String {
    say_to(host, kind, "store", statements)
}

/// The same to a service of any name.
pub fn say_to(host: &TestHost, kind: &str, service: &str, statements: &[u8]) -> String {
    use std::io::Write;
    let mut child = Command::new(host.home().join("bin/ssh"))
        .arg("-i")
        .arg(host.home().join("my keys/id"))
        .args(["-o", "BatchMode=yes", "-p", &host.port().to_string()])
        .args([
            "--",
            "dokku@127.0.0.1",
            &format!("{kind}:connect {service}"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(statements).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
