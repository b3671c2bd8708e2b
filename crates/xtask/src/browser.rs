//! A look at a page of the sandbox's router, as a browser would take it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::Context as _;

/// An answer of an app.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Asks 127.0.0.1:`port` for `path` of the site `host`; names under `.localhost` do not resolve everywhere.
pub fn get(port: u16, host: &str, path: &str) -> anyhow::Result<Page> {
    let ask = || -> anyhow::Result<Page> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        parse(&answer)
    };
    ask().with_context(|| format!("http://{host}:{port}{path} cannot be read"))
}

fn parse(answer: &str) -> anyhow::Result<Page> {
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the answer has no end of its head")?;
    let status = head
        .split_whitespace()
        .nth(1)
        .and_then(|status| status.parse().ok())
        .with_context(|| format!("no status in {head:?}"))?;
    Ok(Page {
        status,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_body_are_read_and_nonsense_is_an_error() {
        let page = parse("HTTP/1.0 404 Not Found\r\nA: b\r\n\r\nno\n").unwrap();
        assert_eq!((page.status, page.body.as_str()), (404, "no\n"));
        assert!(parse("hello").is_err());
        assert!(parse("HTTP/1.0 soon\r\n\r\n").is_err());
    }
}
