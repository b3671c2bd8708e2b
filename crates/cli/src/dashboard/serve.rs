//! A small HTTP server on this machine's loopback: the page, the data, and a stream that tells when
//! the data has changed.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use super::site;

/// The most of a request's head that is read.
const HEAD_LIMIT: u64 = 16 * 1024;
/// How long a client may take to say what it wants, and to take an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a silent stream says that it is still there.
const BEAT: Duration = Duration::from_secs(15);
/// Clients at once.
const MOST_CLIENTS: usize = 64;

/// The data files by name, and a number that grows with each change.
#[derive(Debug, Default)]
pub struct Data {
    state: Mutex<(u64, BTreeMap<String, String>)>,
    changed: Condvar,
    is_over: AtomicBool,
}

impl Data {
    /// Shows these files from now on.
    pub fn set(&self, files: BTreeMap<String, String>) {
        let mut state = self.lock();
        if state.1 == files {
            return;
        }
        *state = (state.0 + 1, files);
        self.changed.notify_all();
    }

    /// Ends the streams.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.changed.notify_all();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (u64, BTreeMap<String, String>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, name: &str) -> Option<String> {
        self.lock().1.get(name).cloned()
    }

    /// Waits until the data is another one than `seen`, or a beat is over.
    fn wait(&self, seen: u64) -> u64 {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), BEAT, |state| {
                state.0 == seen && !self.is_over.load(Ordering::SeqCst)
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.0
    }
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Listens on the loopback; port 0 takes any that is free.
    pub fn bind(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address for a browser.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Answers from now on, in threads of its own that end with the process.
    pub fn run(self, data: &Arc<Data>) {
        let data = Arc::clone(data);
        let port = self.address.port();
        let clients = Arc::new(AtomicUsize::new(0));
        thread::spawn(move || {
            for stream in self.listener.incoming().flatten() {
                if clients.fetch_add(1, Ordering::SeqCst) >= MOST_CLIENTS {
                    clients.fetch_sub(1, Ordering::SeqCst);
                    continue;
                }
                let (data, clients) = (Arc::clone(&data), Arc::clone(&clients));
                thread::spawn(move || {
                    // A client that hangs up has enough.
                    let _hung_up = answer(stream, port, &data);
                    clients.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
    }
}

struct Request {
    method: String,
    path: String,
    host: String,
}

fn answer(mut stream: TcpStream, port: u16, data: &Data) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let Some(request) = read(&stream)? else {
        return plain(&mut stream, "400 Bad Request", "this is no request");
    };
    // A page of another site whose name leads here (DNS rebinding) reads nothing.
    let own = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    if !own.contains(&request.host) {
        return plain(
            &mut stream,
            "421 Misdirected Request",
            "this is another host",
        );
    }
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return plain(&mut stream, "405 Method Not Allowed", "only GET");
    }
    let is_head = request.method == "HEAD";
    let name = match request.path.split(['?', '#']).next() {
        Some("/") => "index.html",
        Some(path) => path.trim_start_matches('/'),
        None => "",
    };
    if name == "events" && !is_head {
        return events(&mut stream, data);
    }
    if let Some(file) = site::FILES.iter().find(|file| file.name == name) {
        return send(&mut stream, "200 OK", file.kind, file.text, is_head);
    }
    match data.file(name) {
        Some(text) => send(&mut stream, "200 OK", kind(name), &text, is_head),
        None => plain(&mut stream, "404 Not Found", "there is no such file"),
    }
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "json")) => "application/json",
        _ => "text/plain; charset=utf-8",
    }
}

fn read(stream: &TcpStream) -> io::Result<Option<Request>> {
    let mut lines = BufReader::new(stream.take(HEAD_LIMIT)).lines();
    let Some(first) = lines.next().transpose()? else {
        return Ok(None);
    };
    let mut words = first.split(' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        host: String::new(),
    };
    for line in lines {
        let line = line?;
        if line.is_empty() {
            return Ok(Some(request));
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("host")
        {
            value.trim().clone_into(&mut request.host);
        }
    }
    Ok(None)
}

fn head(stream: &mut TcpStream, status: &str, kind: &str, more: &str) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nCache-Control: no-store\r\nContent-Security-Policy: {}\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\nConnection: close\r\n{more}\r\n",
        site::POLICY
    )
}

