//! `dokku`, `plugn` and a stand-in for `docker` as plugins find them on PATH: small scripts that hand their words to the running sandbox.
//!
//! The call travels over the control socket: one JSON line, then the caller's stdin; back come frames of a kind
//! (1 stdout, 2 stderr, 3 exit code), a length of four bytes and that many bytes.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;

use serde::{Deserialize, Serialize};

use crate::commands::{self, Caller, docker, plugn};
use crate::host::SandboxHost;
use crate::io::{Io, Out};
use crate::store::write_file;

const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const EXIT: u8 = 3;

/// A call of one of them on the host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LocalCall {
    /// `dokku`, `plugn` or `docker`.
    pub program: String,
    /// The words after it.
    pub words: Vec<String>,
    /// `NAME` of the key in whose name the plugin runs.
    #[serde(default)]
    pub name: String,
    /// `FINGERPRINT` of that key.
    #[serde(default)]
    pub fingerprint: String,
}

/// Serves one call; `stdin` is what follows the request on the socket.
pub fn serve(
    call: LocalCall,
    stdin: Box<dyn Read + Send>,
    stream: &UnixStream,
    host: &SandboxHost,
) -> io::Result<()> {
    let out = Out::new(stream.try_clone()?);
    let framed = |kind| {
        Out::new(Framed {
            kind,
            out: out.clone(),
        })
    };
    let mut io = Io::new(stdin, framed(STDOUT), framed(STDERR));
    let mut caller = Caller::local();
    if !call.name.is_empty() {
        caller.key_name = call.name;
        caller.fingerprint = call.fingerprint;
    }
    let code = match call.program.as_str() {
        "plugn" => plugn::execute(&call.words, &caller, &mut io, host),
        "docker" => docker::execute(&call.words, &mut io, host),
        _ => commands::execute_words(&call.words, caller, &mut io, host),
    };
    framed(EXIT).write_all(&[code])?;
    stream.shutdown(Shutdown::Both)
}

struct Framed {
    kind: u8,
    out: Out,
}

impl Write for Framed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let length = u32::try_from(buffer.len()).map_err(io::Error::other)?;
        let mut frame = vec![self.kind];
        frame.extend(length.to_be_bytes());
        frame.extend(buffer);
        self.out.write_all(&frame)?;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The other end: what the scripts run. The answer is the exit code.
pub fn call(socket: &Path, call: &LocalCall) -> io::Result<u8> {
    let mut stream = UnixStream::connect(socket)?;
    let mut request = serde_json::to_value(call)?;
    request["do"] = "call".into();
    writeln!(stream, "{request}")?;
    let mut sending = stream.try_clone()?;
    // Not joined: the caller's stdin may stay open for longer than the command.
    thread::spawn(move || {
        drop(io::copy(&mut io::stdin().lock(), &mut sending));
        drop(sending.shutdown(Shutdown::Write));
    });
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut bytes)?;
        match (kind, bytes.as_slice()) {
            (EXIT, [code]) => return Ok(*code),
            (STDERR, bytes) => io::stderr().write_all(bytes)?,
            (_, bytes) => {
                io::stdout().write_all(bytes)?;
                io::stdout().flush()?;
            }
        }
    }
}

/// Writes the scripts into `bin` under the root.
pub fn write_scripts(root: &Path, socket: &Path) -> io::Result<()> {
    for name in ["dokku", "plugn", "docker"] {
        let script = match program() {
            Some(program) => format!(
                "#!/bin/sh\nexec {} call --socket {} -- {name} \"$@\"\n",
                quoted(&program),
                quoted(socket)
            ),
            None => format!(
                "#!/bin/sh\necho \"{name}: the program dokku-sandbox is not beside the one that runs\" >&2\nexit 127\n"
            ),
        };
        let path = root.join("bin").join(name);
        write_file(&path, script.as_bytes())?;
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// This program, or, for a test that runs a sandbox within itself, the one built beside it.
fn program() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let beside = own
        .ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join("dokku-sandbox"));
    let candidates = std::iter::once(own.clone()).chain(beside);
    candidates
        .into_iter()
        .find(|path| path.ends_with("dokku-sandbox") && path.is_file())
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}
