//! What a command reads and writes: one stdin, two streams out, and a way to learn that the client has gone.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The streams of one command.
pub struct Io {
    /// What the client sends; end of file once it has closed its side.
    pub stdin: Box<dyn Read + Send>,
    /// Standard output.
    pub stdout: Out,
    /// Standard error.
    pub stderr: Out,
    /// Tells whether the client is still there.
    pub hangup: Hangup,
}

impl Io {
    /// Streams for a command whose client never goes away.
    pub fn new(stdin: Box<dyn Read + Send>, stdout: Out, stderr: Out) -> Self {
        Self {
            stdin,
            stdout,
            stderr,
            hangup: Hangup::default(),
        }
    }

    /// Streams that read `stdin` and keep what is written, for tests and for commands that call other commands.
    pub fn captured(stdin: &[u8]) -> (Self, Captured, Captured) {
        let (stdout, stderr) = (Captured::default(), Captured::default());
        let io = Self::new(
            Box::new(io::Cursor::new(stdin.to_vec())),
            Out::new(stdout.clone()),
            Out::new(stderr.clone()),
        );
        (io, stdout, stderr)
    }
}

/// A writer that several threads may share; each `write` call arrives whole.
///
/// Writing fails with `BrokenPipe` once the client has gone.
#[derive(Clone)]
pub struct Out(Arc<Mutex<dyn Write + Send>>);

impl Out {
    /// Wraps a writer.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    /// A writer that forgets everything.
    pub fn sink() -> Self {
        Self::new(io::sink())
    }
}

impl Write for Out {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(buffer)
    }

    fn write_all(&mut self, buffer: &[u8]) -> io::Result<()> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(buffer)
    }

    /// Formats first, so that a line travels as one packet and never mixes with another thread's.
    fn write_fmt(&mut self, arguments: fmt::Arguments<'_>) -> io::Result<()> {
        self.write_all(arguments.to_string().as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .flush()
    }
}

/// Bytes kept in memory by a stream of [`Io::captured`].
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// Everything written so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Everything written so far as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A flag, raised once, that the client's channel or connection has closed.
#[derive(Clone, Default)]
pub struct Hangup(Arc<(Mutex<bool>, Condvar)>);

impl Hangup {
    /// Raises the flag and wakes every waiter.
    pub fn raise(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Whether the client has gone.
    pub fn is_raised(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the client has gone or `limit` has passed; true if it has gone.
    pub fn wait(&self, limit: Duration) -> bool {
        let raised = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .0
            .1
            .wait_timeout_while(raised, limit, |raised| !*raised);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captured_streams_keep_both_sides_apart() {
        let (mut io, out, err) = Io::captured(b"in");
        writeln!(io.stdout, "one {}", 1).unwrap();
        writeln!(io.stderr, "two").unwrap();
        let mut stdin = String::new();
        io.stdin.read_to_string(&mut stdin).unwrap();
        assert_eq!(
            (out.text().as_str(), err.text().as_str(), stdin.as_str()),
            ("one 1\n", "two\n", "in")
        );
    }

    #[test]
    fn a_raised_hangup_ends_the_wait() {
        let hangup = Hangup::default();
        let other = hangup.clone();
        let waiter = std::thread::spawn(move || other.wait(Duration::from_mins(1)));
        hangup.raise();
        assert!(waiter.join().unwrap());
        assert!(hangup.is_raised());
    }
}
