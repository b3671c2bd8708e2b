//! Ports for containers: all share one loopback address, so each `web` process gets its own.

use std::collections::BTreeSet;
use std::io;
use std::net::TcpListener;
use std::sync::Mutex;

use super::files::locked;

/// Below the range from which Linux takes the ports of outgoing connections.
const RANGE: std::ops::Range<u16> = 10_000..32_000;

/// The ports that are given away.
#[derive(Debug, Default)]
pub struct Ports {
    taken: Mutex<BTreeSet<u16>>,
}

impl Ports {
    /// A port that nobody listens on and nobody else was given.
    pub fn take(&self) -> io::Result<u16> {
        let mut taken = locked(&self.taken);
        for _ in 0..1000 {
            let port = rand::random_range(RANGE);
            if !taken.contains(&port)
                && TcpListener::bind(("0.0.0.0", port)).is_ok()
                && TcpListener::bind(("127.0.0.1", port)).is_ok()
            {
                taken.insert(port);
                return Ok(port);
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "no free port for a container in 10000-31999",
        ))
    }

    /// Gives a port back.
    pub fn give_back(&self, port: u16) {
        locked(&self.taken).remove(&port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let ports = Ports::default();
        let many: BTreeSet<u16> = (0..200).map(|_| ports.take().unwrap()).collect();
        assert_eq!(many.len(), 200);
    }
}