fn send(
    stream: &mut TcpStream,
    status: &str,
    kind: &str,
    text: &str,
    is_head: bool,
) -> io::Result<()> {
    head(
        stream,
        status,
        kind,
        &format!("Content-Length: {}\r\n", text.len()),
    )?;
    if !is_head {
        stream.write_all(text.as_bytes())?;
    }
    stream.flush()
}

fn plain(stream: &mut TcpStream, status: &str, text: &str) -> io::Result<()> {
    send(
        stream,
        status,
        "text/plain; charset=utf-8",
        &format!("{text}\n"),
        false,
    )
}

/// Server-sent events: one for each change of the data.
fn events(stream: &mut TcpStream, data: &Data) -> io::Result<()> {
    head(stream, "200 OK", "text/event-stream", "")?;
    stream.write_all(b"retry: 2000\n\n")?;
    stream.flush()?;
    let mut seen = data.lock().0;
    while !data.is_over.load(Ordering::SeqCst) {
        let now = data.wait(seen);
        if now == seen {
            stream.write_all(b": still here\n\n")?;
        } else {
            write!(stream, "event: changed\ndata: {now}\n\n")?;
        }
        stream.flush()?;
        seen = now;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served() -> (Arc<Data>, SocketAddr) {
        let data = Arc::new(Data::default());
        data.set(BTreeMap::from([("apps.json".into(), "{}".into())]));
        let server = Server::bind(0).unwrap();
        let address = server.address;
        server.run(&data);
        (data, address)
    }

    fn ask(to: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(to: SocketAddr, path: &str) -> String {
        ask(to, &format!("GET {path} HTTP/1.1\r\nHost: {to}\r\n\r\n"))
    }

    #[test]
    fn page_and_data_come_with_a_strict_policy() {
        let (_data, to) = served();
        let page = get(to, "/");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        assert!(page.contains("Content-Security-Policy: default-src 'none'"));
        assert!(get(to, "/apps.json?t=1").ends_with("\r\n\r\n{}"));
        assert!(get(to, "/audit-log.json").starts_with("HTTP/1.1 404"));
        assert!(get(to, "/../Cargo.toml").starts_with("HTTP/1.1 404"));
    }

    #[test]
    fn other_names_other_methods_and_nonsense_are_refused() {
        let (_data, to) = served();
        let rebound = "GET /apps.json HTTP/1.1\r\nHost: evil.example.com\r\n\r\n";
        assert!(ask(to, rebound).starts_with("HTTP/1.1 421"));
        let post = format!("POST / HTTP/1.1\r\nHost: {to}\r\n\r\n");
        assert!(ask(to, &post).starts_with("HTTP/1.1 405"));
        assert!(ask(to, "\r\n\r\n").starts_with("HTTP/1.1 400"));
    }

    #[test]
    fn a_change_is_told_at_once_and_the_end_ends_the_stream() {
        let (data, to) = served();
        let mut stream = TcpStream::connect(to).unwrap();
        write!(stream, "GET /events HTTP/1.1\r\nHost: {to}\r\n\r\n").unwrap();
        let mut lines = BufReader::new(stream).lines();
        let found = |line: &io::Result<String>| line.as_ref().unwrap() == "retry: 2000";
        assert!(lines.by_ref().any(|line| found(&line)));
        // The stream has begun, but may not have looked at the data's number yet: change until it says so.
        let (sender, receiver) = std::sync::mpsc::channel();
        let changer = {
            let data = Arc::clone(&data);
            thread::spawn(move || {
                for count in 0_u32.. {
                    data.set(BTreeMap::from([("apps.json".into(), count.to_string())]));
                    if receiver.recv_timeout(Duration::from_millis(20)).is_ok() {
                        return;
                    }
                }
            })
        };
        assert!(lines.by_ref().any(|line| line.unwrap() == "event: changed"));
        sender.send(()).unwrap();
        changer.join().unwrap();
        data.end();
        assert!(lines.all(|line| line.is_ok()));
    }
}
