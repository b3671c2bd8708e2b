//! A child process, watched: its input written, its output handed on as it comes, its time kept.

use std::{
    io::{self, Read, Write},
    ops::ControlFlow,
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    time::{Duration, Instant},
};

use dokku_deploy::{host::Stream, interrupt::Interrupts, secret::Secret};
use rustix::process::{Pid, Signal, kill_process_group};

/// Time between two ticks.
const TICK: Duration = Duration::from_millis(100);
/// Bytes read at once.
const PIECE: usize = 32 * 1024;
/// Pieces that wait to be handed on; a child that is faster has to wait.
const WAITING: usize = 32;

/// Who watches a child.
pub trait Watch {
    /// Bytes that the child wrote. `Break` kills it.
    fn piece(&mut self, from: Stream, bytes: &[u8]) -> ControlFlow<()>;
    /// Called about every 100 ms. `Break` kills the child.
    fn tick(&mut self) -> ControlFlow<()>;
}

/// What a child wrote.
#[derive(Debug, Default)]
pub struct Wrote {
    /// To its standard output.
    pub out: Vec<u8>,
    /// To its standard error.
    pub err: Vec<u8>,
}

impl Wrote {
    fn add(&mut self, from: Stream, bytes: &[u8]) {
        match from {
            Stream::Out => self.out.extend_from_slice(bytes),
            Stream::Err => self.err.extend_from_slice(bytes),
        }
    }
}

/// Keeps all that a child says, and has enough of it when its time is over or somebody asks to stop.
pub struct Collected<'a> {
    /// What it said.
    pub wrote: Wrote,
    end: Instant,
    interrupts: &'a dyn Interrupts,
}

impl<'a> Collected<'a> {
    /// Listens until `end`.
    pub fn until(end: Instant, interrupts: &'a dyn Interrupts) -> Self {
        Self {
            wrote: Wrote::default(),
            end,
            interrupts,
        }
    }

    /// What it wrote to its standard error.
    pub fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.wrote.err).trim().to_owned()
    }
}

