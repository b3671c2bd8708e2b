//! A receiver of webhooks in this process.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

use super::await_until;

/// One request.
#[derive(Debug, Clone)]
pub struct Received {
    /// The path that was asked for.
    pub path: String,
    /// The headers, as they came.
    pub head: String,
    /// The body, as it came.
    pub body: String,
}

impl Received {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// A header.
    pub fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
}

/// Answers every request with one status and keeps what it got.
pub struct Receiver {
    address: SocketAddr,
    got: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    /// One that answers with `status`, such as `200 OK`.
    pub fn answering(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::<Mutex<Vec<Received>>>::default();
        let all = Arc::clone(&got);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let received = read(&mut stream);
                all.lock().unwrap().push(received);
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                // The other side may have enough already.
                let _sent = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, got }
    }

    /// An address of it that holds a secret.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}/hunter2", self.address)
    }

    /// What came so far.
    pub fn got(&self) -> Vec<Received> {
        self.got.lock().unwrap().clone()
    }

    /// Waits until so many requests have come.
    pub fn await_count(&self, count: usize) -> Vec<Received> {
        await_until(&format!("{count} messages"), || self.got().len() >= count);
        self.got()
    }
}

fn read(stream: &mut TcpStream) -> Received {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).unwrap();
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lengths = head
                .lines()
                .filter_map(|line| line.strip_prefix("content-length: "));
            let length = lengths.next().map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Received {
                    path: head.split(' ').nth(1).unwrap().to_owned(),
                    head: head.to_owned(),
                    body: body.to_owned(),
                };
            }
        }
        assert!(count > 0, "{text}");
    }
}
