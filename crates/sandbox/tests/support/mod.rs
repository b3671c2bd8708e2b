//! A sandbox in this process, and the machine's own OpenSSH client to talk to it.

#![allow(clippy::unwrap_used, reason = "a test's preparations may panic too")]
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod project;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use dokku_sandbox::runtime::Pace;
use dokku_sandbox::{Options, Running, Sandbox};
use serde_json::Value;

/// A running sandbox and a client's key and settings.
pub struct Bed {
    pub running: Running,
    pub directory: tempfile::TempDir,
}

impl Bed {
    pub fn start() -> Self {
        Self::with_domain(Some("dokku.test"))
    }

    pub fn with_domain(domain: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        make_key(&directory.path().join("key"), "admin");
        let running = Sandbox::start(&Options {
            root: directory.path().join("root"),
            ssh: "127.0.0.1:0".parse().unwrap(),
            http: "127.0.0.1:0".parse().unwrap(),
            authorized_key: directory.path().join("key.pub"),
            domain: domain.map(str::to_owned),
            pace: Pace::default(),
        })
        .unwrap();
        let known = format!(
            "[127.0.0.1]:{} {}\n",
            running.ssh().port(),
            running.host_key()
        );
        std::fs::write(directory.path().join("known_hosts"), known).unwrap();
        Self { running, directory }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// `ssh` with options that keep this machine's settings out; add the command words.
    pub fn ssh(&self) -> Command {
        let mut command = Command::new("ssh");
        command
            .args(self.ssh_options(&self.path().join("key")))
            .arg("dokku@127.0.0.1");
        command
    }

    pub fn ssh_options(&self, key: &Path) -> Vec<String> {
        let port = self.running.ssh().port();
        let mut words = vec![
            "-F".to_owned(),
            "none".to_owned(),
            "-p".to_owned(),
            port.to_string(),
        ];
        let known_hosts = self.path().join("known_hosts");
        for option in [
            format!("IdentityFile={}", key.display()),
            format!("UserKnownHostsFile={}", known_hosts.display()),
            "IdentitiesOnly=yes".to_owned(),
            "IdentityAgent=none".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            "BatchMode=yes".to_owned(),
            "LogLevel=ERROR".to_owned(),
        ] {
            words.extend(["-o".to_owned(), option]);
        }
        words
    }

    /// One raw line over a connection of its own.
    pub fn run(&self, line: &str) -> Output {
        self.run_with(line, b"")
    }

    pub fn run_with(&self, line: &str, stdin: &[u8]) -> Output {
        let mut command = self.ssh();
        command.arg(line);
        feed(&mut command, stdin)
    }

    /// Asks the control socket.
    pub fn control(&self, request: &str) -> Value {
        let mut stream = UnixStream::connect(self.running.control()).unwrap();
        writeln!(stream, "{request}").unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["ok"], true, "{request}: {answer}");
        answer
    }

    /// A master connection; the words that make other commands use it.
    pub fn master(&self) -> Master {
        let socket = self.path().join("mux");
        let mut command = self.ssh();
        command
            .args(["-M", "-N", "-S"])
            .arg(&socket)
            .stdin(Stdio::null());
        command.args([
            "-o",
            "ControlPersist=no",
            "-o",
            "PermitLocalCommand=yes",
            "-o",
            "LocalCommand=echo ready",
        ]);
        command.stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n");
        Master { child, socket }
    }
}

pub struct Master {
    child: Child,
    pub socket: PathBuf,
}

impl Master {
    pub fn ssh(&self) -> Command {
        let mut command = Command::new("ssh");
        command
            .args(["-F", "none", "-S"])
            .arg(&self.socket)
            .arg("dokku@127.0.0.1");
        command
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub fn make_key(path: &Path, name: &str) {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
        .arg(path)
        .status();
    assert!(status.unwrap().success());
}

pub fn feed(command: &mut Command, stdin: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let bytes = stdin.to_vec();
    // A command that does not read its stdin closes the pipe early.
    let writer = std::thread::spawn(move || drop(pipe.write_all(&bytes)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
