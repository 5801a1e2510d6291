//! The one place that reads the clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall clock, UTC milliseconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "this is the seam")]
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// Monotonic clock, to measure durations and hold deadlines.
#[expect(clippy::disallowed_methods, reason = "this is the seam")]
pub fn monotonic() -> Instant {
    Instant::now()
}
