//! Real processes: started in a group of their own, ended as a group, found again after a crash.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;

use fs_err as fs;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

/// A program to start, with nothing inherited.
#[derive(Debug)]
pub struct Launch {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Working directory.
    pub directory: PathBuf,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// Standard input.
    pub stdin: Stdio,
    /// Standard output.
    pub stdout: Stdio,
    /// Standard error.
    pub stderr: Stdio,
}

type Request = (Launch, mpsc::Sender<io::Result<Child>>);

/// Starts processes from one long-living thread.
///
/// Linux delivers the parent-death signal when the *thread* that forked ends: processes that were
/// started by a short-lived thread would die with it.
#[derive(Debug, Clone)]
pub struct Spawner {
    requests: mpsc::Sender<Request>,
}

impl Spawner {
    /// Starts the thread; it ends when the last clone is dropped.
    pub fn start() -> io::Result<Self> {
        let (requests, incoming) = mpsc::channel::<Request>();
        let setpriv = find_program("setpriv", "/usr/bin:/bin");
        std::thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                while let Ok((launch, answer)) = incoming.recv() {
                    // A requester that is gone dropped a child that nobody would ever wait for.
                    if let Err(mpsc::SendError(Ok(mut child))) =
                        answer.send(spawn(launch, setpriv.as_deref()))
                    {
                        kill_group(child.id(), Signal::KILL);
                        let _ = child.wait();
                    }
                }
            })?;
        Ok(Self { requests })
    }

    /// Starts a program as leader of a new process group. It is killed when this process dies,
    /// where the machine has `setpriv`.
    pub fn spawn(&self, launch: Launch) -> io::Result<Child> {
        let (answer, result) = mpsc::channel();
        let gone = || io::Error::other("the thread that starts processes has ended");
        self.requests.send((launch, answer)).map_err(|_| gone())?;
        result.recv().map_err(|_| gone())?
    }
}

fn spawn(launch: Launch, setpriv: Option<&Path>) -> io::Result<Child> {
    let mut words = Vec::new();
    if let Some(setpriv) = setpriv {
        words.push(setpriv.to_string_lossy().into_owned());
        words.extend(["--pdeathsig", "KILL", "--"].map(str::to_owned));
    }
    words.extend(launch.command);
    let Some((program, arguments)) = words.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no command"));
    };
    Command::new(program)
        .args(arguments)
        .current_dir(launch.directory)
        .env_clear()
        .envs(launch.env)
        .stdin(launch.stdin)
        .stdout(launch.stdout)
        .stderr(launch.stderr)
        .process_group(0)
        .spawn()
}

/// Finds a program as `execvp` would: a name with a slash is a path (relative to `directory`
/// elsewhere), another is looked for in `path`.
pub fn find_program(name: &str, path: &str) -> Option<PathBuf> {
    path.split(':')
        .map(|directory| Path::new(directory).join(name))
        .find(|candidate| is_executable(candidate))
}

/// Whether this is a file with an execute bit.
pub fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Blocks until the child has ended, without reaping it: its id stays taken until `Child::wait`.
pub fn wait_unreaped(child: &Child) -> io::Result<()> {
    let Some(pid) = pid(child.id()) else {
        return Ok(());
    };
    loop {
        match rustix::process::waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        ) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(()),
        }
    }
}

/// The exit code that Docker reports: a killed process has 128 and the signal's number.
pub fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Sends a signal to every process of a group; a group that is gone is no error.
pub fn kill_group(group: u32, signal: Signal) {
    if let Some(pid) = pid(group) {
        // ESRCH: nothing left to signal, which is what the caller wants.
        let _ = rustix::process::kill_process_group(pid, signal);
    }
}

/// Kills every process whose environment says `HOSTNAME=<hostname>`: those that left their group.
pub fn kill_strays(hostname: &str) -> io::Result<()> {
    let mark = format!("HOSTNAME={hostname}").into_bytes();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // Other users' processes cannot be read, and are not ours; ended ones are gone.
        let Ok(environment) = std::fs::read(format!("/proc/{id}/environ")) else {
            continue;
        };
        if id != std::process::id()
            && environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == mark)
            && let Some(pid) = pid(id)
        {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
    Ok(())
}

/// Whether a process has a handler for a signal.
pub fn catches(id: u32, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default();
    mask >> (signal.as_raw() - 1) & 1 == 1
}

/// When a process started, in clock ticks since boot: together with the id it names one process.
pub fn start_ticks(id: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in parentheses may hold anything; the 22nd field is the 20th behind it.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn shell(script: &str) -> Launch {
        Launch {
            command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            directory: PathBuf::from("/"),
            env: vec![("HOSTNAME".to_owned(), format!("test{}", std::process::id()))],
            stdin: Stdio::null(),
            stdout: Stdio::piped(),
            stderr: Stdio::null(),
        }
    }

    #[test]
    fn a_child_outlives_the_thread_that_asked_for_it_and_dies_as_a_group() {
        let spawner = Spawner::start().unwrap();
        let asked = std::thread::spawn({
            let spawner = spawner.clone();
            move || spawner.spawn(shell("sleep 100 & echo ready; wait"))
        });
        let mut child = asked.join().unwrap().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut ready = [0; 6];
        stdout.read_exact(&mut ready).unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        assert!(start_ticks(child.id()).is_some());
        kill_group(child.id(), Signal::KILL);
        wait_unreaped(&child).unwrap();
        assert_eq!(exit_code(child.wait().unwrap()), 137);
        // The end of the pipe proves that the sleeping grandchild is gone too.
        assert_eq!(stdout.read(&mut ready).unwrap(), 0);
    }

    #[test]
    fn a_process_that_left_its_group_is_found_by_its_hostname() {
        let spawner = Spawner::start().unwrap();
        let mut launch = shell("setsid sleep 100 & echo $!; exit 0");
        let hostname = format!("stray{}", std::process::id());
        launch.env = vec![
            ("HOSTNAME".to_owned(), hostname.clone()),
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
        ];
        let mut child = spawner.spawn(launch).unwrap();
        child.wait().unwrap();
        kill_strays(&hostname).unwrap();
        let mut rest = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut rest)
            .unwrap();
        assert!(!rest.is_empty());
    }
}
