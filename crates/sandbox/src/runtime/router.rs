//! The HTTP router: one listening port, the Host header names the app.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::access::Access;
use super::container::Container;

/// What a host name leads to.
pub enum Destination {
    /// No app has this domain.
    Unknown,
    /// The app has no running `web` process.
    Nothing,
    /// The running `web` processes and their ports.
    Processes(Vec<(Arc<Container>, u16)>),
    /// Whoever may pass gets there.
    Guarded(Access, Box<Destination>),
}

/// Looks up a host name (lower case, without port) at the time of each request.
pub type Lookup = Arc<dyn Fn(&str) -> Destination + Send + Sync>;

/// The running router; it stops listening when dropped.
pub struct Router {
    address: SocketAddr,
    is_stopping: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

/// Longest request head.
const LONGEST_HEAD: usize = 64 * 1024;

/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_mins(1);

impl Router {
    /// Answers requests on a listener.
    pub fn start(listener: TcpListener, lookup: Lookup) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let is_stopping = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&is_stopping);
        let turn = Arc::new(AtomicUsize::new(0));
        let acceptor = std::thread::Builder::new()
            .name("router".to_owned())
            .spawn(move || {
                for client in listener.incoming() {
                    if stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    // A failed accept concerns that one connection (the client reset it).
                    let Ok(client) = client else { continue };
                    let (lookup, turn) = (Arc::clone(&lookup), Arc::clone(&turn));
                    std::thread::spawn(move || {
                        // The client sees a broken connection as one; there is nobody else to tell.
                        let _ = serve(client, &lookup, &turn);
                    });
                }
            })?;
        Ok(Self {
            address,
            is_stopping,
            acceptor: Some(acceptor),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        // Wakes the acceptor from its wait for a connection.
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let woken = TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
        if let Some(acceptor) = self.acceptor.take()
            && woken
        {
            let _ = acceptor.join();
        }
    }
}

fn serve(mut client: TcpStream, lookup: &Lookup, turn: &AtomicUsize) -> io::Result<()> {
    client.set_read_timeout(Some(SILENCE))?;
    client.set_nodelay(true)?;
    let Some((head, rest)) = read_head(&mut client)? else {
        return Ok(());
    };
    let Some(request) = Request::parse(&head) else {
        return answer(
            &mut client,
            "400 Bad Request",
            "The request could not be understood.\n",
        );
    };
    let mut destination = lookup(&request.host);
    if let Destination::Guarded(access, behind) = destination {
        if !access.lets_in(request.header("authorization")) {
            let mut head = String::from("401 Unauthorized\r\n");
            head.push_str("WWW-Authenticate: Basic realm=\"Restricted\"");
            return answer(&mut client, &head, "Authorization is required.\n");
        }
        destination = *behind;
    }
    let processes = match destination {
        Destination::Processes(processes) if !processes.is_empty() => processes,
        Destination::Unknown => {
            let text = format!("No app of this host has the domain {:?}.\n", request.host);
            return answer(&mut client, "404 Not Found", &text);
        }
        _ => {
            return answer(
                &mut client,
                "502 Bad Gateway",
                "The app has no running web process.\n",
            );
        }
    };
    let (container, port) = &processes[turn.fetch_add(1, Ordering::Relaxed) % processes.len()];
    let _in_flight = container.begin_request();
    let target = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
    let mut app = match TcpStream::connect_timeout(&target, SILENCE) {
        Ok(app) => app,
        Err(error) => {
            let text = format!("The app does not listen on its port {port}: {error}.\n");
            return answer(&mut client, "502 Bad Gateway", &text);
        }
    };
    app.set_nodelay(true)?;
    let peer = client.peer_addr()?.ip();
    app.write_all(request.forwarded(&peer.to_string()).as_bytes())?;
    app.write_all(&rest)?;
    relay(client, app)
}

/// Copies both ways until the app has closed its side.
fn relay(client: TcpStream, app: TcpStream) -> io::Result<()> {
    let (mut client_in, mut app_out) = (client.try_clone()?, app.try_clone()?);
    let upload = std::thread::spawn(move || {
        let _ = io::copy(&mut client_in, &mut app_out);
        // Half closed: the app may still be answering.
        let _ = app_out.shutdown(Shutdown::Write);
    });
    let (mut client_out, mut app_in) = (client, app);
    let copied = io::copy(&mut app_in, &mut client_out);
    // Ends the upload too, whose client may keep its side open.
    let _ = client_out.shutdown(Shutdown::Both);
    let _ = app_in.shutdown(Shutdown::Both);
    let _ = upload.join();
    copied.map(drop)
}

fn answer(client: &mut TcpStream, status: &str, text: &str) -> io::Result<()> {
    let length = text.len();
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    )?;
    client.shutdown(Shutdown::Write)
}

