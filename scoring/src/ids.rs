//! Fresh ids of events, traces and spans. Unique, nothing more: no result depends on their values.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

// SipHash over a counter, keyed by the system's randomness once a process: about 10 ns an id, and no generator to lock.
static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
static COUNTER: AtomicU64 = AtomicU64::new(1);

/// Another 64 bits, never zero (a zero id means "none" to W3C trace context).
pub(crate) fn next_u64() -> u64 {
    loop {
        let id = KEYS.hash_one(COUNTER.fetch_add(1, Ordering::Relaxed));
        if id != 0 {
            return id;
        }
    }
}

/// Another 128 bits.
pub(crate) fn next_u128() -> u128 {
    u128::from(next_u64()) << 64 | u128::from(next_u64())
}

/// Id of a new event: 32 hexadecimal digits.
pub(crate) fn event_id() -> String {
    format!("{:032x}", next_u128())
}
