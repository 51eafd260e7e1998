//! Ports for services that must keep theirs over a restart.

use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;

/// Below the range that systems hand out to outgoing connections (Linux: from 32,768), so that
/// nobody's client takes the port while its service is stopped.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Enough that a machine without a free port among them is broken.
const TRIES: usize = 200;

/// A port of 127.0.0.1 that nobody listens on now.
///
/// # Errors
/// When none is found.
pub fn free_port() -> anyhow::Result<u16> {
    for _ in 0..TRIES {
        // Each state has random keys of its own: concurrent processes look in different places.
        let random = RandomState::new().hash_one(0_u8) % u64::from(COUNT);
        let port = FIRST + u16::try_from(random)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no free port from {FIRST} to {}", FIRST + COUNT)
}
