//! The network beside the host: one question to a URL.

use std::{
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    sync::Once,
    time::Instant,
};

use dokku_deploy::net::{Net, NetError, Probe, ProbeAnswer};
use reqwest::{
    Url,
    blocking::{Client, ClientBuilder},
    redirect::Policy,
};

/// The most that is read of a body.
const BODY_LIMIT: u64 = 64 * 1024;

/// HTTP and HTTPS, without redirects and without proxies.
#[derive(Debug, Default, Clone, Copy)]
pub struct Http;

impl Net for Http {
    fn probe(&self, probe: &Probe) -> Result<ProbeAnswer, NetError> {
        let unreachable = |why: String| NetError::Unreachable {
            url: probe.url.clone(),
            why,
        };
        let url = Url::parse(&probe.url).map_err(|error| unreachable(error.to_string()))?;
        let host = url
            .host_str()
            .ok_or_else(|| unreachable("the address names no host".to_owned()))?
            .to_owned();
        let port = url.port_or_known_default().unwrap_or(80);
        let addresses = resolve(probe.connect_to.as_deref().unwrap_or(&host), port)?;
        let begun = Instant::now();
        let mut request = client(&host, &addresses, probe)
            .map_err(|error| unreachable(cause(&error)))?
            .get(url);
        if let Some(credentials) = &probe.credentials {
            request = request.basic_auth(credentials.user(), Some(credentials.password().expose()));
        }
        let answer = request
            .send()
            .map_err(|error| not_answered(&error, probe))?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect();
        let mut body = Vec::new();
        answer
            .take(BODY_LIMIT)
            .read_to_end(&mut body)
            .map_err(|error| unreachable(format!("the answer broke off: {error}")))?;
        Ok(ProbeAnswer {
            status,
            headers,
            body,
            took: begun.elapsed(),
        })
    }
}

/// Makes ring the one library behind TLS; to be called before the first connection.
pub fn provide_tls() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An error says that a provider is there already, which is as good.
        let _installed = rustls::crypto::ring::default_provider().install_default();
    });
}

/// What every client of this program begins with.
pub fn builder() -> ClientBuilder {
    provide_tls();
    Client::builder().user_agent(concat!("dokku-cli/", env!("CARGO_PKG_VERSION")))
}

fn client(host: &str, addresses: &[SocketAddr], probe: &Probe) -> reqwest::Result<Client> {
    builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(probe.timeout)
        .resolve_to_addrs(host, addresses)
        .build()
}

/// The addresses of `name`; names under `.localhost` are loopback (RFC 6761) without asking anybody.
fn resolve(name: &str, port: u16) -> Result<Vec<SocketAddr>, NetError> {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    if bare == "localhost" || bare.ends_with(".localhost") {
        return Ok([
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ]
        .map(|address| SocketAddr::new(address, port))
        .to_vec());
    }
    let unresolved = |why: String| NetError::Unresolved {
        host: bare.to_owned(),
        why,
    };
    let addresses: Vec<SocketAddr> = (bare, port)
        .to_socket_addrs()
        .map_err(|error| unresolved(error.to_string()))?
        .collect();
    if addresses.is_empty() {
        return Err(unresolved("it has no address".to_owned()));
    }
    Ok(addresses)
}

fn not_answered(error: &reqwest::Error, probe: &Probe) -> NetError {
    if error.is_timeout() {
        return NetError::TimedOut {
            url: probe.url.clone(),
            after: probe.timeout,
        };
    }
    NetError::Unreachable {
        url: probe.url.clone(),
        why: cause(error),
    }
}

/// The innermost cause, which is the one that helps: "Connection refused", "certificate expired".
pub fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use std::{io::Write, net::TcpListener, time::Duration};

    use super::*;

    fn probe(url: String, connect_to: Option<&str>) -> Probe {
        Probe {
            url,
            connect_to: connect_to.map(str::to_owned),
            credentials: None,
            timeout: Duration::from_secs(5),
        }
    }

    /// Answers one request with `answer` and returns what was asked.
    fn server(answer: impl Into<String>) -> (u16, std::thread::JoinHandle<String>) {
        let answer: String = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            let mut buffer = [0; 1024];
            while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                asked.extend_from_slice(&buffer[..read]);
            }
            // The reader has enough after 64 KiB and may hang up.
            let _written = stream.write_all(answer.as_bytes());
            String::from_utf8(asked).unwrap()
        });
        (port, thread)
    }

    #[test]
    fn names_under_localhost_are_loopback() {
        let (port, asked) =
            server("HTTP/1.1 204 No Content\r\nX-Version: abc\r\nconnection: close\r\n\r\n");
        let answer = Http
            .probe(&probe(format!("http://shop.localhost:{port}/health"), None))
            .unwrap();
        assert_eq!(answer.status, 204);
        assert!(answer.headers.contains(&("x-version".into(), "abc".into())));
        let asked = asked.join().unwrap();
        assert!(asked.starts_with("GET /health HTTP/1.1\r\n"), "{asked}");
        assert!(
            asked.contains(&format!("host: shop.localhost:{port}")),
            "{asked}"
        );
    }

    #[test]
    fn a_redirect_is_an_answer_and_another_address_keeps_the_host() {
        let (port, asked) = server(
            "HTTP/1.1 302 Found\r\nlocation: http://other.invalid/\r\ncontent-length: 0\r\n\r\n",
        );
        let asking = probe(format!("http://shop.invalid:{port}/"), Some("127.0.0.1"));
        assert_eq!(Http.probe(&asking).unwrap().status, 302);
        assert!(asked.join().unwrap().contains("host: shop.invalid"));
    }

    #[test]
    fn no_name_no_listener_and_silence_are_told_apart() {
        let unresolved = Http.probe(&probe("http://no-such-host.invalid/".into(), None));
        assert!(
            matches!(unresolved, Err(NetError::Unresolved { .. })),
            "{unresolved:?}"
        );

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let silent = Probe {
            timeout: Duration::from_millis(50),
            ..probe(format!("http://127.0.0.1:{port}/"), None)
        };
        assert!(matches!(
            Http.probe(&silent),
            Err(NetError::TimedOut { .. })
        ));

        drop(listener);
        let refused = Http.probe(&probe(format!("http://127.0.0.1:{port}/"), None));
        assert!(
            matches!(refused, Err(NetError::Unreachable { .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn a_long_body_is_cut() {
        let long = "x".repeat(100_000);
        let (port, asked) = server(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{long}",
            long.len()
        ));
        let answer = Http
            .probe(&probe(format!("http://127.0.0.1:{port}/"), None))
            .unwrap();
        assert_eq!(answer.body.len(), 64 * 1024);
        asked.join().unwrap();
    }
}
