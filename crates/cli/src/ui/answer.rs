//! What somebody types at the terminal.

use std::io::{self, BufRead};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{failure::Failure, interrupt};

/// How often it is looked whether somebody asks to stop.
const GLANCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// Waits for a line; `None` at the end of the input. Who asks to stop instead is heard at once: a
/// read alone would go on until the line is there.
pub fn line() -> Result<Option<String>, Failure> {
    let (before, _) = interrupt::heard();
    let stdin = io::stdin();
    loop {
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&GLANCE)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => break,
            Err(error) => return Err(io::Error::from(error).into()),
        }
        if let (count, Some(signal)) = interrupt::heard()
            && count > before
        {
            super::narrate("\n");
            return Err(Failure::interrupted(signal).hint("Nothing was changed."));
        }
    }
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim().to_owned()))
}
