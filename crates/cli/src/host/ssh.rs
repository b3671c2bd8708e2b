//! The host, over ssh.

use std::{
    io, os::unix::process::CommandExt, path::PathBuf, process::ExitStatus, sync::OnceLock,
    time::Duration,
};

use dokku_deploy::{
    command::DokkuCommand,
    host::{Answer, Follow, Host, HostError, Push, PushOutcome},
    interrupt::{Interrupts, Signal},
};
use nix::{
    sys::signal::{Signal::SIGTERM, kill},
    unistd::Pid,
};

use super::{
    carry::{self, Carry},
    child::{self, End, Input, Watch},
    classify,
    connection::{Connection, Passage, Reach, Shared, local, ssh},
    push,
    route::Route,
    seats::Seats,
    session::{self, Ended},
};
use crate::{crew, ui::Ui};

/// ssh's own exit status.
const SSH_FAILED: i32 = 255;
/// Attempts at a command that was certainly not sent.
const ATTEMPTS: usize = 4;
/// How often it is looked whether somebody's session has ended.
const TURN: Duration = Duration::from_millis(20);

/// A Dokku host that the user's ssh leads to.
pub struct SshHost<'a> {
    name: String,
    connection: Connection<'a>,
    interrupts: &'a dyn Interrupts,
    seats: Seats,
    source: OnceLock<PathBuf>,
    ui: &'a Ui,
}

impl<'a> SshHost<'a> {
    /// A host that is connected to when it is first asked.
    pub fn new(route: Route, interrupts: &'a dyn Interrupts, ui: &'a Ui) -> Self {
        Self {
            name: route.name(),
            connection: Connection::new(route, interrupts, ui),
            interrupts,
            seats: Seats::default(),
            source: OnceLock::new(),
            ui,
        }
    }

    /// From now on it is pushed out of this repository, a git directory, and not out of the one that
    /// the current directory is in. The first one stays.
    pub fn push_out_of(&self, directory: PathBuf) {
        self.source.get_or_init(|| directory);
    }

    /// Whether the host was reached.
    pub fn reach(&self) -> Reach {
        self.connection.reach()
    }

    /// Sends a command and watches it to its end. One that was certainly not sent is tried again,
    /// one that may have been sent never. The input is opened anew for each attempt.
    pub(super) fn send_with<'i>(
        &self,
        command: &DokkuCommand,
        input: &dyn Fn() -> io::Result<Input<'i>>,
        watch: &mut dyn Watch,
    ) -> Result<i32, HostError> {
        let line = command.wire()?;
        let shown = command.to_string();
        for _ in 0..ATTEMPTS {
            let _seat = self.seats.take();
            let passage = self.connection.passage()?;
            self.ui.detail(&format!("{}: {shown}", self.name));
            let input = input().map_err(|error| local("the dump", &error))?;
            let end = match &passage.shared {
                Some(shared) => self.send_shared(shared, &line, input, watch)?,
                None => self.send_alone(&passage, &line, input, watch, &shown)?,
            };
            match end {
                End::Exited(Some(status)) => return Ok(status),
                End::Exited(None) => {}
                End::Stopped => return Err(HostError::Stopped { command: shown }),
            }
        }
        Err(self.lost())
    }

    /// Sends a command on the shared connection.
    fn send_shared(
        &self,
        shared: &Shared,
        line: &str,
        input: Input,
        watch: &mut dyn Watch,
    ) -> Result<End<Option<i32>>, HostError> {
        let end = session::run(&shared.socket, line, input, watch)
            .map_err(|error| local("ssh", &error))?;
        Ok(match end {
            End::Stopped => End::Stopped,
            End::Exited(ended) => End::Exited(self.settle(shared.generation, ended)?),
        })
    }

    /// Sends a command on a connection of its own.
    fn send_alone(
        &self,
        passage: &Passage,
        line: &str,
        input: Input,
        watch: &mut dyn Watch,
        shown: &str,
    ) -> Result<End<Option<i32>>, HostError> {
        let mut client = ssh();
        client
            .args(&passage.options)
            .args(["--", self.connection.route().target.host(), line]);
        if !self.connection.route().is_interactive {
            client.process_group(0);
        }
        let end = child::run(&mut client, input, watch).map_err(|error| local("ssh", &error))?;
        Ok(match end {
            End::Stopped => End::Stopped,
            End::Exited(status) => End::Exited(self.ended(status, passage, shown)?),
        })
    }

    /// Runs a command on this terminal: what is typed goes there, what comes back is shown as it
    /// is. SIGTERM ends it; Ctrl-C is the command's.
    pub fn attach(&self, command: &DokkuCommand) -> Result<i32, HostError> {
        self.lend(command, true)
    }

    /// Runs a command whose streams are those of this program, on a terminal if it is one. SIGTERM
    /// ends it.
    pub fn lend(&self, command: &DokkuCommand, is_terminal: bool) -> Result<i32, HostError> {
        let line = command.wire()?;
        for _ in 0..ATTEMPTS {
            let _seat = self.seats.take();
            let passage = self.connection.passage()?;
            self.ui.detail(&format!("{}: {command}", self.name));
            let mut child = ssh()
                .args(&passage.options)
                .args(is_terminal.then_some("-t"))
                .args(["--", self.connection.route().target.host(), &line])
                .spawn()
                .map_err(|error| local("ssh", &error))?;
            let status = loop {
                if let Some(status) = child.try_wait().map_err(|error| local("ssh", &error))? {
                    break status;
                }
                if self.interrupts.requests().1 == Some(Signal::Terminate) {
                    // It gives the terminal back as it was.
                    if let Ok(pid) = i32::try_from(child.id()) {
                        let _ = kill(Pid::from_raw(pid), SIGTERM);
                    }
                    child.wait().map_err(|error| local("ssh", &error))?;
                    return Err(HostError::Stopped {
                        command: command.to_string(),
                    });
                }
                std::thread::sleep(TURN);
            };
            if let Some(status) = self.ended(status, &passage, &command.to_string())? {
                return Ok(status);
            }
        }
        Err(self.lost())
    }

    /// How a command whose ssh has ended did end; `None`: it was not sent and may be sent again.
    fn ended(
        &self,
        status: ExitStatus,
        passage: &Passage,
        command: &str,
    ) -> Result<Option<i32>, HostError> {
        match status.code() {
            Some(SSH_FAILED) => self.judge(passage),
            Some(status) => Ok(Some(status)),
            None => Err(self.unreachable(format!("ssh was killed while `{command}` was running"))),
        }
    }

    /// What a 255 of an ssh means: the command's own status, an error, or (`None`) that the command
    /// was not sent and may be sent again.
    fn judge(&self, passage: &Passage) -> Result<Option<i32>, HostError> {
        let log = std::fs::read_to_string(&passage.log).unwrap_or_default();
        match &passage.shared {
            Some(shared) => self.settle(shared.generation, classify::client(&log)),
            None if log.trim().is_empty() => Ok(Some(SSH_FAILED)),
            None => Err(classify::connecting(&self.name, &log)),
        }
    }

    /// The status of a command that went over a shared connection; `None`: it was not sent and may
    /// be sent again.
    fn settle(&self, generation: usize, ended: Ended) -> Result<Option<i32>, HostError> {
        match ended {
            Ended::Status(status) => Ok(Some(status)),
            Ended::NotSent => {
                self.connection.discard(generation);
                Ok(None)
            }
            Ended::NoSession => {
                if !self.seats.shrink() {
                    self.connection.go_plain("the host allows no session on it");
                }
                Ok(None)
            }
            Ended::Cut(words) => {
                let lost = self.connection.loss(generation);
                let why = lost.or(words);
                Err(self.unreachable(why.unwrap_or_else(|| "the connection was closed".into())))
            }
            Ended::Silent => match self.connection.loss(generation) {
                Some(why) => Err(self.unreachable(why)),
                None => Ok(Some(SSH_FAILED)),
            },
        }
    }

    fn lost(&self) -> HostError {
        self.unreachable("the connection is lost again and again".into())
    }

    fn unreachable(&self, why: String) -> HostError {
        HostError::Unreachable {
            host: self.name.clone(),
            why,
        }
    }
}

