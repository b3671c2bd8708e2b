//! What a deploy says while it goes on, in Dokku's forms.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::files::locked;
use crate::io::Out;

/// A place for progress lines, shared by everybody who takes part in a deploy.
#[derive(Clone)]
pub struct Talk {
    to: Arc<Mutex<Box<dyn Write + Send>>>,
    complaints: Arc<Mutex<String>>,
}

impl Talk {
    /// Talks into `to`.
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self {
            to: Arc::new(Mutex::new(Box::new(to))),
            complaints: Arc::default(),
        }
    }

    /// Bytes as they are. A listener that has gone does not stop a deploy, so failures are dropped.
    pub fn raw(&self, bytes: &[u8]) {
        let mut to = locked(&self.to);
        let _ = to.write_all(bytes).and_then(|()| to.flush());
    }

    /// A line as it is.
    pub fn plain(&self, text: &str) {
        self.raw(format!("{text}\n").as_bytes());
    }

    /// `-----> text`
    pub fn info1(&self, text: &str) {
        self.plain(&format!("-----> {text}"));
    }

    /// `=====> text`
    pub fn info2(&self, text: &str) {
        self.plain(&format!("=====> {text}"));
    }

    /// `       text`
    pub fn verbose(&self, text: &str) {
        self.plain(&format!("       {text}"));
    }

    /// ` !     text`
    pub fn warn(&self, text: &str) {
        self.complain(&format!(" !     {text}\n"));
    }

    /// What a Dokku would have written to standard error: told like the rest, and remembered.
    pub fn complain(&self, text: &str) {
        self.raw(text.as_bytes());
        locked(&self.complaints).push_str(text);
    }

    /// All complaints so far; Dokku's Go plugins repeat them at the end of a failed deploy.
    pub fn complaints(&self) -> String {
        locked(&self.complaints).clone()
    }

    /// Standard output and standard error of something that takes part.
    pub fn outputs(&self) -> (Out, Out) {
        (
            Out::new(Said(self.clone())),
            Out::new(Complained(self.clone())),
        )
    }
}

struct Said(Talk);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.raw(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Complained(Talk);

impl Write for Complained {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.complain(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes everything to two places. The second one (a build's log file) has to work, the first
/// one (a client) may go away.
pub struct Tee<A, B> {
    /// The client.
    pub client: A,
    /// The record.
    pub record: B,
}

impl<A: Write, B: Write> Write for Tee<A, B> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.record.write_all(bytes)?;
        let _ = self.client.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.record.flush()?;
        let _ = self.client.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn the_record_is_whole_although_the_client_has_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let talk = Talk::new(Tee {
            client: Gone,
            record: fs_err::File::create(&path).unwrap(),
        });
        talk.info1("Releasing a...");
        talk.info2("Application deployed:");
        talk.verbose("http://a");
        talk.warn("bad");
        let text = fs_err::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "-----> Releasing a...\n=====> Application deployed:\n       http://a\n !     bad\n"
        );
    }
}
