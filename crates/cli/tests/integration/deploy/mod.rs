//! `dokku-cli deploy`, end to end: real git, real ssh, real processes behind the sandbox's router.

mod bad_input;
mod details;
mod failures;
mod goes_live;
mod herokuish;
mod left_behind;
mod unfinished;

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Ran, Test, TestHost, await_until};

/// A web app that tells its version and one of its variables.
const APP: &str = r#"
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

VERSION = open("version").read().strip()

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        healthy = not os.path.exists("sick")
        self.send_response(200 if healthy else 500)
        self.end_headers()
        self.wfile.write((VERSION + " " + os.environ.get("GREETING", "-")).encode())

    def log_message(self, *words):
        pass

HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"#;

const CONFIG: &str = "healthcheck: {attempts: 2, wait: 1s}\n";

/// The repository of an app called `shop`.
pub struct Shop<'a> {
    host: &'a TestHost,
    top: PathBuf,
}

/// A build or a task that waits until it is let go.
pub struct Waiting {
    begun: PathBuf,
    go: PathBuf,
}

impl Waiting {
    fn on(host: &TestHost) -> Self {
        Self {
            begun: host.home().join("begun"),
            go: host.home().join("go"),
        }
    }

    /// The shell's words for it.
    fn script(&self) -> String {
        let (begun, go) = (self.begun.display(), self.go.display());
        format!("touch '{begun}'; while [ ! -e '{go}' ]; do sleep 0.05; done")
    }

    /// Waits until it has begun.
    pub fn await_begun(&self) {
        await_until("what waits", || self.begun.exists());
    }

    /// It ends from now on.
    pub fn let_go(&self) {
        fs::write(&self.go, "").unwrap();
    }

    /// It waits again.
    pub fn hold(&self) {
        fs::remove_file(&self.go).unwrap();
        fs::remove_file(&self.begun).unwrap();
    }
}

impl<'a> Shop<'a> {
    /// A repository whose one commit is version 1.
    pub fn new(host: &'a TestHost) -> Self {
        let shop = Self {
            host,
            top: host.home().join("shop"),
        };
        fs::create_dir(&shop.top).unwrap();
        shop.git(&["init", "--quiet", "--initial-branch=main"]);
        shop.git(&["config", "user.name", "Ada"]);
        shop.git(&["config", "user.email", "ada@example.com"]);
        shop.write("app.py", APP);
        shop.write("Procfile", "web: python3 app.py\n");
        shop.write(".dokku/config.yml", CONFIG);
        shop.release("1");
        shop
    }