/// The bytes up to the empty line, and those behind it that came along; `None` at once closed.
fn read_head(client: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), rest)));
        }
        let read = client.read(&mut buffer)?;
        if read == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&buffer[..read]);
        if bytes.len() > LONGEST_HEAD {
            answer(
                client,
                "431 Request Header Fields Too Large",
                "The request's head is too long.\n",
            )?;
            return Ok(None);
        }
    }
}

struct Request<'a> {
    line: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    host: String,
}

impl<'a> Request<'a> {
    fn parse(head: &'a str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let line = lines.next().filter(|line| line.split(' ').count() == 3)?;
        let headers = lines
            .take_while(|line| !line.is_empty())
            .map(|line| {
                line.split_once(':')
                    .map(|(name, value)| (name.trim(), value.trim()))
            })
            .collect::<Option<Vec<_>>>()?;
        let mut request = Self {
            line,
            headers,
            host: String::new(),
        };
        let host = request.header("host")?;
        request.host = host
            .rsplit_once(':')
            .map_or(host, |(name, _)| name)
            .to_ascii_lowercase();
        Some(request)
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| *value)
    }

    /// The head for the app: one request a connection, and who asked.
    fn forwarded(&self, peer: &str) -> String {
        let is_upgrade = self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("upgrade"));
        let mut head = format!("{}\r\n", self.line);
        for (name, value) in &self.headers {
            let is_ours = ["x-forwarded-for", "x-forwarded-proto", "keep-alive"]
                .iter()
                .any(|ours| name.eq_ignore_ascii_case(ours));
            let is_connection = name.eq_ignore_ascii_case("connection") && !is_upgrade;
            if !is_ours && !is_connection {
                head.push_str(&[name, ": ", value, "\r\n"].concat());
            }
        }
        if !is_upgrade {
            head.push_str("Connection: close\r\n");
        }
        head.push_str(
            &[
                "X-Forwarded-For: ",
                peer,
                "\r\nX-Forwarded-Proto: http\r\n\r\n",
            ]
            .concat(),
        );
        head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(router: &Router, request: &str) -> String {
        let mut stream = TcpStream::connect(router.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn router(lookup: impl Fn(&str) -> Destination + Send + Sync + 'static) -> Router {
        Router::start(TcpListener::bind("127.0.0.1:0").unwrap(), Arc::new(lookup)).unwrap()
    }

    #[test]
    fn unknown_hosts_are_404_and_idle_apps_502() {
        let router = router(|host| {
            if host == "a.localhost" {
                Destination::Nothing
            } else {
                Destination::Unknown
            }
        });
        assert!(
            ask(&router, "GET / HTTP/1.1\r\nHost: A.localhost:80\r\n\r\n")
                .starts_with("HTTP/1.1 502 ")
        );
        assert!(
            ask(&router, "GET / HTTP/1.1\r\nHost: b.localhost\r\n\r\n")
                .starts_with("HTTP/1.1 404 ")
        );
        assert!(ask(&router, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
    }

    #[test]
    fn the_forwarded_head_asks_for_one_answer_and_says_who_asked() {
        let head = "POST /x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nX-Forwarded-For: liar\r\n\r\n";
        let forwarded = Request::parse(head).unwrap().forwarded("10.0.0.1");
        assert_eq!(
            forwarded,
            "POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http\r\n\r\n"
        );
    }

    #[test]
    fn a_dropped_router_no_longer_listens() {
        let router = router(|_| Destination::Unknown);
        let address = router.address();
        drop(router);
        assert!(TcpStream::connect(address).is_err());
    }
}
