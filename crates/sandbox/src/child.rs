//! A child process whose streams are a command's own.

use std::io::{self, Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use crate::commands::answer::write_or_hang_up;
use crate::io::Out;

/// Runs a program to its end; stdout and stderr are passed on as they come, stdin if there is one.
///
/// The answer is the exit code as a shell would see it: 128 + signal for a killed one, 126 for one that cannot start.
pub fn run(
    mut command: Command,
    stdin: Option<Box<dyn Read + Send>>,
    stdout: &Out,
    stderr: &Out,
) -> u8 {
    command.stdin(if stdin.is_some() {
        Stdio::piped()
    } else {
        Stdio::null()
    });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let text = format!("{}: {error}\n", command.get_program().to_string_lossy());
            write_or_hang_up(&mut stderr.clone(), &text);
            return 126;
        }
    };
    if let (Some(mut from), Some(to)) = (stdin, child.stdin.take()) {
        // Not joined: it ends when the child stops reading or the client stops sending.
        thread::spawn(move || pass_on(&mut from, to));
    }
    let status = thread::scope(|scope| {
        if let Some(mut from) = child.stdout.take() {
            scope.spawn(move || pass_on(&mut from, stdout.clone()));
        }
        if let Some(mut from) = child.stderr.take() {
            scope.spawn(move || pass_on(&mut from, stderr.clone()));
        }
        child.wait()
    });
    status.map_or(126, code)
}

/// The exit code as a shell would see it.
pub fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let code = status
        .code()
        .or(status.signal().map(|signal| 128 + signal))
        .unwrap_or(126);
    u8::try_from(code).unwrap_or(255)
}

/// Copies until either side ends; a reader that has gone is the child's (or the client's) business.
fn pass_on(from: &mut dyn Read, mut to: impl Write) {
    let mut buffer = vec![0; 32 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                if to
                    .write_all(&buffer[..count])
                    .and_then(|()| to.flush())
                    .is_err()
                {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
