//! A sandbox of a chore's own: started in a temporary directory, ended with it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::interrupt::Interrupts;
use crate::{program, say};

/// A running sandbox with a key for it; dropping it ends the sandbox and removes its directory.
pub struct Sandbox {
    child: Option<Child>,
    directory: Option<TempDir>,
    ready: Ready,
}

/// How long a sandbox may live.
#[derive(Debug, Clone, Copy)]
pub enum Life {
    /// If this process is killed before it can end the sandbox, the kernel does so.
    EndsWithThisProcess,
    /// It may be left running.
    MayOutlive,
}

/// What the sandbox said when it was ready, and where its key is.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Port of the SSH server on 127.0.0.1.
    pub ssh_port: u16,
    /// Port of the HTTP router on 127.0.0.1.
    pub http_port: u16,
    /// As in a `known_hosts` file, after the name.
    pub host_key: String,
    /// Socket of statistics and faults.
    pub control: PathBuf,
    /// The private key that may come in.
    pub key: PathBuf,
}

impl Sandbox {
    /// Starts `program`, a built `dokku-sandbox`; returns once it answers.
    pub fn start(program: &Path, life: Life, interrupts: &Interrupts) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("dokku-").tempdir()?;
        // Run by root, an engine that refuses root runs as another user and has to come this far.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        let key = make_key(directory.path())?;
        let log = fs::File::create(directory.path().join("sandbox.log"))?;
        let mut command = match life {
            Life::MayOutlive => Command::new(program),
            Life::EndsWithThisProcess => {
                let mut command = Command::new("setpriv");
                command.args(["--pdeathsig", "TERM", "--"]).arg(program);
                command
            }
        };
        command
            .arg("serve")
            .arg("--root")
            .arg(directory.path().join("host"))
            .args([
                "--ssh",
                "127.0.0.1:0",
                "--http",
                "127.0.0.1:0",
                "--authorized-key",
            ])
            .arg(key.with_extension("pub"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0);
        let mut child = command.spawn().context("cannot start dokku-sandbox")?;
        let stdout = child.stdout.take();
        let line = interrupts.while_waiting_for(&child, || first_line(stdout));
        let mut sandbox = Self {
            child: Some(child),
            directory: Some(directory),
            ready: Ready {
                ssh_port: 0,
                http_port: 0,
                host_key: String::new(),
                control: PathBuf::new(),
                key,
            },
        };
        interrupts.check()?;
        let line = line?;
        if line.is_empty() {
            bail!("dokku-sandbox did not start: {}", sandbox.log()?);
        }
        sandbox.ready.read(&line)?;
        let ready = &sandbox.ready;
        fs::write(ready.known_hosts(), format!("{}\n", ready.known_host()))?;
        Ok(sandbox)
    }

    /// How it can be reached.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The directory of everything that belongs to this sandbox.
    pub fn directory(&self) -> anyhow::Result<&Path> {
        Ok(self
            .directory
            .as_ref()
            .context("the sandbox was left running")?
            .path())
    }

    /// The directory of the host itself.
    pub fn root(&self) -> anyhow::Result<PathBuf> {
        Ok(self.directory()?.join("host"))
    }

    /// What it has written to stderr.
    pub fn log(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.directory()?.join("sandbox.log"))?)
    }

    /// Sends one request over the control socket and returns the answer.
    pub fn control(&self, request: &Value) -> anyhow::Result<Value> {
        let mut stream = UnixStream::connect(&self.ready.control)?;
        writeln!(stream, "{request}")?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line)?;
        if answer.get("ok") != Some(&Value::Bool(true)) {
            bail!("the sandbox refused {request}: {line}");
        }
        Ok(answer)
    }

    /// Lets it run on after this process: its process id and directory.
    pub fn leave_running(mut self) -> anyhow::Result<(u32, PathBuf)> {
        let child = self.child.take().context("the sandbox was left running")?;
        let directory = self
            .directory
            .take()
            .context("the sandbox was left running")?;
        Ok((child.id(), directory.keep()))
    }

    /// Ends it and waits until it has ended.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.end()
    }

    fn end(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        if child.try_wait()?.is_none() {
            kill_process(Pid::from_child(&child), Signal::TERM)?;
        }
        let status = child.wait()?;
        if !status.success() {
            bail!("dokku-sandbox ended with {status}: {}", self.log()?);
        }
        let left = processes_in(self.directory()?)?;
        if !left.is_empty() {
            bail!(
                "dokku-sandbox has ended and left running: {}",
                left.join("; ")
            );
        }
        Ok(())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            say::failure(&error);
        }
    }
}

