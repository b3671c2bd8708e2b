//! A git repository with a small web app, and ways to push it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::Bed;

/// Answers `GET /` with its version and its variables `GREETING` and `GIT_REV`, `/health` with ok.
pub const SERVER: &str = r#"
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
VERSION = "one"
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        text = "ok" if self.path == "/health" else " ".join(
            [VERSION, os.environ.get("GREETING", "-"), os.environ.get("GIT_REV", "-"), os.environ["DYNO"]])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())
print("listening on", os.environ["PORT"], flush=True)
HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"#;

pub struct Project {
    pub path: PathBuf,
}

impl Project {
    /// A repository with the app, in the bed's directory.
    pub fn new(bed: &Bed) -> Self {
        let project = Self {
            path: bed.path().join("project"),
        };
        std::fs::create_dir_all(&project.path).unwrap();
        project.git(&["init", "-q", "-b", "master"]);
        project.write("server.py", SERVER);
        project.write("Procfile", "web: python3 server.py\nworker: sleep 1000\n");
        project.commit("first");
        project
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        if text.starts_with("#!") {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    /// The app under another version.
    pub fn set_version(&self, version: &str) -> String {
        self.write(
            "server.py",
            &SERVER.replace("\"one\"", &format!("\"{version}\"")),
        );
        self.commit(version)
    }

    /// Commits everything; its id.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        let output = git(&self.path).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// `git push` through the real ssh client.
    pub fn push_command(&self, bed: &Bed, app: &str, refspec: &str) -> Command {
        let mut command = git(&self.path);
        let ssh = [
            vec!["ssh".to_owned()],
            bed.ssh_options(&bed.path().join("key")),
        ]
        .concat()
        .join(" ");
        let port = bed.running.ssh().port();
        command.env("GIT_SSH_COMMAND", ssh);
        command.args([
            "push",
            &format!("ssh://dokku@127.0.0.1:{port}/{app}"),
            refspec,
        ]);
        command
    }

    pub fn push(&self, bed: &Bed, app: &str) -> Pushed {
        self.push_ref(bed, app, "master:master")
    }

    pub fn push_ref(&self, bed: &Bed, app: &str, refspec: &str) -> Pushed {
        Pushed::of(&self.push_command(bed, app, refspec).output().unwrap())
    }
}

/// What a push answered, `remote:` lines without their frame.
#[derive(Debug)]
pub struct Pushed {
    pub code: i32,
    pub stderr: String,
    pub remote: Vec<String>,
}

impl Pushed {
    pub fn of(output: &Output) -> Self {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let remote = stderr
            .lines()
            .filter_map(|line| {
                line.strip_prefix("remote: ")
                    .or_else(|| line.strip_prefix("remote:"))
            })
            .map(|line| line.trim_end().to_owned())
            .collect();
        Self {
            code: output.status.code().unwrap_or(-1),
            stderr,
            remote,
        }
    }

    pub fn says(&self, line: &str) -> bool {
        self.remote.iter().any(|said| said == line)
    }
}

fn git(path: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(path)
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    for role in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{role}_NAME"), "t")
            .env(format!("GIT_{role}_EMAIL"), "t@example.com");
    }
    command
}

/// Asks the router for a path under a host name; status and body.
pub fn ask(address: SocketAddr, host: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap_or(&answer).parse().unwrap();
    let body = answer
        .split_once("\r\n\r\n")
        .map_or("", |(_, body)| body)
        .to_owned();
    (status, body)
}
