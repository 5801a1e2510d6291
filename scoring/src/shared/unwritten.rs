//! Which journal positions were published but did not get into Redis.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The range of positions not written, as far as it has not been taken care of.
#[derive(Default)]
pub(super) struct Unwritten(Mutex<Option<(u64, u64)>>);

impl Unwritten {
    /// Something from `from` to `to`, both included, was not written.
    pub(super) fn add(&self, from: u64, to: u64) {
        let mut range = self.lock();
        *range = Some(match *range {
            Some((lowest, highest)) => (lowest.min(from), highest.max(to)),
            None => (from, to),
        });
    }

    /// Takes the range over.
    pub(super) fn take(&self) -> Option<(u64, u64)> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<(u64, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
