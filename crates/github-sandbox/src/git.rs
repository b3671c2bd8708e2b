//! Repositories over HTTP, by git's own server, `git http-backend`; for those who have the token, where
//! one is needed.

use std::{
    io::{self, BufRead, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// The bare repositories below a directory, for as long as the process lives.
pub struct GitServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    root: PathBuf,
    sent: AtomicU64,
    wanted: Mutex<Option<String>>,
    logins: Mutex<Vec<Option<String>>>,
}

impl GitServer {
    /// Serves what lies below `root`, on a port of its own on loopback.
    pub fn start(root: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            sent: AtomicU64::new(0),
            wanted: Mutex::new(None),
            logins: Mutex::new(Vec::new()),
        });
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&ours);
                thread::spawn(move || {
                    // A client that hangs up has enough.
                    let _ended = answer(&stream, &shared);
                });
            }
        });
        Self { address, shared }
    }

    /// Its address without a slash at the end, as `GITHUB_SERVER_URL` has it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes that were sent.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// From now on only this `Authorization` is let in.
    pub fn require(&self, authorization: &str) {
        let mut wanted = lock(&self.shared.wanted);
        *wanted = Some(authorization.to_owned());
    }

    /// The `Authorization` of every request so far.
    pub fn logins(&self) -> Vec<Option<String>> {
        lock(&self.shared.logins).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers one request by the common gateway interface.
fn answer(mut stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &shared.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "writer")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query);
    let (mut length, mut is_chunked, mut login) = (0, false, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "authorization" => login = Some(value.to_owned()),
            "content-length" => length = value.parse().unwrap(),
            "transfer-encoding" => is_chunked = value == "chunked",
            "content-type" => drop(command.env("CONTENT_TYPE", value)),
            "content-encoding" => drop(command.env("HTTP_CONTENT_ENCODING", value)),
            "git-protocol" => drop(command.env("GIT_PROTOCOL", value)),
            "expect" => stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?,
            _ => {}
        }
    }
    lock(&shared.logins).push(login.clone());
    let body = if is_chunked {
        chunks(&mut reader)?
    } else {
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        body
    };
    let wanted = lock(&shared.wanted).clone();
    if wanted.is_some() && login != wanted {
        return stream.write_all(
            b"HTTP/1.1 401 -\r\nConnection: close\r\nContent-Length: 0\r\n\
              WWW-Authenticate: Basic realm=\"GitHub\"\r\n\r\n",
        );
    }
    let mut child = command
        .env("CONTENT_LENGTH", body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(&body));
    let output = child.wait_with_output()?;
    // The backend may have had enough before the end.
    let _written = writer.join().unwrap();
    let out = output.stdout;
    let end = out.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&out[..end]);
    let status = head
        .lines()
        .find_map(|line| line.strip_prefix("Status: "))
        .unwrap_or("200 OK");
    let mut answer =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\n{head}\r\n\r\n").into_bytes();
    answer.extend_from_slice(&out[end + 4..]);
    shared.sent.fetch_add(answer.len() as u64, Ordering::SeqCst);
    stream.write_all(&answer)
}

fn chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        reader.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let start = body.len();
        body.resize(start + size, 0);
        reader.read_exact(&mut body[start..])?;
        reader.read_line(&mut String::new())?;
        if size == 0 {
            return Ok(body);
        }
    }
}
