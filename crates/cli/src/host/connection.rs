//! The one connection of a run: a master process of ssh that all commands share.
//!
//! The master leaves for the background once it is connected, into a session of its own, so that
//! Ctrl-C does not cut it. We hold a connection to its control socket open: while we live it
//! stays, however long nothing is asked; when we are killed it goes after a few seconds.

use std::{
    io::{self, Read},
    os::unix::{
        net::UnixStream,
        process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use dokku_deploy::{host::HostError, interrupt::Interrupts};
use nix::sys::signal::Signal;

use super::{
    classify,
    foreground::Lent,
    route::Route,
    runtime_directory::{self, RuntimeDirectory},
    session,
};
use crate::ui::Ui;

/// Time for a master to end when it is told to.
const FAREWELL: Duration = Duration::from_secs(2);
/// Time between two looks at a master that connects.
const GLANCE: Duration = Duration::from_millis(1);
/// Time for a dying master to let go of its socket.
const DYING: Duration = Duration::from_millis(300);

/// The connection, made when it is first needed.
pub struct Connection<'a> {
    /// Requests to stop before it was thought of.
    asked_before: u32,
    route: Route,
    interrupts: &'a dyn Interrupts,
    ui: &'a Ui,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    runtime: Option<RuntimeDirectory>,
    known_hosts: Option<PathBuf>,
    master: Option<Master>,
    /// Multiplexing does not work here: each command has a connection of its own.
    is_plain: bool,
    generation: usize,
}

struct Master {
    socket: PathBuf,
    log: PathBuf,
    hold: UnixStream,
}

/// Whether a host was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It was, and nothing is known against it.
    Connected,
    /// Not yet, or in vain.
    Never,
    /// The connection broke.
    Lost,
}

/// How one command travels.
#[derive(Debug, Clone)]
pub struct Passage {
    /// ssh's options up to the host.
    pub options: Vec<String>,
    /// Where that ssh writes its own words.
    pub log: PathBuf,
    /// The connection that it shares; `None`: it makes one of its own.
    pub shared: Option<Shared>,
}

/// A connection that commands share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Which of this run's connections it is.
    pub generation: usize,
    /// Its control socket.
    pub socket: PathBuf,
}

impl<'a> Connection<'a> {
    /// A connection that is not made yet.
    pub fn new(route: Route, interrupts: &'a dyn Interrupts, ui: &'a Ui) -> Self {
        Self {
            asked_before: interrupts.requests().0,
            route,
            interrupts,
            ui,
            state: Mutex::new(State::default()),
        }
    }

    /// Whether the host was reached, and still is as far as is known.
    pub fn reach(&self) -> Reach {
        let state = self.lock();
        if state.master.is_some() || (state.is_plain && state.runtime.is_some()) {
            Reach::Connected
        } else if state.generation > 0 {
            Reach::Lost
        } else {
            Reach::Never
        }
    }

    /// The way to the host.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// A passage for one command. Connects where there is no connection; whoever comes while that
    /// goes on waits for it.
    pub fn passage(&self) -> Result<Passage, HostError> {
        let mut state = self.lock();
        if state.runtime.is_none() {
            let made = RuntimeDirectory::make(&runtime_directory::parents())
                .map_err(|error| local("ssh", &error))?;
            state.known_hosts = self
                .pin(made.path())
                .map_err(|error| local("ssh", &error))?;
            state.runtime = Some(made);
        }
        if state.master.is_none() && !state.is_plain {
            self.connect(&mut state)?;
        }
        let Some(runtime) = &state.runtime else {
            return Err(local("ssh", &io::Error::other("no runtime directory")));
        };
        let log = runtime.log();
        Ok(match &state.master {
            Some(master) => Passage {
                options: Route::through(&master.socket, &log),
                log,
                shared: Some(Shared {
                    generation: state.generation,
                    socket: master.socket.clone(),
                }),
            },
            None => Passage {
                options: self.route.direct(&log, state.known_hosts.as_deref()),
                log,
                shared: None,
            },
        })
    }

    /// Whether the connection that a passage used is gone, and ssh's reason. It is then given up,
    /// so that the next passage makes a new one.
    pub fn loss(&self, generation: usize) -> Option<String> {
        let mut state = self.lock();
        if state.generation != generation {
            return Some("the connection was lost".to_owned());
        }
        let master = state.master.as_mut()?;
        if !is_gone(&mut master.hold, DYING) {
            return None;
        }
        let why = std::fs::read_to_string(&master.log).unwrap_or_default();
        state.master = None;
        state.generation += 1;
        Some(classify::last_words(&why))
    }

    /// Gives a connection up that nobody could talk to.
    pub fn discard(&self, generation: usize) {
        let mut state = self.lock();
        if state.generation == generation {
            state.master = None;
            state.generation += 1;
        }
    }

    /// From now on each command makes a connection of its own. Said once.
    pub fn go_plain(&self, why: &str) {
        self.give_up_sharing(&mut self.lock(), why);
    }