impl Watch for Collected<'_> {
    fn piece(&mut self, from: Stream, bytes: &[u8]) -> ControlFlow<()> {
        self.wrote.add(from, bytes);
        ControlFlow::Continue(())
    }

    fn tick(&mut self) -> ControlFlow<()> {
        if self.interrupts.requests().0 > 0 || Instant::now() >= self.end {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// What a child is given to read.
pub enum Input<'a> {
    /// Nothing.
    Nothing,
    /// A text, whether the child reads all of it or not.
    Text(&'a Secret),
    /// A stream, to its end. One that cannot be read is an error, never an end.
    Stream(Box<dyn Read + Send>),
}

/// How a child, or another command, ended.
#[derive(Debug)]
pub enum End<T = ExitStatus> {
    /// By itself.
    Exited(T),
    /// The watcher wanted it.
    Stopped,
}

/// Runs the command to its end. The child never shares our standard input, and everything it is
/// given as `input` is written while its output is read, so that neither side can block the other.
pub fn run(command: &mut Command, input: Input, watch: &mut dyn Watch) -> io::Result<End> {
    // It may have ended in this very moment; then there is nothing to kill.
    run_and_end(command, input, watch, |child| drop(child.kill()))
}

/// As [`run`], in a process group of its own: where the command is killed, so are its children.
pub fn run_group(command: &mut Command, input: Input, watch: &mut dyn Watch) -> io::Result<End> {
    command.process_group(0);
    run_and_end(command, input, watch, |child| {
        let group = Pid::from_child(child);
        let _ended_already = kill_process_group(group, Signal::KILL);
    })
}

fn run_and_end(
    command: &mut Command,
    input: Input,
    watch: &mut dyn Watch,
    end: impl FnOnce(&mut Child),
) -> io::Result<End> {
    let mut child = command
        .stdin(match input {
            Input::Nothing => Stdio::null(),
            _ => Stdio::piped(),
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let streams = Streams {
        input: child.stdin.take().map(|input| Box::new(input) as _),
        out: child.stdout.take().map(|out| Box::new(out) as _),
        err: child.stderr.take().map(|err| Box::new(err) as _),
    };
    let mut pause = Duration::from_millis(1);
    let ended = attend(streams, input, watch, |patience| {
        let status = child.try_wait()?;
        if status.is_none() {
            std::thread::sleep(pause.min(patience));
            pause = (pause * 2).min(TICK);
        }
        Ok(status)
    });
    if !matches!(ended, Ok(End::Exited(_))) {
        end(&mut child);
        child.wait()?;
    }
    ended
}

/// Our ends of the streams of a command.
pub struct Streams {
    /// What it reads.
    pub input: Option<Box<dyn Write + Send>>,
    /// What it writes.
    pub out: Option<Box<dyn Read + Send>>,
    /// What it says.
    pub err: Option<Box<dyn Read + Send>>,
}

/// Writes a command's input and hands its output on until both outputs have ended; then asks
/// `ended` how it did, which waits for at most the time that it is given.
pub fn attend<T>(
    streams: Streams,
    input: Input,
    watch: &mut dyn Watch,
    mut ended: impl FnMut(Duration) -> io::Result<Option<T>>,
) -> io::Result<End<T>> {
    let (send, pieces) = sync_channel(WAITING);
    if let Some(out) = streams.out {
        read_apart(out, Stream::Out, send.clone())?;
    }
    if let Some(err) = streams.err {
        read_apart(err, Stream::Err, send)?;
    }
    let (fail, failures) = sync_channel(1);
    match (streams.input, input) {
        (Some(mut to), Input::Text(input)) => {
            let input = input.clone();
            std::thread::Builder::new().spawn(move || {
                // A command that does not read its input to the end answers all the same.
                drop(to.write_all(input.expose().as_bytes()));
            })?;
        }
        (Some(to), Input::Stream(from)) => {
            std::thread::Builder::new().spawn(move || supply(from, to, &fail))?;
        }
        _ => {}
    }
    let mut next_tick = Instant::now() + TICK;
    let mut is_open = true;
    loop {
        let left = next_tick.saturating_duration_since(Instant::now());
        if let Ok((error, _still_open)) = failures.try_recv() {
            return Err(error);
        }
        if left.is_zero() {
            if watch.tick().is_break() {
                return Ok(End::Stopped);
            }
            next_tick = Instant::now() + TICK;
            continue;
        }
        if is_open {
            match pieces.recv_timeout(left) {
                Ok((from, bytes)) => {
                    let bytes: Vec<u8> = bytes?;
                    if watch.piece(from, &bytes).is_break() {
                        return Ok(End::Stopped);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => is_open = false,
            }
            continue;
        }
        // Both streams have ended, so the command is about to.
        if let Some(end) = ended(left)? {
            return Ok(End::Exited(end));
        }
    }
}

/// Writes a stream to a child. When it cannot be read, the child's input stays open until the
/// child is killed: it must not take the failure for the end.
fn supply(
    mut from: Box<dyn Read + Send>,
    mut to: Box<dyn Write + Send>,
    fail: &SyncSender<(io::Error, Box<dyn Write + Send>)>,
) {
    let mut buffer = vec![0; PIECE];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => {
                if to
                    .write_all(buffer.get(..read).unwrap_or_default())
                    .is_err()
                {
                    // The child has ended; its exit status tells why.
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                drop(fail.send((error, to)));
                return;
            }
        }
    }
}

type Piece = (Stream, io::Result<Vec<u8>>);

/// Reads a stream on a thread of its own until it ends or nobody listens any more.
fn read_apart(
    mut stream: impl Read + Send + 'static,
    from: Stream,
    to: SyncSender<Piece>,
) -> io::Result<()> {
    std::thread::Builder::new().spawn(move || {
        let mut buffer = vec![0; PIECE];
        loop {
            let piece = match stream.read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => Ok(buffer.get(..read).unwrap_or_default().to_vec()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let is_last = piece.is_err();
            if to.send((from, piece)).is_err() || is_last {
                return;
            }
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct All {
        wrote: Wrote,
        ticks: u32,
        most_ticks: Option<u32>,
    }

    impl Watch for All {
        fn piece(&mut self, from: Stream, bytes: &[u8]) -> ControlFlow<()> {
            self.wrote.add(from, bytes);
            ControlFlow::Continue(())
        }
        fn tick(&mut self) -> ControlFlow<()> {
            self.ticks += 1;
            if self.most_ticks == Some(self.ticks) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        }
    }

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_child_that_answers_while_it_reads_megabytes_does_not_block() {
        let text = "0123456789abcdef".repeat(256 * 1024);
        let mut all = All::default();
        let end = run(
            &mut sh("tee /dev/stderr; exit 3"),
            Input::Text(&Secret::new(text.clone())),
            &mut all,
        );
        assert!(matches!(end, Ok(End::Exited(status)) if status.code() == Some(3)));
        assert!(all.wrote.out == text.as_bytes() && all.wrote.err == text.as_bytes());
    }

    #[test]
    fn a_child_is_killed_when_its_watcher_has_enough() {
        let mut all = All {
            most_ticks: Some(2),
            ..All::default()
        };
        let begun = Instant::now();
        assert!(matches!(
            run(&mut sh("exec sleep 600"), Input::Nothing, &mut all),
            Ok(End::Stopped)
        ));
        assert!(begun.elapsed() < Duration::from_mins(1));
    }

    #[test]
    fn without_input_the_child_reads_nothing_of_ours() {
        let mut all = All::default();
        let end = run(&mut sh("cat; echo end"), Input::Nothing, &mut all);
        assert!(matches!(end, Ok(End::Exited(status)) if status.success()));
        assert_eq!(all.wrote.out, b"end\n");
    }

    #[test]
    fn the_children_of_a_group_end_with_it() {
        struct First(Option<i32>);
        impl Watch for First {
            fn piece(&mut self, _: Stream, bytes: &[u8]) -> ControlFlow<()> {
                self.0 = String::from_utf8_lossy(bytes).trim().parse().ok();
                ControlFlow::Break(())
            }
            fn tick(&mut self) -> ControlFlow<()> {
                ControlFlow::Continue(())
            }
        }
        let mut first = First(None);
        let end = run_group(
            &mut sh("sleep 600 & echo $!; wait"),
            Input::Nothing,
            &mut first,
        );
        assert!(matches!(end, Ok(End::Stopped)));
        let child = Pid::from_raw(first.0.unwrap()).unwrap();
        // Killed, it is there until its parent has heard of it; then nobody is.
        let is_alive = || {
            std::fs::read_to_string(format!("/proc/{}/stat", child.as_raw_nonzero()))
                .is_ok_and(|stat| !stat.contains(") Z "))
        };
        while is_alive() {
            std::thread::yield_now();
        }
    }

    struct Breaks(bool);

    impl Read for Breaks {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("the disk is gone"));
            }
            buffer.fill(b'x');
            Ok(buffer.len())
        }
    }

    #[test]
    fn a_stream_that_breaks_is_not_taken_for_its_end() {
        let mut all = All::default();
        let input = Input::Stream(Box::new(Breaks(false)));
        let end = run(&mut sh("cat >/dev/null; echo end"), input, &mut all);
        assert!(end.unwrap_err().to_string().contains("the disk is gone"));
        assert_eq!(all.wrote.out, b"");
    }
}
