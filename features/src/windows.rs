//! Counts and amount sums of an entity's payments over 1 minute, 1 hour, 1 day, 7 days and 30 days.
//!
//! Quiet entities (at most 64 payments within the widest window) hold the payments themselves, 12 bytes each; busy ones
//! hold rings of 60 buckets (4 KB). Never both, and both give the same figures: a window is defined by its buckets
//! ([`crate::rings`]). Cost: reading a list 1–3 ns a payment, reading rings about 30 ns, adding 5–40 ns.

use crate::memory::prefetch;
use crate::rings::{BUCKET_S, CountRing, SumRing, is_full, opens_at};

/// Index of the 1-minute window.
pub(crate) const M1: usize = 0;
/// Index of the 1-hour window.
pub(crate) const H1: usize = 1;
/// Index of the 1-day window.
pub(crate) const D1: usize = 2;
/// Index of the 7-day window.
pub(crate) const D7: usize = 3;
/// Index of the 30-day window.
pub(crate) const D30: usize = 4;

/// Payments held one by one before an entity counts as busy.
pub(crate) const MOST_LISTED: usize = 64;

const _: () = assert!(
    MOST_LISTED.is_power_of_two(),
    "a list is full at a power of two, so it drops what expired before it is given up"
);

/// Payments of one entity, as far as any window reaches.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Windows {
    /// The payments, oldest first.
    Listed(Vec<Paid>),
    /// Buckets of each window.
    Bucketed(Box<Buckets>),
}

/// Time and amount of one payment, packed to 12 bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Paid {
    pub(crate) time_s: u32,
    /// Low and high half of the amount in hundredths.
    amount: [u32; 2],
}

impl Paid {
    pub(crate) fn new(time_s: u32, amount: u64) -> Self {
        Paid { time_s, amount: [amount as u32, (amount >> 32) as u32] }
    }

    /// Amount in hundredths.
    pub(crate) fn amount(self) -> u64 {
        u64::from(self.amount[1]) << 32 | u64::from(self.amount[0])
    }
}

/// Buckets of all five windows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Buckets {
    pub(crate) counts: [CountRing; 5],
    pub(crate) sums: [SumRing; 5],
}

/// What the windows hold at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    /// Payments by window.
    pub(crate) counts: [u32; 5],
    /// Amounts by window, hundredths, saturating.
    pub(crate) sums: [u64; 5],
}

impl Default for Windows {
    fn default() -> Self {
        Windows::Listed(Vec::new())
    }
}

impl Windows {
    /// Adds a payment at `now_s`, which never goes back.
    pub(crate) fn add(&mut self, now_s: u32, amount: u64) {
        if let Windows::Listed(paid) = self {
            if is_full(paid.len()) {
                let opens = opens_at(now_s, BUCKET_S[D30]);
                let expired = paid.partition_point(|paid| paid.time_s < opens);
                paid.drain(..expired);
            }
            if paid.len() < MOST_LISTED {
                paid.push(Paid::new(now_s, amount));
                return;
            }
            let mut buckets = Box::new(Buckets { counts: Default::default(), sums: Default::default() });
            for paid in paid.iter() {
                buckets.add(paid.time_s, paid.amount());
            }
            *self = Windows::Bucketed(buckets);
        }
        if let Windows::Bucketed(buckets) = self {
            buckets.add(now_s, amount);
        }
    }

    /// Asks the memory for the end of the list, where reading starts and payments are added.
    pub(crate) fn prefetch(&self) {
        match self {
            Windows::Listed(paid) => paid.last().map_or((), prefetch),
            Windows::Bucketed(buckets) => buckets.sums.iter().for_each(|ring| ring.prefetch()),
        }
    }