    pub fn host(&self) -> &'a TestHost {
        self.host
    }

    pub fn top(&self) -> &Path {
        &self.top
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.top.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Settings with release tasks, each a name and a command.
    pub fn tasks(&self, tasks: &[(&str, &str)]) {
        let tasks: Vec<Value> = tasks
            .iter()
            .map(|(name, command)| serde_json::json!({"name": name, "command": command}))
            .collect();
        let tasks = serde_json::json!(tasks);
        self.write(
            ".dokku/config.yml",
            &format!("{CONFIG}release: {{tasks: {tasks}}}\n"),
        );
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(&self.top)
            .env("HOME", self.host.home())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// From the next commit on, builds wait.
    pub fn let_builds_wait(&self) -> Waiting {
        let waiting = Waiting::on(self.host);
        self.write("bin/build", &format!("#!/bin/sh\n{}\n", waiting.script()));
        self.make_executable("bin/build");
        waiting
    }

    pub fn make_executable(&self, path: &str) {
        fs::set_permissions(self.top.join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A plain `git push` of HEAD, as people do it without the program.
    pub fn push_by_hand(&self, branch: &str) {
        let ssh = format!(
            "{}/bin/ssh -i '{}/my keys/id' -p {}",
            self.host.home().display(),
            self.host.home().display(),
            self.host.port()
        );
        let output = Command::new("git")
            .args([
                "push",
                "dokku@127.0.0.1:shop",
                &format!("HEAD:refs/heads/{branch}"),
            ])
            .current_dir(&self.top)
            .env("HOME", self.host.home())
            .env("GIT_SSH_COMMAND", ssh)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// Commits everything as `version`; returns the commit.
    pub fn release(&self, version: &str) -> String {
        self.write("version", version);
        self.commit(&format!("Version {version}"))
    }

    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// `dokku-cli deploy` in the repository.
    pub fn deploy(&self, arguments: &[&str]) -> Test<'a> {
        let words: Vec<&str> = std::iter::once("deploy")
            .chain(arguments.iter().copied())
            .collect();
        self.host.cli(&words).directory(&self.top)
    }

    /// Deploys, which has to succeed.
    pub fn deployed(&self, arguments: &[&str]) {
        let ran = self.deploy(arguments).run();
        assert_eq!(ran.status, Some(0), "{ran:?}");
    }

    /// Deploys, which has to fail with `status`; returns what was told.
    pub fn fails(&self, status: i32, arguments: &[&str]) -> String {
        let ran = self.deploy(arguments).run();
        assert_eq!(ran.status, Some(status), "{ran:?}");
        ran.stderr
    }

    /// What `shop.localhost` answers over HTTP: status and body.
    pub fn answer(&self) -> (u16, String) {
        let mut stream = TcpStream::connect(self.host.http()).unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let body = text.split_once("\r\n\r\n").unwrap().1.to_owned();
        (status, body)
    }

    /// The app's variables, asked of the host by plain ssh.
    pub fn variables(&self) -> Value {
        serde_json::from_str(&self.host.ssh("config:export --format json shop")).unwrap()
    }

    /// Nothing of a deploy may have stayed behind: no journal, no hold, no container.
    pub fn is_tidy(&self) {
        let variables = self.variables();
        let left: Vec<&String> = variables
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| key.starts_with("DEPLOY_RUN_"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        let report: Value =
            serde_json::from_str(&self.host.ssh("ps:report shop --format json")).unwrap();
        assert_eq!(report["ps-computed-skip-deploy"], "false", "{report}");
        assert_eq!(self.host.ssh("run:list shop --format json").trim(), "[]");
    }

    /// The version in the image that the next restart would run.
    pub fn newest_image(&self) -> String {
        self.host.ssh("run shop cat version").trim().to_owned()
    }
}

/// Where the deploy of version 2 waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// In the build on the host.
    Build,
    /// In a release task.
    Task,
}

/// Version 1 serves; the deploy of version 2 waits somewhere until it is let go.
pub struct Delayed<'a> {
    pub shop: Shop<'a>,
    waiting: Waiting,
}

impl<'a> Delayed<'a> {
    pub fn new(host: &'a TestHost, at: At) -> Self {
        let shop = Shop::new(host);
        shop.deployed(&[]);
        let waiting = match at {
            At::Build => shop.let_builds_wait(),
            At::Task => {
                let waiting = Waiting::on(host);
                shop.tasks(&[("wait", &waiting.script())]);
                waiting
            }
        };
        shop.release("2");
        Self { shop, waiting }
    }

    pub fn has_begun(&self) {
        self.waiting.await_begun();
    }

    pub fn let_go(&self) {
        self.waiting.let_go();
    }

    /// The next one waits again.
    pub fn hold(&self) {
        self.waiting.hold();
    }

    /// Kills the program while it waits for the host.
    pub fn killed(&self, arguments: &[&str]) -> Ran {
        let killed = self.shop.deploy(arguments).start();
        self.has_begun();
        rustix::process::kill_process(killed.pid(), Signal::KILL).unwrap();
        killed.finish()
    }

    /// Lets a task go that nobody follows any more, and waits for its end.
    pub fn task_ends(&self) {
        self.let_go();
        await_until("the end of the left task", || {
            self.shop.host.ssh("run:list shop --format json").trim() == "[]"
        });
    }
}