impl Carry for SshHost<'_> {
    fn carry(&self, command: &DokkuCommand, watch: &mut dyn Watch) -> Result<i32, HostError> {
        let input = || Ok(command.stdin().map_or(Input::Nothing, Input::Text));
        self.send_with(command, &input, watch)
    }
}

impl Host for SshHost<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn ask(&self, command: &DokkuCommand) -> Result<Answer, HostError> {
        let answer = carry::ask(self, command, self.interrupts)?;
        match classify::not_dokku(&self.name, command.verb(), &answer) {
            Some(error) => Err(error),
            None => Ok(answer),
        }
    }

    fn ask_all(&self, commands: &[DokkuCommand]) -> Vec<Result<Answer, HostError>> {
        if let [only] = commands {
            return vec![self.ask(only)];
        }
        crew::each(commands, Seats::MOST, |command| self.ask(command))
    }

    fn follow(&self, command: &DokkuCommand, follow: &mut dyn Follow) -> Result<i32, HostError> {
        carry::follow(self, command, follow)
    }

    fn push(&self, push: &Push, follow: &mut dyn Follow) -> Result<PushOutcome, HostError> {
        for _ in 0..ATTEMPTS {
            let _seat = self.seats.take();
            let passage = self.connection.passage()?;
            let name = push::name(push);
            let target = &self.connection.route().target;
            let from = self.source.get().map(PathBuf::as_path);
            if !push::is_here(push, from)? {
                push::fetch(push, target, &passage, from)?;
            }
            self.ui.detail(&format!("{}: {name}", self.name));
            let mut command = push::command(push, target, &passage, from);
            let mut hearing = push::Hearing::new(follow);
            let end = child::run(&mut command, Input::Nothing, &mut hearing)
                .map_err(|error| local("git", &error))?;
            let said = hearing.finish();
            let End::Exited(status) = end else {
                return Err(HostError::Stopped { command: name });
            };
            if let Some(outcome) = said.outcome(status.code()) {
                return Ok(outcome);
            }
            // git does not tell how its ssh ended, but that ssh's log does.
            let log = std::fs::read_to_string(&passage.log).unwrap_or_default();
            if log.trim().is_empty() && passage.shared.is_none() {
                return Err(said.failure(&name));
            }
            if self.judge(&passage)?.is_some() {
                return said.refusal().ok_or_else(|| said.failure(&name));
            }
        }
        Err(self.lost())
    }
}
