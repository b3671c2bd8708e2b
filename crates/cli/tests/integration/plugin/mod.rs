//! The Dokku plugin in the sandbox: its real shims run the real program, through real pushes.

mod archive;
mod audit;
mod cli;
#[cfg(target_arch = "x86_64")]
mod cut_short;
mod deploy_key;
mod gate;
mod images;
mod journal;
mod killed;
mod locks;
mod notices;
mod operations;
mod races;
pub mod record;
mod setup;
mod ways;

use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::support::TestHost;

/// A host with the plugin.
pub struct Guarded {
    pub host: TestHost,
    work: PathBuf,
}

/// What came out of a command, both streams together.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub text: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = [output.stdout, output.stderr].concat();
        Self {
            code: output.status.code().unwrap(),
            text: String::from_utf8_lossy(&text).into_owned(),
        }
    }
}

impl Guarded {
    /// A host with the plugin and a repository of the app `shop`.
    pub fn start() -> Self {
        let host = TestHost::start();
        let plugin = host.home().join("root/plugins/deploy-system");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugin");
        let copied = Command::new("cp")
            .arg("-r")
            .arg(source)
            .arg(&plugin)
            .status();
        assert!(copied.unwrap().success());
        fs::create_dir(plugin.join("bin")).unwrap();
        symlink(
            env!("CARGO_BIN_EXE_dokku-cli"),
            plugin.join("bin/dokku-cli"),
        )
        .unwrap();
        let calls = fs::read_to_string(host.home().join("root/bin/dokku")).unwrap();
        assert!(
            calls.contains(" call "),
            "build the program dokku-sandbox first: {calls}"
        );
        let work = host.home().join("work");
        fs::create_dir(&work).unwrap();
        let guarded = Self { host, work };
        guarded.git(&["init", "--quiet", "--initial-branch=master"]);
        guarded.git(&["config", "user.name", "Ada"]);
        guarded.git(&["config", "user.email", "ada@example.com"]);
        fs::write(guarded.work.join("Procfile"), "web: sleep 3600\n").unwrap();
        fs::write(guarded.work.join("CHECKS"), "").unwrap();
        guarded
    }

    pub fn git(&self, words: &[&str]) -> String {
        let output = Command::new("git")
            .args(words)
            .current_dir(&self.work)
            .env("HOME", self.host.home())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A new commit; its id.
    pub fn commit(&self) -> String {
        let number = self.git(&["rev-list", "--all", "--count"]);
        fs::write(self.work.join("number"), number).unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "a commit"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// A plain `git push`.
    pub fn push(&self, app: &str) -> Said {
        let home = self.host.home().display();
        let ssh = format!(
            "{home}/bin/ssh -i '{home}/my keys/id' -p {}",
            self.host.port()
        );
        Command::new("git")
            .args([
                "push",
                "--force",
                &format!("dokku@127.0.0.1:{app}"),
                "HEAD:refs/heads/master",
            ])
            .current_dir(&self.work)
            .env("HOME", self.host.home())
            .env("GIT_SSH_COMMAND", ssh)
            .output()
            .unwrap()
            .into()
    }

    /// A command by plain ssh.
    pub fn ssh(&self, line: &str) -> Said {
        self.ssh_with(line, b"")
    }

    /// The same with something on standard input.
    pub fn ssh_with(&self, line: &str, input: &[u8]) -> Said {
        let mut child = Command::new(self.host.home().join("bin/ssh"))
            .arg("-i")
            .arg(self.host.home().join("my keys/id"))
            .args(["-o", "BatchMode=yes", "-p", &self.host.port().to_string()])
            .args(["--", "dokku@127.0.0.1", line])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// A command by plain ssh that has to succeed; what it said.
    pub fn ok(&self, line: &str) -> String {
        let said = self.ssh(line);
        assert_eq!(said.code, 0, "{line}: {}", said.text);
        said.text
    }

    pub fn variables(&self, app: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("config:export --format json {app}"))).unwrap()
    }

    /// The commit of the app's branch `master` on the host.
    pub fn tip(&self, app: &str) -> Option<String> {
        let output = Command::new("git")
            .arg("--git-dir")
            .arg(self.host.home().join("root/home").join(app))
            .args(["rev-parse", "--verify", "--quiet", "refs/heads/master"])
            .output()
            .unwrap();
        let commit = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        Some(commit).filter(|commit| !commit.is_empty())
    }

    pub fn data(&self) -> PathBuf {
        self.host.home().join("root/lib/data/deploy-system")
    }

    /// The entries of the audit log.
    pub fn audit(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.data().join("audit.jsonl")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The last entry's event.
    pub fn last_event(&self) -> String {
        let entries = self.audit();
        let entry = entries.last().expect("an entry");
        entry["event"].as_str().unwrap().to_owned()
    }

    /// A call of the plugin's file `entry` as Dokku makes it, without Dokku.
    pub fn entry(&self, entry: &str, words: &[&str], source: &str) -> Command {
        let root = self.host.home().join("root");
        let mut command = Command::new(root.join("plugins/deploy-system").join(entry));
        command
            .args(words)
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", root.join("bin").display()),
            )
            .env("DOKKU_LIB_ROOT", root.join("lib"))
            .env("DOKKU_ROOT", root.join("home"))
            .env(
                "PLUGIN_CORE_AVAILABLE_PATH",
                root.join("lib/core-plugins/available"),
            )
            .env("DOKKU_BUILD_SOURCE", source)
            .env("SSH_NAME", "test")
            .stdin(Stdio::null());
        command
    }

    /// Puts a script in the place of the plugin's program.
    pub fn replace_program(&self, script: &str) {
        let path = self.program();
        fs::remove_file(&path).unwrap();
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Puts the program back.
    pub fn repair_program(&self) {
        fs::remove_file(self.program()).unwrap();
        symlink(env!("CARGO_BIN_EXE_dokku-cli"), self.program()).unwrap();
    }

    pub fn program(&self) -> PathBuf {
        self.host
            .home()
            .join("root/plugins/deploy-system/bin/dokku-cli")
    }
}