    fn give_up_sharing(&self, state: &mut State, why: &str) {
        if !state.is_plain {
            state.is_plain = true;
            self.ui.detail(&format!(
                "{}: one connection cannot be shared ({why}); each command makes its own",
                self.route.name()
            ));
        }
        if let Some(master) = state.master.take() {
            farewell(master);
        }
    }

    fn pin(&self, directory: &Path) -> io::Result<Option<PathBuf>> {
        let Some(text) = self.route.known_hosts() else {
            return Ok(None);
        };
        let path = directory.join("known_hosts");
        fs_err::write(&path, text)?;
        Ok(Some(path))
    }

    fn connect(&self, state: &mut State) -> Result<(), HostError> {
        let Some(runtime) = &state.runtime else {
            return Ok(());
        };
        // Later connections are for the work that goes on after a request.
        let asked_before = match state.generation {
            0 => self.asked_before,
            _ => self.interrupts.requests().0,
        };
        let (socket, log) = (runtime.socket(state.generation), runtime.log());
        let mut command = ssh();
        command
            .args(
                self.route
                    .master(&socket, &log, state.known_hosts.as_deref()),
            )
            .arg("--")
            .arg(self.route.target.host())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
            .process_group(0)
            .stderr(if self.route.is_interactive {
                // What ssh tells whoever is to touch a hardware key.
                Stdio::inherit()
            } else {
                Stdio::null()
            });
        let mut child = command.spawn().map_err(|error| local("ssh", &error))?;
        let end = self.await_master(&mut child, asked_before);
        if !matches!(end, Ok(Some(_))) {
            // It may have ended in this very moment.
            drop(child.kill());
            child.wait().map_err(|error| local("ssh", &error))?;
        }
        let words = std::fs::read_to_string(&log).unwrap_or_default();
        match end? {
            Some(status) if status.success() => {
                let hold =
                    UnixStream::connect(&socket).map_err(|error| HostError::Unreachable {
                        host: self.route.name(),
                        why: format!("the connection was lost at once: {error}"),
                    })?;
                state.master = Some(Master { socket, log, hold });
                Ok(())
            }
            // Ctrl-C at one of its questions.
            Some(status) if status.signal() == Some(Signal::SIGINT as i32) => Err(self.stopped()),
            Some(status) if status.signal().is_some() => Err(HostError::Unreachable {
                host: self.route.name(),
                why: format!("ssh was killed ({status})"),
            }),
            Some(_) if classify::has_no_socket(&words) => {
                self.give_up_sharing(state, &classify::last_words(&words));
                Ok(())
            }
            Some(_) => Err(classify::connecting(&self.route.name(), &words)),
            None => Err(HostError::Unreachable {
                host: self.route.name(),
                why: format!("no answer within {} s", self.route.patience.as_secs_f32()),
            }),
        }
    }

    /// Waits until the master is connected and has left for the background. `None`: too late.
    /// Where a person may have to answer, ssh's own timeout for connecting has to do.
    fn await_master(
        &self,
        child: &mut Child,
        asked_before: u32,
    ) -> Result<Option<ExitStatus>, HostError> {
        let begun = Instant::now();
        let lent = self.route.is_interactive.then(|| Lent::to(child)).flatten();
        loop {
            if let Some(status) = child.try_wait().map_err(|error| local("ssh", &error))? {
                return Ok(Some(status));
            }
            if self.interrupts.requests().0 > asked_before {
                return Err(self.stopped());
            }
            if !self.route.is_interactive && begun.elapsed() >= self.route.patience {
                return Ok(None);
            }
            if let Some(lent) = &lent {
                lent.follow_stop();
            }
            std::thread::sleep(GLANCE);
        }
    }

    fn stopped(&self) -> HostError {
        HostError::Stopped {
            command: format!("ssh {}", self.route.name()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(master) = state.master.take() {
            farewell(master);
        }
    }
}

/// Tells a master to end, and waits until it has. One that does not listen ends by itself soon
/// after.
fn farewell(master: Master) {
    let mut hold = master.hold;
    if hold.set_write_timeout(Some(FAREWELL)).is_ok() && session::ask_to_end(&mut hold).is_ok() {
        let _ended = is_gone(&mut hold, FAREWELL);
    }
}

/// Whether the master at the other end of the held connection has gone, or is just going.
fn is_gone(hold: &mut UnixStream, patience: Duration) -> bool {
    if hold.set_read_timeout(Some(patience)).is_err() {
        return true;
    }
    let mut greeting = [0; 256];
    loop {
        match hold.read(&mut greeting) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                return !matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                );
            }
        }
    }
}

/// The user's own ssh.
pub fn ssh() -> Command {
    Command::new("ssh")
}

/// A program of this machine that failed us.
pub fn local(program: &str, error: &io::Error) -> HostError {
    HostError::Local {
        program: program.to_owned(),
        why: error.to_string(),
    }
}
