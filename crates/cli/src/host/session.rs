//! A command's session on the shared connection: what an ssh client asks of its master, asked
//! without the client, which saves a process and its start for each command.
//!
//! The protocol is OpenSSH's own ("passenger" mode in its PROTOCOL.mux): we hand the master the
//! three streams of the command, and it tells the exit status when the command has ended. Closing
//! the control socket before that ends the session, as the death of an ssh client would.

use std::{
    io::{self, IoSlice, PipeReader, PipeWriter, Read, Write},
    mem::MaybeUninit,
    ops::ControlFlow,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    path::Path,
    time::Duration,
};

use rustix::{
    cmsg_space,
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
};

use super::child::{End, Input, Streams, Watch, attend};

/// `MUX_MSG_HELLO` and the version of the protocol, which both sides say first.
const HELLO: [u32; 2] = [0x0000_0001, 4];
const NEW_SESSION: u32 = 0x1000_0002;
const TERMINATE: u32 = 0x1000_0005;
const PERMISSION_DENIED: u32 = 0x8000_0002;
const FAILURE: u32 = 0x8000_0003;
const EXIT_MESSAGE: u32 = 0x8000_0004;
const SESSION_OPENED: u32 = 0x8000_0006;
const TTY_ALLOC_FAIL: u32 = 0x8000_0008;
/// No character of the input means anything to the master.
const NO_ESCAPE: u32 = 0xffff_ffff;
/// The number of our only request on a control socket.
const REQUEST: u32 = 0;
/// More than any message that the master sends us.
const LARGEST: usize = 256 * 1024;

/// How a command's session came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The command did, with this status.
    Status(i32),
    /// There was no master to talk to: the command was not sent.
    NotSent,
    /// The host allows no further session on the connection: the command was not sent.
    NoSession,
    /// The master ended it while the command was on its way or running; its words, if any.
    Cut(Option<String>),
    /// The session was there and ended without a status: the command was killed, or the
    /// connection is gone.
    Silent,
}

/// Runs a command on the connection whose control socket this is, and watches it to its end.
pub fn run(
    socket: &Path,
    line: &str,
    input: Input,
    watch: &mut dyn Watch,
) -> io::Result<End<Ended>> {
    let Ok(control) = UnixStream::connect(socket) else {
        return Ok(End::Exited(Ended::NotSent));
    };
    let has_input = !matches!(input, Input::Nothing);
    let (from_us, to_command) = io::pipe()?;
    let (out, out_end) = io::pipe()?;
    let (err, err_end) = io::pipe()?;
    let ends = [from_us.as_fd(), out_end.as_fd(), err_end.as_fd()];
    if request(&control, line, ends).is_err() {
        // A request that is not whole is not heeded.
        return Ok(End::Exited(Ended::NotSent));
    }
    // The master has them now; ours would keep the streams from ending.
    drop((from_us, out_end, err_end));
    let mut session = Session::new(control);
    attend(
        streams(has_input.then_some(to_command), out, err),
        input,
        watch,
        |patience| session.ended(patience),
    )
}

/// Asks a master to end, over a control socket on which nothing was said yet.
pub fn ask_to_end(control: &mut UnixStream) -> io::Result<()> {
    let mut words = message(&HELLO, &[]);
    words.extend(message(&[TERMINATE, REQUEST], &[]));
    control.write_all(&words)
}

fn streams(input: Option<PipeWriter>, out: PipeReader, err: PipeReader) -> Streams {
    Streams {
        input: input.map(|input| Box::new(input) as Box<dyn Write + Send>),
        out: Some(Box::new(out)),
        err: Some(Box::new(err)),
    }
}

