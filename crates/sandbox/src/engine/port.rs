//! Loopback ports for the engines.

use std::net::{Ipv4Addr, TcpListener};

use rand::RngExt;

/// Below the range that Linux hands out to outgoing connections, so that none of those can take
/// a service's port while the service is down.
const RANGE: std::ops::Range<u16> = 15_000..32_000;

/// Whether nobody listens on the port of 127.0.0.1.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A port that nobody listens on at this moment; none when a thousand tries found none.
pub fn choose() -> Option<u16> {
    let mut random = rand::rng();
    (0..1000)
        .map(|_| random.random_range(RANGE))
        .find(|port| is_free(*port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_not_free() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(taken.local_addr().unwrap().port()));
    }

    #[test]
    fn a_chosen_port_is_free_and_outside_the_range_of_outgoing_connections() {
        let port = choose().unwrap();
        assert!(RANGE.contains(&port));
        assert!(is_free(port));
    }
}
