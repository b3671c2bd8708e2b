//! The control socket: one JSON object a line in, one out, for tests and demonstrations.
//!
//! `{"do":"ping"}`, `{"do":"statistics","reset":true}`, `{"do":"faults"}` (shows them),
//! `{"do":"faults","plan":{"delay_ms":50}}` (replaces them all), `{"do":"fail","verb":"config:set","stderr":"…","exit":1}`,
//! `{"do":"letsencrypt","installed":true}`, `{"do":"http-auth","installed":true}` (switch the stand-ins for those plugins).

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::commands::{http_auth, letsencrypt};
use crate::disk;
use crate::faults::{Failing, Plan};
use crate::host::SandboxHost;
use crate::local::{self, LocalCall};
use crate::store::StoreError;

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Request {
    Ping {},
    Statistics {
        #[serde(default)]
        reset: bool,
    },
    Faults {
        plan: Option<Plan>,
    },
    Letsencrypt {
        installed: bool,
    },
    HttpAuth {
        installed: bool,
    },
    FullDisk {
        full: bool,
    },
    Call {
        #[serde(flatten)]
        call: LocalCall,
    },
    Fail {
        #[serde(flatten)]
        failing: Failing,
    },
}

/// Answers until the listener fails; each client on a thread of its own.
pub fn serve(listener: UnixListener, host: SandboxHost) {
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let host = host.clone();
            // A client that goes away in the middle is no fault of the sandbox.
            thread::spawn(move || drop(converse(&stream, &host)));
        }
    });
}

fn converse(stream: &UnixStream, host: &SandboxHost) -> io::Result<()> {
    let mut writer = stream;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let answer = match serde_json::from_str(&line) {
            Ok(Request::Call { call }) => {
                return local::serve(call, Box::new(reader), stream, host);
            }
            Ok(request) => answer(request, host),
            Err(error) => json!({"ok": false, "error": error.to_string()}),
        };
        writeln!(writer, "{answer}")?;
    }
}

fn answer(request: Request, host: &SandboxHost) -> Value {
    match request {
        Request::Ping {} | Request::Call { .. } => json!({"ok": true}),
        Request::Statistics { reset } => {
            let counts = if reset {
                host.statistics().reset()
            } else {
                host.statistics().counts()
            };
            json!({"ok": true, "statistics": counts})
        }
        Request::Faults { plan } => {
            if let Some(plan) = plan {
                host.faults().set(plan);
            }
            json!({"ok": true, "faults": host.faults().plan()})
        }
        Request::Letsencrypt { installed } => switched(letsencrypt::install(host, installed)),
        Request::HttpAuth { installed } => switched(http_auth::install(host, installed)),
        Request::FullDisk { full } => {
            let result = if full {
                disk::fill(host.root()).map(|bytes| json!({"ok": true, "bytes": bytes}))
            } else {
                disk::free(host.root()).map(|()| json!({"ok": true}))
            };
            result.unwrap_or_else(|error| json!({"ok": false, "error": error.to_string()}))
        }
        Request::Fail { failing } => {
            host.faults().fail(failing);
            json!({"ok": true})
        }
    }
}

fn switched(result: Result<(), StoreError>) -> Value {
    match result {
        Ok(()) => json!({"ok": true}),
        Err(error) => json!({"ok": false, "error": error.to_string()}),
    }
}
