//! Running healthchecks against a container that has just been started.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::container::{Container, Status};
use super::healthchecks::Healthcheck;
use super::process::{self, Launch, Spawner};
use super::talk::Talk;

/// How patient checks are. Dokku's own times are upper limits; a host for trying and testing need
/// not wait them out where nothing more can be learned.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Longest time that an uptime check watches a process without a port.
    pub uptime: Duration,
    /// Longest time that a process may take until it listens.
    pub listen: Duration,
    /// Longest pause between two attempts, and longest initial delay.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            uptime: Duration::from_millis(300),
            listen: Duration::from_secs(5),
            pause: Duration::from_millis(500),
        }
    }
}

/// A container under test.
pub struct Candidate<'a> {
    /// The container.
    pub container: &'a Container,
    /// For command checks.
    pub spawner: &'a Spawner,
    /// Host header of path checks.
    pub host: Option<String>,
    /// How patient to be.
    pub patience: Patience,
}

/// Between two looks at a port: nothing tells when another process starts to listen.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

const RED: &str = "\u{1b}[1m\u{1b}[31m !     \u{1b}[0m\u{1b}[0m";

impl Candidate<'_> {
    /// Runs all checks at the same time, tells about each; the number that failed (without those
    /// that only warn).
    pub fn check(&self, checks: &[Healthcheck], talk: &Talk) -> usize {
        let record = self.container.record();
        if record.status == Status::Exited {
            talk.plain(&format!("{RED}Container state: exited"));
            return 1;
        }
        talk.info1(&format!("Executing {} healthchecks", checks.len()));
        for check in checks {
            talk.verbose(&check.announcement(port_of(check, record.port).unwrap_or(0)));
        }
        std::thread::scope(|scope| {
            let running: Vec<_> = checks
                .iter()
                .map(|check| (check, scope.spawn(|| self.run(check))))
                .collect();
            let mut failed = 0;
            for (check, result) in running {
                let broken = || Err("the check itself broke".to_owned());
                match result.join().unwrap_or_else(|_| broken()) {
                    Ok(()) => talk.verbose(&format!("Healthcheck succeeded name='{}'", check.name)),
                    Err(reason) => {
                        let name = &check.name;
                        talk.plain(&format!("{RED}Failure in name='{name}': {reason}"));
                        failed += usize::from(!check.warn);
                    }
                }
            }
            failed
        })
    }

    fn run(&self, check: &Healthcheck) -> Result<(), String> {
        let port = port_of(check, self.container.record().port);
        self.pause(Duration::from_secs(check.initial_delay).min(self.patience.pause));
        if check.listening {
            return self.check_listening(port);
        }
        if !check.command.is_empty() {
            return self.check_command(check);
        }
        match port {
            Some(port) if !check.path.is_empty() => self.check_path(check, port),
            _ => self.check_uptime(check, port),
        }
    }

    /// Waits, unless the process ends meanwhile.
    fn pause(&self, length: Duration) {
        self.container
            .wait_until(Instant::now() + length, |record| {
                record.status != Status::Running
            });
    }

    /// Whether the port is listened on before the deadline; ends early with the process.
    fn wait_listening(&self, port: u16, deadline: Instant) -> bool {
        loop {
            if connect(port, LOOK_AGAIN * 10).is_ok() {
                return true;
            }
            if Instant::now() >= deadline || self.container.record().status != Status::Running {
                return false;
            }
            self.pause(LOOK_AGAIN);
        }
    }

    /// Only warns in Dokku, and is content with a process that listens nowhere.
    fn check_listening(&self, port: Option<u16>) -> Result<(), String> {
        if let Some(port) = port {
            self.wait_listening(port, Instant::now() + self.patience.listen);
        }
        match self.container.record().status {
            Status::Running => Ok(()),
            _ => Err("container state is not running".to_owned()),
        }
    }

    fn check_uptime(&self, check: &Healthcheck, port: Option<u16>) -> Result<(), String> {
        let uptime = Duration::from_secs(check.uptime);
        match port {
            // Who listens is up; there is nothing more to wait for.
            Some(port) => {
                self.wait_listening(port, Instant::now() + uptime.min(self.patience.listen));
            }
            None => self.pause(uptime.min(self.patience.uptime)),
        }
        let record = self.container.record();
        match record.status {
            Status::Running if record.restarts == 0 => Ok(()),
            Status::Exited | Status::Created => Err("container state is not running".to_owned()),
            _ => Err(format!(
                "container has restarted {} times",
                record.restarts.max(1)
            )),
        }
    }

    fn check_path(&self, check: &Healthcheck, port: u16) -> Result<(), String> {
        let pause = Duration::from_secs(check.wait());
        let start = Instant::now();
        let listen_until = start + (pause * check.attempts()).min(self.patience.listen);
        let mut failure = String::new();
        if !self.wait_listening(port, listen_until) {
            // A container that does not run has no address.
            let is_running = self.container.record().status == Status::Running;
            let address = if is_running {
                format!("127.0.0.1:{port}")
            } else {
                format!(":{port}")
            };
            let path = &check.path;
            return Err(format!(
                "Get \"http://{address}{path}\": dial tcp {address}: connect: connection refused"
            ));
        }
        for attempt in 0..check.attempts() {
            if attempt > 0 {
                self.pause(pause.min(self.patience.pause));
            }
            match self.get(check, port) {
                Ok(()) => return Ok(()),
                Err(reason) => failure = reason,
            }
        }
        Err(failure)
    }

    fn get(&self, check: &Healthcheck, port: u16) -> Result<(), String> {
        let timeout = Duration::from_secs(check.timeout());
        let address = format!("127.0.0.1:{port}");
        let url = format!("http://{address}{}", check.path);
        let host = check
            .http_headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case("host"))
            .map(|header| header.value.clone())
            .or_else(|| self.host.clone())
            .unwrap_or(address);
        let others: String = check
            .http_headers
            .iter()
            .filter(|header| !header.name.eq_ignore_ascii_case("host"))
            .map(|header| [&header.name, ": ", &header.value, "\r\n"].concat())
            .collect();
        let path = &check.path;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nConnection: close\r\n{others}\r\n"
        );
        let answer = exchange(port, &request, timeout).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => format!(
                "Get \"{url}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            ),
            _ => format!("Get \"{url}\": {error}"),
        })?;
        let head = String::from_utf8_lossy(&answer[..answer.len().min(64)]).into_owned();
        let status: u16 = head
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.get(2..5))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| format!("Get \"{url}\": malformed HTTP response"))?;
        if !(200..300).contains(&status) {
            return Err(format!("unexpected status code: {status}"));
        }
        if !String::from_utf8_lossy(&answer).contains(&check.content) {
            return Err(format!(
                "unable to find expected content in response body: {}",
                check.content
            ));
        }
        Ok(())
    }

    fn check_command(&self, check: &Healthcheck) -> Result<(), String> {
        let mut failure = String::new();
        for attempt in 0..check.attempts() {
            if attempt > 0 {
                self.pause(Duration::from_secs(check.wait()).min(self.patience.pause));
            }
            let launched = self.spawner.spawn(Launch {
                command: check.command.clone(),
                directory: self.container.working_copy(),
                env: self.container.env().to_vec(),
                stdin: Stdio::null(),
                stdout: Stdio::null(),
                stderr: Stdio::null(),
            });
            match launched
                .and_then(|mut child| child.wait())
                .map(process::exit_code)
            {
                Ok(0) => return Ok(()),
                Ok(code) => failure = format!("non-zero exit code {code}"),
                Err(error) => failure = format!("unable to create exec: {error}"),
            }
        }
        Err(failure)
    }
}

fn port_of(check: &Healthcheck, own: Option<u16>) -> Option<u16> {
    // Containers share one address here: only the port that was given to this one can be its own.
    own.or((check.port != 0).then_some(check.port))
}

fn connect(port: u16, timeout: Duration) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), timeout)
}

/// Longest answer that a check looks at.
const LONGEST_ANSWER: u64 = 1 << 20;

fn exchange(port: u16, request: &str, timeout: Duration) -> io::Result<Vec<u8>> {
    let mut stream = connect(port, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    Ok(answer)
}
