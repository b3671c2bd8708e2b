//! Running the program and comparing everything that comes out of it.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, ChildStderr, Command, Output, Stdio},
    time::{Duration, Instant},
};

use super::TestHost;

/// One run: its arguments and environment, and what is expected of it.
#[must_use]
pub struct Test<'a> {
    host: &'a TestHost,
    arguments: Vec<String>,
    environment: Vec<(String, OsString)>,
    directory: PathBuf,
}

/// What came out.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; `None` after a signal.
    pub status: Option<i32>,
    /// Standard output, with the host's address as HOST and the home directory as HOME.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// Wall time.
    pub took: Duration,
}

impl<'a> Test<'a> {
    /// The program with these arguments, and with nothing of this machine's environment but the
    /// search path.
    pub fn new(host: &'a TestHost, arguments: &[&str]) -> Self {
        let home = host.home();
        let path = std::env::join_paths(
            std::iter::once(home.join("bin"))
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        )
        .unwrap();
        let test = Self {
            host,
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
            environment: Vec::new(),
            directory: home.to_owned(),
        };
        test.env("PATH", path)
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", host.runtime())
            .env("DOKKU_HOST", format!("127.0.0.1:{}", host.port()))
            .env("SSH_KEY", home.join("my keys/id"))
            .env("BASE_DOMAIN", "localhost")
            .env("GIT_CONFIG_NOSYSTEM", "1")
    }

    /// Sets a variable of the environment; an empty one counts as not set.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Runs it elsewhere than in the home directory.
    #[allow(dead_code, reason = "for tests of repositories")]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into();
        self
    }

    /// The program, for those who look at it while it runs.
    pub fn command(&self) -> Command {
        let mut command = self.surrounded(env!("CARGO_BIN_EXE_dokku-cli"));
        command.args(&self.arguments);
        command
    }

    /// The program on a terminal of its own, whose keyboard is standard input.
    pub fn on_a_terminal(&self) -> Command {
        let words: Vec<String> = std::iter::once(env!("CARGO_BIN_EXE_dokku-cli"))
            .chain(self.arguments.iter().map(String::as_str))
            .map(|word| format!("'{word}'"))
            .collect();
        let mut command = self.surrounded("script");
        command
            .args(["--quiet", "--return", "--command", &words.join(" ")])
            .arg("/dev/null")
            .env("TERM", "dumb")
            .stdin(Stdio::piped());
        command
    }

    fn surrounded(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts the program in a process group of its own, as a shell does.
    pub fn start(&self) -> Started<'a> {
        let mut command = self.command();
        command.process_group(0);
        Started {
            host: self.host,
            child: command.spawn().unwrap(),
            begun: Instant::now(),
            reader: None,
            heard: String::new(),
        }
    }

    /// Runs the program to its end.
    pub fn run(&self) -> Ran {
        self.start().finish()
    }

    /// Runs the program; it has to succeed, say exactly this, and nothing else.
    pub fn prints(&self, stdout: &str, stderr: &str) {
        self.ends(0, stdout, stderr);
    }

    /// Runs the program; everything that comes out of it has to be exactly this.
    pub fn ends(&self, status: i32, stdout: &str, stderr: &str) {
        let ran = self.run();
        assert_eq!(
            (ran.status, ran.stdout.as_str(), ran.stderr.as_str()),
            (Some(status), stdout, stderr),
            "{:?}",
            self.arguments
        );
    }
}

/// A program that runs.
pub struct Started<'a> {
    host: &'a TestHost,
    child: Child,
    begun: Instant,
    reader: Option<BufReader<ChildStderr>>,
    heard: String,
}

impl Started<'_> {
    /// The program's process.
    pub fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Signals its whole process group, as a terminal does for Ctrl-C.
    pub fn signal_group(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process_group(self.pid(), signal).unwrap();
    }

    /// Waits until it has told `text`.
    pub fn await_stderr(&mut self, text: &str) {
        if self.reader.is_none() {
            self.reader = self.child.stderr.take().map(BufReader::new);
        }
        let reader = self.reader.as_mut().unwrap();
        while !self.heard.contains(text) {
            let read = reader.read_line(&mut self.heard).unwrap();
            assert!(read > 0, "never told {text:?}: {}", self.heard);
        }
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Ran {
        if let Some(mut reader) = self.reader.take() {
            reader.read_to_string(&mut self.heard).unwrap();
        }
        let Output {
            status,
            stdout,
            stderr,
        } = self.child.wait_with_output().unwrap();
        let took = self.begun.elapsed();
        let stderr = [self.heard.into_bytes(), stderr].concat();
        let text = |bytes| {
            String::from_utf8(bytes)
                .unwrap()
                .replace(&format!("127.0.0.1:{}", self.host.port()), "HOST")
                .replace(&format!("127.0.0.1 port {}", self.host.port()), "HOST")
                .replace(&format!("[127.0.0.1]:{}", self.host.port()), "HOST")
                .replace(&self.host.home().display().to_string(), "HOME")
        };
        Ran {
            status: status.code(),
            stdout: text(stdout),
            stderr: text(stderr),
            took,
        }
    }
}
