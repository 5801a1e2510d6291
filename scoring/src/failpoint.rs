//! Fail points: places at which a test has the process die, as if it were killed, or one of its threads stand still.
//!
//! `FRAUDNET_FAIL_AT=<name>:<n>` in the environment aborts the process the n-th time the point of that name is passed;
//! `<name>:<n>:stall` lets the thread that passes it sleep for ever instead, as on a disk that does not answer. Without the variable a point
//! costs one load.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

struct Armed {
    name: String,
    left: AtomicU64,
    stalls: bool,
}

static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

/// Dies or stalls here if the environment says so.
pub fn hit(name: &str) {
    let armed = ARMED.get_or_init(|| {
        let told = std::env::var("FRAUDNET_FAIL_AT").ok()?;
        let (told, stalls) = told.strip_suffix(":stall").map_or((told.as_str(), false), |told| (told, true));
        let (name, count) = told.rsplit_once(':')?;
        Some(Armed { name: name.to_owned(), left: AtomicU64::new(count.parse().ok()?), stalls })
    });
    if let Some(armed) = armed
        && armed.name == name
        && armed.left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        if armed.stalls {
            tracing::error!(name, "FRAUDNET_FAIL_AT: stalling here");
            loop {
                std::thread::sleep(Duration::from_secs(3600));
            }
        }
        tracing::error!(name, "FRAUDNET_FAIL_AT: dying here");
        std::process::abort();
    }
}
