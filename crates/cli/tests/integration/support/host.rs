//! A sandbox in this process, and a home directory from which the program reaches it.

use std::{
    fs::{self, TryLockError},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use dokku_sandbox::{Options, Running, Sandbox, faults::Plan, statistics::Counts};
use rustix::process::Pid;
use tempfile::TempDir;

use super::Test;

/// A host to test against. Each test has its own.
///
/// The order of the fields is that of their ends: what runs on a disk before the disk.
pub struct TestHost {
    sandbox: Running,
    _disk: Option<SmallDisk>,
    home: TempDir,
}

/// A tmpfs, unmounted at the end.
struct SmallDisk(PathBuf);

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        assert!(
            unmounted.is_ok_and(|status| status.success()),
            "{} stays mounted",
            self.0.display()
        );
    }
}

impl TestHost {
    /// A sandbox without apps.
    pub fn start() -> Self {
        Self::start_in(TempDir::new_in("/tmp").unwrap(), None)
    }

    /// A sandbox whose root lies on a disk of so many MiB; `None` for people who may not mount one.
    pub fn on_small_disk(size: u32) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("not run: only root may mount a small disk");
            return None;
        }
        let home = TempDir::new_in("/tmp").unwrap();
        let root = home.path().join("root");
        fs::create_dir(&root).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}m"), "tmpfs"])
            .arg(&root)
            .status()
            .unwrap();
        assert!(mounted.success());
        Some(Self::start_in(home, Some(SmallDisk(root))))
    }

    fn start_in(home: TempDir, disk: Option<SmallDisk>) -> Self {
        let path = home.path();
        // A blank in the path, as on many a laptop.
        fs::create_dir_all(path.join("my keys")).unwrap();
        fs::create_dir_all(path.join(".ssh")).unwrap();
        fs::create_dir(path.join("run")).unwrap();
        fs::set_permissions(path.join("run"), fs::Permissions::from_mode(0o700)).unwrap();
        keygen(&path.join("my keys/id"));
        let sandbox = Sandbox::start(&Options {
            root: path.join("root"),
            ssh: "127.0.0.1:0".parse().unwrap(),
            http: "127.0.0.1:0".parse().unwrap(),
            authorized_key: path.join("my keys/id.pub"),
            domain: Some("localhost".into()),
            pace: dokku_sandbox::runtime::Pace::default(),
        })
        .unwrap();
        let host = Self {
            sandbox,
            _disk: disk,
            home,
        };
        host.isolate_ssh();
        host.know(&host.known_hosts_line());
        host
    }

    /// OpenSSH takes the home directory from the system's list of users, not from `HOME`. So the
    /// `ssh` of the tests is the real one with a configuration of its own, which knows the host,
    /// no agent and no other key.
    fn isolate_ssh(&self) {
        let home = self.home().display();
        let real = which("ssh");
        fs::write(
            self.home().join(".ssh/config"),
            format!(
                "Host *\n  UserKnownHostsFile {home}/.ssh/known_hosts\n  GlobalKnownHostsFile /dev/null\n  IdentityAgent none\n  IdentityFile {home}/.ssh/none\n"
            ),
        )
        .unwrap();
        fs::create_dir(self.home().join("bin")).unwrap();
        let wrapper = self.home().join("bin/ssh");
        fs::write(
            &wrapper,
            format!(
                "#!/bin/sh\nexec {} -F {home}/.ssh/config \"$@\"\n",
                real.display()
            ),
        )
        .unwrap();
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The line of `known_hosts` that is true.
    pub fn known_hosts_line(&self) -> String {
        format!("[127.0.0.1]:{} {}", self.port(), self.sandbox.host_key())
    }

    /// Makes `line` all that the user's `known_hosts` says.
    pub fn know(&self, line: &str) {
        fs::write(self.home().join(".ssh/known_hosts"), format!("{line}\n")).unwrap();
    }

    /// The port of the SSH server.
    pub fn port(&self) -> u16 {
        self.sandbox.ssh().port()
    }

    /// The home directory of whoever runs the program.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where the program's control sockets lie.
    pub fn runtime(&self) -> PathBuf {
        self.home().join("run")
    }

    /// What lies there now.
    pub fn runtime_entries(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.runtime())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// The process of ssh that keeps the connection of the one run that is under way.
    pub fn shared_connection(&self) -> Pid {
        let told = self.tell_shared_connection("check");
        told.split_once("pid=")
            .and_then(|(_, rest)| rest.split_once(')'))
            .and_then(|(pid, _)| Pid::from_raw(pid.parse().ok()?))
            .unwrap_or_else(|| panic!("no process in {told:?}"))
    }

    /// Tells that process something (`ssh -O`); its answer.
    pub fn tell_shared_connection(&self, what: &str) -> String {
        // What killed runs left is there too, but nobody holds it locked.
        let mut runs = self.runtime_entries();
        runs.retain(|run| {
            let alive = fs::File::open(self.runtime().join(run).join("alive"));
            alive.is_ok_and(|alive| matches!(alive.try_lock(), Err(TryLockError::WouldBlock)))
        });
        let [run] = runs.as_slice() else {
            panic!("not one run but {runs:?}");
        };
        let output = Command::new("ssh")
            .arg("-S")
            .arg(self.runtime().join(run).join("s0"))
            .args(["-O", what, "host"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Waits until the bytes that [`Plan::stall_after`] allows have passed.
    pub fn await_silence(&self) {
        await_until("nothing passes any more", || {
            self.sandbox.host().faults().plan().stall_after == Some(0)
        });
    }

    /// Runs the program against this host.
    pub fn cli<'a>(&'a self, arguments: &[&str]) -> Test<'a> {
        Test::new(self, arguments)
    }

    /// Makes an app, by way of the sandbox itself. It counts nowhere.
    pub fn create_app(&self, name: &str) {
        self.ssh(&format!("apps:create {name}"));
    }

    /// Sends a line by plain ssh, which has to succeed; resets the counters.
    pub fn ssh(&self, line: &str) -> String {
        let output = Command::new(self.home().join("bin/ssh"))
            .arg("-i")
            .arg(self.home().join("my keys/id"))
            .args(["-o", "BatchMode=yes", "-p", &self.port().to_string()])
            .args(["--", "dokku@127.0.0.1", line])
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        self.sandbox.host().statistics().reset();
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the sandbox has counted since the last preparation.
    pub fn counts(&self) -> Counts {
        self.sandbox.host().statistics().counts()
    }

    /// From now on every command waits on the host until [`TestHost::open_gate`], by way of a plugin
    /// that is asked about each.
    pub fn close_gate(&self) {
        let closed = self.home().join("closed");
        fs::write(&closed, "").unwrap();
        self.plugin(
            "gate",
            "user-auth",
            &format!("while [ -e {} ]; do sleep 0.02; done\n", closed.display()),
        );
    }

    /// Puts a plugin with one trigger, a shell script, onto the host.
    pub fn plugin(&self, name: &str, trigger: &str, script: &str) {
        let plugin = self.home().join("root/plugins").join(name);
        fs::create_dir_all(&plugin).unwrap();
        let path = plugin.join(trigger);
        fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Lets the waiting commands go on.
    pub fn open_gate(&self) {
        fs::remove_file(self.home().join("closed")).unwrap();
    }

    /// Waits until the sandbox has seen a command that begins with `beginning`.
    pub fn await_command(&self, beginning: &str) {
        await_until(&format!("a command {beginning:?}"), || {
            self.counts()
                .commands
                .iter()
                .any(|command| command.starts_with(beginning))
        });
    }

    /// Where the router of the apps listens.
    pub fn http(&self) -> std::net::SocketAddr {
        self.sandbox.http()
    }

    /// The next call of `verb` fails, without having done anything.
    pub fn fail_next(&self, verb: &str, exit: u8) {
        self.fault(Plan {
            fail: vec![dokku_sandbox::faults::Failing {
                verb: verb.to_owned(),
                stderr: format!(" !     {verb} is out of order\n"),
                stdout: String::new(),
                exit,
                after: 0,
            }],
            ..Plan::default()
        });
    }

    /// The disk that the sandbox lies on has no byte left, or is free again.
    pub fn set_disk_full(&self, is_full: bool) {
        let root = self.home().join("root");
        if is_full {
            assert!(dokku_sandbox::disk::fill(&root).unwrap() > 0);
        } else {
            dokku_sandbox::disk::free(&root).unwrap();
        }
    }

    /// Installs the stand-in for the plugin that gets certificates.
    pub fn install_letsencrypt(&self) {
        dokku_sandbox::commands::letsencrypt::install(self.sandbox.host(), true).unwrap();
    }

    /// Installs the stand-in for the plugin that asks visitors for a password.
    pub fn install_http_auth(&self) {
        dokku_sandbox::commands::http_auth::install(self.sandbox.host(), true).unwrap();
    }

    /// Nothing passes any more.
    pub fn hang(&self) {
        self.fault(Plan {
            hang: true,
            ..Plan::default()
        });
    }

    /// Everything is in order again.
    pub fn heal(&self) {
        self.fault(Plan::default());
    }

    /// Puts things out of order.
    pub fn fault(&self, plan: Plan) {
        self.sandbox.host().faults().set(plan);
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        // A failed test must not leave a command waiting.
        drop(fs::remove_file(self.home().join("closed")));
    }
}

/// Waits for a condition that another process brings about.
pub fn await_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "waited in vain for {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Makes a key without a passphrase.
pub fn keygen(path: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
}

fn which(program: &str) -> PathBuf {
    std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
        .unwrap()
}
