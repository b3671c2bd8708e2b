//! Starting processes that must not outlive the sandbox.

use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

/// Starts processes from one thread that lives as long as this value.
///
/// The kernel's "signal me when my parent dies" means the parent *thread*. Commands run on short
/// threads of their own, so servers that they start have to be children of this one. When the
/// sandbox is killed this thread dies too, and the kernel ends every server.
pub struct Launcher {
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

struct Request {
    command: Command,
    reply: Sender<io::Result<Child>>,
}

impl Launcher {
    /// Starts the thread.
    pub fn new() -> io::Result<Self> {
        let (requests, queue) = channel::<Request>();
        let thread = std::thread::Builder::new()
            .name("launcher".to_string())
            .spawn(move || {
                for Request { mut command, reply } in queue {
                    if let Err(unwanted) = reply.send(command.spawn())
                        && let Ok(mut child) = unwanted.0
                    {
                        // Whoever asked has gone: nobody would look after this process.
                        let _gone = child.kill();
                        let _reaped = child.wait();
                    }
                }
            })?;
        Ok(Self {
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Starts a process. Its life ends with the launcher's only if the command says so (see
    /// [`super::account::command`]).
    pub fn spawn(&self, command: Command) -> io::Result<Child> {
        let stopped =
            || io::Error::other("the sandbox is stopping: it starts no processes any more");
        let (reply, answer) = channel();
        let requests = self.requests.as_ref().ok_or_else(stopped)?;
        requests
            .send(Request { command, reply })
            .map_err(|_| stopped())?;
        answer.recv().map_err(|_| stopped())?
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // It only forwards requests; a panic in it has nothing left to break.
            let _ended = thread.join();
        }
    }
}
