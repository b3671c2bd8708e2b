//! Client programs of the engines, their streams tied to those of a command.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::commands::Failure;
use crate::engine::{Handle, Identity};
use crate::io::{Hangup, Io, Out};

/// Bytes moved at a time; with it all the memory that a dump of any size takes.
const CHUNK: usize = 64 * 1024;

/// What becomes of a program's standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complaints {
    /// It goes to the client as it comes.
    Passed,
    /// It goes to the client only when the program fails.
    OnFailure,
}

/// Runs a program with the command's streams; the answer is its exit code, 128 more than the
/// signal where one ended it. The program is killed when the client goes away.
pub fn run(
    mut command: Command,
    io: &mut Io,
    has_stdin: bool,
    complaints: Complaints,
) -> Result<u8, Failure> {
    let stdin = if has_stdin {
        Stdio::piped()
    } else {
        Stdio::null()
    };
    let mut child = command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let leash = Leash::tie(&child, &io.hangup);
    if let Some(sink) = child.stdin.take() {
        let source = std::mem::replace(&mut io.stdin, Box::new(io::empty()));
        feed(source, sink, &leash)?;
    }
    let said = child.stderr.take().map(|source| {
        let (out, leash) = (io.stderr.clone(), leash.clone());
        thread::spawn(move || match complaints {
            Complaints::Passed => forward(source, out, &leash).map(|()| Vec::new()),
            Complaints::OnFailure => keep(source),
        })
    });
    let sent = child
        .stdout
        .take()
        .map_or(Ok(()), |source| forward(source, io.stdout.clone(), &leash));
    let status = leash.wait(&mut child)?;
    let said = said.map_or(Ok(Vec::new()), |thread| {
        thread.join().unwrap_or_else(|_| {
            Err(io::Error::other(
                "the thread that reads the program's errors failed",
            ))
        })
    });
    sent?;
    let said = said?;
    if io.hangup.is_raised() {
        return Err(Failure::silent(141));
    }
    if !status.success() {
        io.stderr.write_all(&said)?;
    }
    Ok(code(status))
}

/// An exit status as a shell shows it.
pub fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Kills a program when the client of its command goes away.
#[derive(Clone)]
pub struct Leash {
    handle: Arc<Option<Handle>>,
    hangup: Hangup,
    is_over: Arc<AtomicBool>,
}

impl Leash {
    /// Watches from now on.
    pub fn tie(child: &Child, hangup: &Hangup) -> Self {
        let identity = i32::try_from(child.id()).ok().and_then(Identity::of);
        let leash = Self {
            handle: Arc::new(identity.and_then(Handle::open)),
            hangup: hangup.clone(),
            is_over: Arc::new(AtomicBool::new(false)),
        };
        let watcher = leash.clone();
        thread::spawn(move || {
            // The pause only bounds how long this thread outlives the program.
            while !watcher.is_over.load(Ordering::Relaxed) {
                if watcher.hangup.wait(Duration::from_secs(1)) {
                    watcher.pull();
                    return;
                }
            }
        });
        leash
    }

    /// Kills the program, if it still runs.
    pub fn pull(&self) {
        if let Some(handle) = self.handle.as_ref() {
            handle.kill();
        }
    }

    /// Waits for the program.
    pub fn wait(&self, child: &mut Child) -> io::Result<ExitStatus> {
        let status = child.wait();
        self.is_over.store(true, Ordering::Relaxed);
        status
    }
}

/// Sends the client's input to the program from a thread of its own: the program may end before
/// the client has closed its side. Input that breaks off is not an end: it kills the program.
fn feed(
    mut source: Box<dyn Read + Send>,
    mut sink: impl Write + Send + 'static,
    leash: &Leash,
) -> io::Result<()> {
    let leash = leash.clone();
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            let mut chunk = vec![0; CHUNK];
            loop {
                match source.read(&mut chunk) {
                    Ok(0) if leash.hangup.is_raised() => return leash.pull(),
                    Ok(0) => return,
                    // A program that has closed its input tells the rest by its exit code.
                    Ok(count) if sink.write_all(&chunk[..count]).is_err() => return,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return leash.pull(),
                }
            }
        })
        .map(drop)
}

/// Copies a stream of the program to the client; a client that has gone ends the program.
fn forward(mut source: impl Read, mut sink: Out, leash: &Leash) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = match source.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if let Err(error) = sink.write_all(&chunk[..count]) {
            leash.pull();
            return Err(error);
        }
    }
}

/// The first 64 KiB of a stream; the rest is read and dropped, so that the writer never blocks.
fn keep(mut source: impl Read) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    source.by_ref().take(CHUNK as u64).read_to_end(&mut kept)?;
    io::copy(&mut source, &mut io::sink())?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn streams_and_exit_code_pass_through() {
        let (mut io, out, err) = Io::captured(b"\x00\xff in");
        let code = run(
            shell("cat; echo oops >&2; exit 3"),
            &mut io,
            true,
            Complaints::Passed,
        )
        .unwrap();
        assert_eq!(
            (code, out.bytes(), err.text()),
            (3, b"\x00\xff in".to_vec(), "oops\n".to_owned())
        );
    }

    #[test]
    fn a_program_that_is_killed_answers_137() {
        let (mut io, _, _) = Io::captured(b"");
        assert_eq!(
            run(shell("kill -9 $$"), &mut io, false, Complaints::Passed).unwrap(),
            137
        );
    }

    #[test]
    fn complaints_may_be_kept_for_a_failure() {
        let (mut io, _, err) = Io::captured(b"");
        run(
            shell("echo chatter >&2"),
            &mut io,
            false,
            Complaints::OnFailure,
        )
        .unwrap();
        assert_eq!(err.text(), "");
        run(
            shell("echo why >&2; exit 1"),
            &mut io,
            false,
            Complaints::OnFailure,
        )
        .unwrap();
        assert_eq!(err.text(), "why\n");
    }

    #[test]
    fn a_client_that_goes_away_ends_a_silent_program() {
        let (mut io, _, _) = Io::captured(b"");
        let (hangup, (ready, started)) =
            (io.hangup.clone(), io::pipe().map(|(r, w)| (w, r)).unwrap());
        let watcher = thread::spawn(move || {
            let mut started = started;
            started.read_exact(&mut [0; 1]).unwrap();
            hangup.raise();
        });
        let command = shell("echo; exec 1>&-; exec sleep 600");
        // The program's first byte goes to the watcher, which then hangs up.
        io.stdout = Out::new(ready);
        let failure = run(command, &mut io, false, Complaints::Passed).unwrap_err();
        watcher.join().unwrap();
        assert_eq!(failure.code, 141);
    }

    #[test]
    fn a_client_that_stops_reading_ends_the_program() {
        let (mut io, _, _) = Io::captured(b"");
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        io.stdout = Out::new(writer);
        let failure = run(shell("exec yes"), &mut io, false, Complaints::Passed).unwrap_err();
        assert_eq!(failure.code, 141);
    }
}