impl Ready {
    fn read(&mut self, line: &str) -> anyhow::Result<()> {
        let said: Value = serde_json::from_str(line)
            .with_context(|| format!("dokku-sandbox said {line:?} instead of a line of JSON"))?;
        let port = |name: &str| {
            said.get(name)
                .and_then(Value::as_u64)
                .and_then(|port| u16::try_from(port).ok())
                .with_context(|| format!("no {name} in {line:?}"))
        };
        let text = |name: &str| {
            said.get(name)
                .and_then(Value::as_str)
                .with_context(|| format!("no {name} in {line:?}"))
        };
        self.ssh_port = port("ssh_port")?;
        self.http_port = port("http_port")?;
        text("host_key")?.clone_into(&mut self.host_key);
        self.control = text("control")?.into();
        Ok(())
    }

    /// The host as `DOKKU_HOST` takes it.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.ssh_port)
    }

    /// The host's key as a line of `known_hosts`.
    pub fn known_host(&self) -> String {
        format!("[127.0.0.1]:{} {}", self.ssh_port, self.host_key)
    }

    /// OpenSSH's client for this host, with none of the user's own settings, as words that need no quoting.
    pub fn ssh(&self) -> Vec<String> {
        vec![
            "ssh".to_owned(),
            "-F/dev/null".to_owned(),
            format!("-p{}", self.ssh_port),
            format!("-i{}", self.key.display()),
            "-oIdentitiesOnly=yes".to_owned(),
            format!("-oUserKnownHostsFile={}", self.known_hosts().display()),
        ]
    }

    fn known_hosts(&self) -> PathBuf {
        self.key.with_file_name("known_hosts")
    }

    /// What `dokku-cli` has to know of this host, as variables of its environment.
    pub fn environment(&self) -> anyhow::Result<[(&'static str, String); 4]> {
        let key = self
            .key
            .to_str()
            .context("a key's path that is not UTF-8")?;
        Ok([
            ("DOKKU_HOST", self.host()),
            ("DOKKU_HOST_KEY", self.known_host()),
            ("SSH_KEY", key.to_owned()),
            ("BASE_DOMAIN", "localhost".to_owned()),
        ])
    }
}

/// Processes that name the directory in their arguments or stand in it, as `id words`.
fn processes_in(directory: &Path) -> anyhow::Result<Vec<String>> {
    let own = std::process::id().to_string();
    let name = directory
        .to_str()
        .context("a directory's path that is not UTF-8")?;
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let id = entry.file_name().to_string_lossy().into_owned();
        if id == own || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        // A process that has just ended, or is another user's, cannot be read.
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        let stands_there =
            fs::read_link(entry.path().join("cwd")).is_ok_and(|place| place.starts_with(directory));
        if stands_there || words.contains(name) {
            found.push(format!("{id} {}", words.trim()));
        }
    }
    Ok(found)
}

fn make_key(directory: &Path) -> anyhow::Result<PathBuf> {
    let key = directory.join("key");
    program::output(
        program::command("ssh-keygen")?
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "xtask", "-f"])
            .arg(&key),
    )?;
    Ok(key)
}

/// Empty when the program ended without a word.
fn first_line(stdout: Option<ChildStdout>) -> anyhow::Result<String> {
    let stdout = stdout.context("stdout of dokku-sandbox is not ours")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_process_that_stands_in_the_directory_is_found_until_it_ends() {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new("cat")
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Its words can be read only once the kernel has set them up, which may be after `spawn` returns: an echo
        // tells that the program runs.
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let found = processes_in(directory.path()).unwrap();
        assert_eq!(found, [format!("{} cat", child.id())]);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(processes_in(directory.path()).unwrap().is_empty());
    }

    #[test]
    fn the_ready_line_is_read_and_a_lacking_one_is_refused() {
        let mut ready = Ready {
            ssh_port: 0,
            http_port: 0,
            host_key: String::new(),
            control: PathBuf::new(),
            key: "/tmp/key".into(),
        };
        let line = r#"{"ssh_port":2222,"http_port":8080,"host_key":"ssh-ed25519 AAAA","control":"/tmp/c"}"#;
        ready.read(line).unwrap();
        assert_eq!(ready.host(), "127.0.0.1:2222");
        assert_eq!(ready.known_host(), "[127.0.0.1]:2222 ssh-ed25519 AAAA");
        let error = ready.read(r#"{"ssh_port":2222}"#).unwrap_err().to_string();
        assert!(error.contains("no http_port"), "{error}");
        assert!(ready.read("hello").is_err());
    }
}
