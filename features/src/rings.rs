//! Sixty buckets that slide: the one definition of a window.
//!
//! A window of width `W` is 60 buckets of `W / 60` seconds, and that *is* its definition: at `now` it holds the events
//! with `floor(t / bucket) > floor(now / bucket) - 60`. It therefore reaches back between 59/60 and 60/60 of `W`.

use crate::memory::prefetch;

/// Buckets of a window.
pub(crate) const BUCKETS: u32 = 60;

/// Most events that a restored ring may hold, so that counting on never overflows: 800 a second for a month.
const MOST: u32 = 1 << 31;

/// Bucket width in seconds of the five windows: 1 minute, 1 hour, 1 day, 7 days, 30 days.
pub(crate) const BUCKET_S: [u32; 5] = [1, 60, 1_440, 10_080, 43_200];

/// Whether a list drops what has expired before it takes one more: at every power of two, about where it would have to be moved to grow.
/// This follows from its length alone and not from the room it was given, so that the same events always leave the same list behind.
pub(crate) fn is_full(len: usize) -> bool {
    len >= 4 && len.is_power_of_two()
}

/// First second that a window with this bucket width still holds at `now_s`.
pub(crate) fn opens_at(now_s: u32, bucket_s: u32) -> u32 {
    (now_s / bucket_s).saturating_sub(BUCKETS - 1) * bucket_s
}

/// Counts by bucket.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CountRing {
    /// Number of the newest bucket held.
    newest: u32,
    total: u32,
    slots: [u32; BUCKETS as usize],
}

impl Default for CountRing {
    fn default() -> Self {
        Self { newest: 0, total: 0, slots: [0; BUCKETS as usize] }
    }
}

impl CountRing {
    /// The ring that holds these buckets, the newest of that number; `None` for more events than a month can bring.
    pub(crate) fn restored(newest: u32, slots: [u32; BUCKETS as usize]) -> Option<Self> {
        let total =
            slots.iter().try_fold(0u32, |total, &slot| total.checked_add(slot)).filter(|&total| total <= MOST)?;
        Some(Self { newest, total, slots })
    }

    /// Number of the newest bucket held.
    pub(crate) fn newest(&self) -> u32 {
        self.newest
    }

    /// Every bucket, by its number modulo their count.
    pub(crate) fn slots(&self) -> &[u32; BUCKETS as usize] {
        &self.slots
    }

    /// Adds one event; one older than the ring is not held.
    pub(crate) fn add(&mut self, bucket: u32) {
        if bucket > self.newest {
            let step = bucket - self.newest;
            if step >= BUCKETS {
                self.slots = [0; BUCKETS as usize];
                self.total = 0;
            } else {
                for leaving in self.newest + 1..=bucket {
                    self.total -= std::mem::take(&mut self.slots[(leaving % BUCKETS) as usize]);
                }
            }
            self.newest = bucket;
        }
        if self.newest - bucket < BUCKETS {
            self.slots[(bucket % BUCKETS) as usize] += 1;
            self.total += 1;
        }
    }

    /// Takes one event back, if its bucket is still held.
    pub(crate) fn remove(&mut self, bucket: u32) {
        if bucket > self.newest || self.newest - bucket >= BUCKETS {
            return;
        }
        let slot = &mut self.slots[(bucket % BUCKETS) as usize];
        if *slot > 0 {
            *slot -= 1;
            self.total -= 1;
        }
    }

    /// Events held at a time in bucket `now`.
    pub(crate) fn count(&self, now: u32) -> u32 {
        let gone = now.saturating_sub(self.newest);
        if gone >= BUCKETS {
            return 0;
        }
        (0..gone).fold(self.total, |total, back| total - self.slots[((self.newest + 1 + back) % BUCKETS) as usize])
    }

    /// Buckets with an event among those held at a time in bucket `now`, oldest first.
    pub(crate) fn held(&self, now: u32) -> impl DoubleEndedIterator<Item = u32> {
        let oldest = now.max(self.newest).saturating_sub(BUCKETS - 1);
        (oldest..=self.newest).filter(|bucket| self.slots[(bucket % BUCKETS) as usize] > 0)
    }

    /// Asks the memory for the newest slot.
    pub(crate) fn prefetch(&self) {
        prefetch(&self.newest);
        prefetch(&self.slots[(self.newest % BUCKETS) as usize]);
    }

    pub(crate) fn hash(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&self.newest.to_le_bytes());
        for slot in self.slots {
            hasher.update(&slot.to_le_bytes());
        }
    }
}

/// Amount sums by bucket. A bucket saturates; the total is the exact sum of the buckets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SumRing {
    newest: u32,
    total: u128,
    slots: [u64; BUCKETS as usize],
}

impl Default for SumRing {
    fn default() -> Self {
        Self { newest: 0, total: 0, slots: [0; BUCKETS as usize] }
    }
}

impl SumRing {
    /// The ring that holds these buckets, the newest of that number.
    pub(crate) fn restored(newest: u32, slots: [u64; BUCKETS as usize]) -> Self {
        Self { newest, total: slots.iter().map(|&slot| u128::from(slot)).sum(), slots }
    }

    /// Number of the newest bucket held.
    pub(crate) fn newest(&self) -> u32 {
        self.newest
    }

    /// Every bucket, by its number modulo their count.
    pub(crate) fn slots(&self) -> &[u64; BUCKETS as usize] {
        &self.slots
    }

    /// Adds an amount; `bucket` never goes back.
    pub(crate) fn add(&mut self, bucket: u32, amount: u64) {
        let step = bucket.saturating_sub(self.newest);
        if step >= BUCKETS {
            self.slots = [0; BUCKETS as usize];
            self.total = 0;
        } else {
            // Counted by steps: at the last bucket there is no next one to name.
            for forward in 1..=step {
                let leaving = self.newest + forward;
                self.total -= u128::from(std::mem::take(&mut self.slots[(leaving % BUCKETS) as usize]));
            }
        }
        self.newest += step;
        let slot = &mut self.slots[(self.newest % BUCKETS) as usize];
        let before = *slot;
        *slot = before.saturating_add(amount);
        self.total += u128::from(*slot - before);
    }

    /// Sum held at a time in bucket `now`, saturating.
    pub(crate) fn sum(&self, now: u32) -> u64 {
        let gone = now.saturating_sub(self.newest);
        if gone >= BUCKETS {
            return 0;
        }
        let held = (0..gone).fold(self.total, |total, back| {
            total - u128::from(self.slots[((self.newest + 1 + back) % BUCKETS) as usize])
        });
        held.min(u128::from(u64::MAX)) as u64
    }

    /// Asks the memory for the newest slot.
    pub(crate) fn prefetch(&self) {
        prefetch(&self.newest);
        prefetch(&self.slots[(self.newest % BUCKETS) as usize]);
    }

    pub(crate) fn hash(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&self.newest.to_le_bytes());
        for slot in self.slots {
            hasher.update(&slot.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_at_its_end_keeps_counting_and_summing() {
        let (mut counts, mut sums) = (CountRing::default(), SumRing::default());
        for bucket in [u32::MAX - 2, u32::MAX - 1, u32::MAX, u32::MAX, u32::MAX] {
            counts.add(bucket);
            sums.add(bucket, 10);
        }
        assert_eq!((counts.count(u32::MAX), sums.sum(u32::MAX)), (5, 50));
        counts.remove(u32::MAX);
        assert_eq!(counts.count(u32::MAX), 4);
        assert_eq!(opens_at(u32::MAX, 1), u32::MAX - (BUCKETS - 1));
    }
}