/// Asks for a session: no terminal, no forwarding, no variables.
fn request(mut control: &UnixStream, line: &str, streams: [BorrowedFd<'_>; 3]) -> io::Result<()> {
    let mut words = message(&HELLO, &[]);
    let (reserved, terminal) = ("", "");
    let mut body = numbers(&[NEW_SESSION, REQUEST]);
    body.extend(text(reserved));
    body.extend(numbers(&[0, 0, 0, 0, NO_ESCAPE]));
    body.extend(text(terminal));
    body.extend(text(line));
    words.extend(message(&[], &body));
    control.write_all(&words)?;
    for stream in streams {
        let streams = [stream];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut rights = SendAncillaryBuffer::new(&mut space);
        if !rights.push(SendAncillaryMessage::ScmRights(&streams)) {
            return Err(io::Error::other("no room for a stream"));
        }
        // One byte has to travel with it.
        let with = [IoSlice::new(&[0])];
        while let Err(error) = sendmsg(control, &with, &mut rights, SendFlags::empty()) {
            if error != rustix::io::Errno::INTR {
                return Err(error.into());
            }
        }
    }
    Ok(())
}

/// A message: its length, then numbers, then what else it has.
fn message(first: &[u32], rest: &[u8]) -> Vec<u8> {
    let mut body = numbers(first);
    body.extend(rest);
    [length(&body).to_vec(), body].concat()
}

fn numbers(all: &[u32]) -> Vec<u8> {
    all.iter().copied().flat_map(u32::to_be_bytes).collect()
}

fn text(text: &str) -> Vec<u8> {
    [&length(text.as_bytes()), text.as_bytes()].concat()
}

/// The length as it is sent. Nothing of ours comes near to what does not fit: a command's line
/// passes the limits of the kernel first.
fn length(of: &[u8]) -> [u8; 4] {
    u32::try_from(of.len()).unwrap_or(u32::MAX).to_be_bytes()
}

/// What the master has told of a session.
struct Session {
    control: UnixStream,
    heard: Vec<u8>,
    is_open: bool,
    status: Option<i32>,
}

impl Session {
    fn new(control: UnixStream) -> Self {
        Self {
            control,
            heard: Vec::new(),
            is_open: false,
            status: None,
        }
    }

    /// How the session ended; `None` when it has not within the given time.
    fn ended(&mut self, patience: Duration) -> io::Result<Option<Ended>> {
        self.control
            .set_read_timeout(Some(patience.max(Duration::from_millis(1))))?;
        let mut buffer = [0; 1024];
        let read = match self.control.read(&mut buffer) {
            Ok(read) => read,
            Err(error) => {
                return match error.kind() {
                    io::ErrorKind::WouldBlock
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::Interrupted => Ok(None),
                    // A master that was killed has not read all that was sent to it.
                    io::ErrorKind::ConnectionReset => Ok(Some(self.closed())),
                    _ => Err(error),
                };
            }
        };
        if read == 0 {
            return Ok(Some(self.closed()));
        }
        self.heard
            .extend_from_slice(buffer.get(..read).unwrap_or_default());
        while let Some(message) = self.next_message()? {
            if let ControlFlow::Break(ended) = self.take(&message) {
                return Ok(Some(ended));
            }
        }
        Ok(None)
    }

    /// What it means that the master has nothing more to say.
    fn closed(&self) -> Ended {
        match self.status {
            Some(status) => Ended::Status(status),
            None if self.is_open => Ended::Silent,
            None => Ended::Cut(None),
        }
    }

    fn next_message(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some((length, rest)) = number(&self.heard) else {
            return Ok(None);
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > LARGEST {
            return Err(io::Error::other(format!(
                "the shared connection of ssh sent a message of {length} bytes"
            )));
        }
        let Some(message) = rest.get(..length).map(<[u8]>::to_vec) else {
            return Ok(None);
        };
        self.heard.drain(..size_of::<u32>() + length);
        Ok(Some(message))
    }

    fn take(&mut self, message: &[u8]) -> ControlFlow<Ended> {
        let Some((kind, rest)) = number(message) else {
            return ControlFlow::Break(Ended::Cut(Some("ssh sent an empty message".into())));
        };
        // A request's number, or a session's.
        let after = number(rest).map(|(_, after)| after).unwrap_or_default();
        match kind {
            SESSION_OPENED => self.is_open = true,
            EXIT_MESSAGE => {
                self.status = number(after).and_then(|(status, _)| i32::try_from(status).ok());
            }
            FAILURE | PERMISSION_DENIED => {
                let why = number(after).map_or(String::new(), |(_, words)| {
                    String::from_utf8_lossy(words).into_owned()
                });
                return ControlFlow::Break(if why.contains("refused by peer") {
                    Ended::NoSession
                } else {
                    Ended::Cut(Some(why))
                });
            }
            kind if kind == HELLO[0] || kind == TTY_ALLOC_FAIL => {}
            other => {
                return ControlFlow::Break(Ended::Cut(Some(format!(
                    "ssh sent a message of an unknown kind, {other:#x}"
                ))));
            }
        }
        ControlFlow::Continue(())
    }
}

/// The number that the bytes begin with, and what follows it.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a session comes to whose master says these bytes and hangs up.
    fn heard(said: &[u8]) -> io::Result<Ended> {
        let (control, mut master) = UnixStream::pair()?;
        master.write_all(said)?;
        drop(master);
        let mut session = Session::new(control);
        loop {
            if let Some(ended) = session.ended(Duration::from_mins(1))? {
                return Ok(ended);
            }
        }
    }

    fn opened() -> Vec<u8> {
        [
            message(&HELLO, &[text("info"), text("0")].concat()),
            message(&[SESSION_OPENED, REQUEST, 2], &[]),
        ]
        .concat()
    }

    fn refused(kind: u32, why: &str) -> Vec<u8> {
        [message(&HELLO, &[]), message(&[kind, REQUEST], &text(why))].concat()
    }

    #[test]
    fn the_status_of_a_command_is_what_the_master_tells() {
        for status in [0, 3, 255] {
            let said = [opened(), message(&[EXIT_MESSAGE, 2, status], &[])].concat();
            let status = i32::try_from(status).unwrap();
            assert_eq!(heard(&said).unwrap(), Ended::Status(status));
        }
    }

    #[test]
    fn messages_may_come_in_pieces() {
        let said = [opened(), message(&[EXIT_MESSAGE, 2, 20], &[])].concat();
        let (control, mut master) = UnixStream::pair().unwrap();
        let mut session = Session::new(control);
        for byte in said {
            master.write_all(&[byte]).unwrap();
            assert_eq!(session.ended(Duration::from_mins(1)).unwrap(), None);
        }
        // A status is not the end yet: the streams may still be on their way.
        assert_eq!(session.ended(Duration::from_millis(1)).unwrap(), None);
        drop(master);
        assert_eq!(
            session.ended(Duration::from_mins(1)).unwrap(),
            Some(Ended::Status(20))
        );
    }

    #[test]
    fn an_end_without_a_status_is_no_success_and_no_second_try() {
        assert_eq!(heard(b"").unwrap(), Ended::Cut(None));
        assert_eq!(heard(&message(&HELLO, &[])).unwrap(), Ended::Cut(None));
        assert_eq!(heard(&opened()).unwrap(), Ended::Silent);
    }

    #[test]
    fn a_host_without_a_free_session_is_told_from_a_master_that_cannot() {
        assert_eq!(
            heard(&refused(FAILURE, "Session open refused by peer")).unwrap(),
            Ended::NoSession
        );
        for (kind, why) in [
            (FAILURE, "did not receive file descriptors"),
            (PERMISSION_DENIED, "Permission denied"),
        ] {
            let Ended::Cut(Some(words)) = heard(&refused(kind, why)).unwrap() else {
                panic!("{why} was not understood");
            };
            assert!(words.contains(why), "{words}");
        }
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        assert!(heard(&u32::MAX.to_be_bytes()).is_err());
        let unknown = [opened(), message(&[0x9999_9999, 0], &[])].concat();
        assert!(
            matches!(heard(&unknown).unwrap(), Ended::Cut(Some(why)) if why.contains("0x99999999"))
        );
        assert!(matches!(
            heard(&message(&[], &[])).unwrap(),
            Ended::Cut(Some(_))
        ));
    }

    #[test]
    fn where_no_master_listens_nothing_was_sent() {
        struct Deaf;
        impl Watch for Deaf {
            fn piece(&mut self, _: dokku_deploy::host::Stream, _: &[u8]) -> ControlFlow<()> {
                ControlFlow::Continue(())
            }
            fn tick(&mut self) -> ControlFlow<()> {
                ControlFlow::Continue(())
            }
        }
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("s0");
        let end = run(&socket, "apps:list", Input::Nothing, &mut Deaf).unwrap();
        assert!(matches!(end, End::Exited(Ended::NotSent)));
    }
}