    /// What the windows hold at `now_s`.
    pub(crate) fn totals(&self, now_s: u32) -> Totals {
        let mut totals = Totals::default();
        match self {
            Windows::Listed(paid) => {
                // The windows are nested, so one walk from the newest payment closes them one after the other.
                let opens = BUCKET_S.map(|bucket_s| opens_at(now_s, bucket_s));
                let (mut window, mut count, mut sum) = (0, 0, 0u64);
                'walk: for paid in paid.iter().rev() {
                    while paid.time_s < opens[window] {
                        (totals.counts[window], totals.sums[window]) = (count, sum);
                        window += 1;
                        if window == opens.len() {
                            break 'walk;
                        }
                    }
                    count += 1;
                    sum = sum.saturating_add(paid.amount());
                }
                totals.counts[window..].fill(count);
                totals.sums[window..].fill(sum);
            }
            Windows::Bucketed(buckets) => {
                for (window, bucket_s) in BUCKET_S.into_iter().enumerate() {
                    totals.counts[window] = buckets.counts[window].count(now_s / bucket_s);
                    totals.sums[window] = buckets.sums[window].sum(now_s / bucket_s);
                }
            }
        }
        totals
    }

    pub(crate) fn hash(&self, hasher: &mut blake3::Hasher) {
        match self {
            Windows::Listed(paid) => {
                hasher.update(&[0]).update(&(paid.len() as u32).to_le_bytes());
                for paid in paid {
                    hasher.update(&paid.time_s.to_le_bytes()).update(&paid.amount().to_le_bytes());
                }
            }
            Windows::Bucketed(buckets) => {
                hasher.update(&[1]);
                buckets.counts.iter().for_each(|ring| ring.hash(hasher));
                buckets.sums.iter().for_each(|ring| ring.hash(hasher));
            }
        }
    }
}

impl Buckets {
    fn add(&mut self, time_s: u32, amount: u64) {
        for (window, bucket_s) in BUCKET_S.into_iter().enumerate() {
            self.counts[window].add(time_s / bucket_s);
            self.sums[window].add(time_s / bucket_s, amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, word for word.
    fn naive(events: &[(u32, u64)], now_s: u32) -> Totals {
        let mut totals = Totals::default();
        for (window, width_s) in [60u32, 3_600, 86_400, 604_800, 2_592_000].into_iter().enumerate() {
            let bucket_s = i64::from(width_s) / 60;
            for &(time_s, amount) in events {
                if i64::from(time_s) / bucket_s > i64::from(now_s) / bucket_s - 60 {
                    totals.counts[window] += 1;
                    totals.sums[window] = totals.sums[window].saturating_add(amount);
                }
            }
        }
        totals
    }

    fn gap_s() -> impl Strategy<Value = u32> {
        prop_oneof![3 => Just(0u32), 4 => 0u32..90, 3 => 0u32..5_000, 2 => 0u32..200_000, 1 => 0u32..4_000_000]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn equal_the_naive_reference(start in 0u32..3_000_000, steps in prop::collection::vec((gap_s(), any::<u32>(), gap_s()), 1..260), shrink in 0u32..6) {
            let mut windows = Windows::default();
            let mut events = Vec::new();
            let mut now_s = start;
            for (gap, amount, later) in steps {
                // Dividing the gaps makes streams that stay dense enough for the change to rings.
                now_s += gap >> (3 * shrink);
                windows.add(now_s, u64::from(amount));
                events.push((now_s, u64::from(amount)));
                prop_assert_eq!(windows.totals(now_s), naive(&events, now_s));
                prop_assert_eq!(windows.totals(now_s + later), naive(&events, now_s + later));
            }
        }
    }

    #[test]
    fn become_buckets_at_the_65th_payment_and_saturate_alike() {
        let mut windows = Windows::default();
        let mut events = Vec::new();
        for second in 0..130 {
            windows.add(1_000 + second, u64::MAX / 3);
            events.push((1_000 + second, u64::MAX / 3));
            assert_eq!(matches!(windows, Windows::Bucketed(_)), events.len() > 64);
            assert_eq!(windows.totals(1_000 + second), naive(&events, 1_000 + second));
        }
    }
}
