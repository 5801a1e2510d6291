//! Ports for servers that come back to the same address.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that systems hand out to outgoing connections (from 32768 on Linux, 49152 elsewhere): a port of those could be taken
/// by anybody's client while its server is down.
const LOWEST: u16 = 15_000;
const COUNT: u16 = 16_000;

/// A loopback port that nobody listens on and that this process gives out once.
///
/// # Panics
/// Where none of 16,000 is free.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes start far apart, so that two test programs do not race for the same port.
    let start = (std::process::id().wrapping_mul(97) % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let port = LOWEST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no loopback port from {LOWEST} on is free");
}
