//! A sliding multiset of times: how many of them lie within 1 hour, 1 day, 7 days and 30 days.
//!
//! Two uses. *Distinct counterparts*: an entity holds, for each counterpart, only the time it was last active with it;
//! who the counterpart is need not be stored, because the graph's edge between the two remembers that time and hands it
//! back when the pair is active again ([`Times::renew`]). Counts are therefore exact at any size for 4 bytes a
//! counterpart, or 1 KB for a busy entity, where a HyperLogLog would be 2 % off. A pair whose edge a memory cap evicted
//! counts anew when it returns. *Payments that stand out*: the times at which fraud reports became known, taken back on
//! correction, and at which payments were made that were large for their payer; these are also asked for their span.
//!
//! Up to 64 times are held as they are, beyond that as rings of 60 buckets: equal by the definition of [`crate::rings`].

use crate::memory::prefetch;
use crate::rings::{BUCKET_S, CountRing, is_full, opens_at};

/// Index of the 1-hour window.
pub(crate) const H1: usize = 0;
/// Index of the 1-day window.
pub(crate) const D1: usize = 1;
/// Index of the 7-day window.
pub(crate) const D7: usize = 2;
/// Index of the 30-day window.
pub(crate) const D30: usize = 3;

/// What the widest window reaches back, seconds: every time within it is younger.
pub(crate) const REACH_S: u32 = 2_592_000;

/// Bucket widths of the windows kept: all but the minute.
pub(crate) const WIDTHS: [u32; 4] = [BUCKET_S[1], BUCKET_S[2], BUCKET_S[3], BUCKET_S[4]];
/// Times held without an allocation. Most accounts have one or two devices.
pub(crate) const FEW: usize = 5;
/// Times held one by one before they become buckets.
pub(crate) const MOST_LISTED: usize = 64;

const _: () = assert!(
    MOST_LISTED.is_power_of_two(),
    "a list is full at a power of two, so it drops what expired before it is given up"
);

/// The multiset.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Times {
    /// The first `len` times, oldest first.
    Few { len: u8, times: [u32; FEW] },
    /// The times, oldest first.
    Listed(Vec<u32>),
    /// Buckets of each window.
    Bucketed(Box<[CountRing; 4]>),
}

/// When the first and the last of the times within 30 days were, each as the start of its bucket in the narrowest window
/// that holds it: what lies an hour back is known to the minute, what lies a month back to half a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// The earliest time.
    pub(crate) first_s: u32,
    /// The latest time.
    pub(crate) last_s: u32,
}

impl Default for Times {
    fn default() -> Self {
        Times::Few { len: 0, times: [0; FEW] }
    }
}

impl Times {
    /// Moves one time on to `now_s`, or adds it where there was none.
    pub(crate) fn renew(&mut self, previous_s: Option<u32>, now_s: u32) {
        if let Some(previous_s) = previous_s {
            if previous_s == now_s && self.holds(now_s) {
                return;
            }
            self.remove(previous_s);
        }
        self.add(now_s, now_s);
    }

    fn holds(&self, time_s: u32) -> bool {
        match self {
            Times::Few { len, times } => times[..usize::from(*len)].last() == Some(&time_s),
            Times::Listed(times) => times.last() == Some(&time_s),
            Times::Bucketed(_) => false,
        }
    }

    /// Adds `time_s`, known at `now_s`.
    pub(crate) fn add(&mut self, time_s: u32, now_s: u32) {
        match self {
            Times::Few { len, times } => {
                let held = usize::from(*len);
                let expired = times[..held].partition_point(|time| *time < opens_at(now_s, WIDTHS[D30]));
                if held < FEW || expired > 0 {
                    times.copy_within(expired..held, 0);
                    let held = held - expired;
                    let place = times[..held].partition_point(|time| *time <= time_s);
                    times.copy_within(place..held, place + 1);
                    times[place] = time_s;
                    times[held + 1..].fill(0);
                    *len = held as u8 + 1;
                    return;
                }
                let mut listed = Vec::with_capacity(4 * FEW);
                listed.extend_from_slice(&times[..]);
                *self = Times::Listed(listed);
                self.add(time_s, now_s);
            }
            Times::Listed(times) => {
                if is_full(times.len()) {
                    let expired = times.partition_point(|time| *time < opens_at(now_s, WIDTHS[D30]));
                    times.drain(..expired);
                }
                if times.len() < MOST_LISTED {
                    let place = times.partition_point(|time| *time <= time_s);
                    times.insert(place, time_s);
                    return;
                }
                let mut rings: Box<[CountRing; 4]> = Box::default();
                for time in times.iter() {
                    add_to(&mut rings, *time);
                }
                add_to(&mut rings, time_s);
                *self = Times::Bucketed(rings);
            }
            Times::Bucketed(rings) => add_to(rings, time_s),
        }
    }

    /// Takes `time_s` back, where it is still held.
    pub(crate) fn remove(&mut self, time_s: u32) {
        match self {
            Times::Few { len, times } => {
                let held = usize::from(*len);
                if let Some(place) = times[..held].iter().position(|time| *time == time_s) {
                    times.copy_within(place + 1..held, place);
                    times[held - 1] = 0;
                    *len -= 1;
                }
            }
            Times::Listed(times) => {
                if let Ok(place) = times.binary_search(&time_s) {
                    times.remove(place);
                }
            }
            Times::Bucketed(rings) => {
                for (ring, bucket_s) in rings.iter_mut().zip(WIDTHS) {
                    ring.remove(time_s / bucket_s);
                }
            }
        }
    }

    /// Asks the memory for the end of the list, or the heads of the rings.
    pub(crate) fn prefetch(&self) {
        match self {
            Times::Few { .. } => {}
            Times::Listed(times) => times.last().map_or((), prefetch),
            Times::Bucketed(rings) => rings.iter().for_each(|ring| ring.prefetch()),
        }
    }

    /// Times within each window at `now_s`.
    pub(crate) fn counts(&self, now_s: u32) -> [u32; 4] {
        let listed: &[u32] = match self {
            Times::Few { len, times } => &times[..usize::from(*len)],
            Times::Listed(times) => times,
            Times::Bucketed(rings) => return std::array::from_fn(|window| rings[window].count(now_s / WIDTHS[window])),
        };
        counts_of(listed, now_s)
    }

    /// First and last of the times within 30 days of `now_s`; `None` where there is none.
    pub(crate) fn span(&self, now_s: u32) -> Option<Span> {
        let listed: &[u32] = match self {
            Times::Few { len, times } => &times[..usize::from(*len)],
            Times::Listed(times) => times,
            Times::Bucketed(rings) => {
                // Windows are nested: the last time lies in the first that holds any, the first time in the first that holds all.
                let counts = self.counts(now_s);
                let held = |window: usize| rings[window].held(now_s / WIDTHS[window]).map(move |b| b * WIDTHS[window]);
                let any = counts.iter().position(|count| *count > 0)?;
                let all = counts.iter().position(|count| *count == counts[D30])?;
                return Some(Span { first_s: held(all).next()?, last_s: held(any).next_back()? });
            }
        };
        span_of(listed, now_s)
    }

    pub(crate) fn hash(&self, hasher: &mut blake3::Hasher) {
        // What is held in the record and what in a list forgets what has expired at different moments.
        let (form, listed): (u8, &[u32]) = match self {
            Times::Few { len, times } => (0, &times[..usize::from(*len)]),
            Times::Listed(times) => (2, times),
            Times::Bucketed(rings) => {
                hasher.update(&[1]);
                rings.iter().for_each(|ring| ring.hash(hasher));
                return;
            }
        };
        hasher.update(&[form]).update(&(listed.len() as u32).to_le_bytes());
        for time in listed {
            hasher.update(&time.to_le_bytes());
        }
    }
}

/// Times of a list, oldest first, within each window.
pub(crate) fn counts_of(listed: &[u32], now_s: u32) -> [u32; 4] {
    WIDTHS.map(|bucket_s| {
        let opens = opens_at(now_s, bucket_s);
        (listed.len() - listed.partition_point(|time| *time < opens)) as u32
    })
}

/// First and last time of a list, oldest first, within 30 days.
pub(crate) fn span_of(listed: &[u32], now_s: u32) -> Option<Span> {
    let within = &listed[listed.partition_point(|time| *time < opens_at(now_s, WIDTHS[D30]))..];
    let bucket_start = |time_s: u32| {
        let narrowest = WIDTHS.into_iter().find(|bucket_s| time_s >= opens_at(now_s, *bucket_s));
        let bucket_s = narrowest.unwrap_or(WIDTHS[D30]);
        time_s / bucket_s * bucket_s
    };
    Some(Span { first_s: bucket_start(*within.first()?), last_s: bucket_start(*within.last()?) })
}

fn add_to(rings: &mut [CountRing; 4], time_s: u32) {
    for (ring, bucket_s) in rings.iter_mut().zip(WIDTHS) {
        ring.add(time_s / bucket_s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn naive(times: impl Iterator<Item = u32> + Clone, now_s: u32) -> [u32; 4] {
        [60i64, 1_440, 10_080, 43_200].map(|bucket_s| {
            times.clone().filter(|time| i64::from(*time) / bucket_s > i64::from(now_s) / bucket_s - 60).count() as u32
        })
    }

    fn naive_span(times: impl Iterator<Item = u32> + Clone, now_s: u32) -> Option<Span> {
        let start = |time: u32| {
            let mut widths = [60i64, 1_440, 10_080, 43_200].into_iter();
            let bucket_s = widths.find(|bucket_s| i64::from(time) / bucket_s > i64::from(now_s) / bucket_s - 60)?;
            Some((i64::from(time) / bucket_s * bucket_s) as u32)
        };
        // Held at all, then by the time itself: the start of a bucket alone would not order times of different windows.
        let held = times.filter(|time| start(*time).is_some());
        Some(Span { first_s: start(held.clone().min()?)?, last_s: start(held.max()?)? })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]
        /// Counterparts come and come back; a map from counterpart to its last time is the reference.
        #[test]
        fn count_distinct_counterparts_exactly(
            start in 0u32..3_000_000,
            people in 1u32..400,
            steps in prop::collection::vec((prop_oneof![4 => Just(0u32), 4 => 0u32..600, 2 => 0u32..90_000, 1 => 0u32..3_000_000], any::<u32>()), 1..400),
            shrink in 0u32..8,
        ) {
            let mut times = Times::default();
            let mut last: HashMap<u32, u32> = HashMap::new();
            let mut now_s = start;
            for (gap, who) in steps {
                now_s += gap >> (2 * shrink);
                let previous = last.insert(who % people, now_s);
                times.renew(previous, now_s);
                for later in [0, 61, 86_400, 700_000] {
                    prop_assert_eq!(times.counts(now_s + later), naive(last.values().copied(), now_s + later));
                }
            }
        }

        /// Reports are added and taken back in any order.
        #[test]
        fn give_back_exactly_what_is_taken_back(steps in prop::collection::vec((0u32..20_000, any::<bool>(), any::<u16>()), 1..300), shrink in 0u32..8) {
            let mut times = Times::default();
            let mut standing: Vec<u32> = Vec::new();
            let mut now_s = 1_700_000_000;
            for (gap, takes_back, pick) in steps {
                // The denser the stream, the more of them turn into buckets.
                now_s += gap >> shrink;
                if (takes_back && pick % 3 == 0) && !standing.is_empty() {
                    times.remove(standing.swap_remove(usize::from(pick) % standing.len()));
                } else {
                    times.add(now_s, now_s);
                    standing.push(now_s);
                }
                for later in [0, 59, 3_600, 90_000, 700_000, 2_600_000] {
                    prop_assert_eq!(times.counts(now_s + later), naive(standing.iter().copied(), now_s + later));
                    prop_assert_eq!(times.span(now_s + later), naive_span(standing.iter().copied(), now_s + later));
                }
            }
        }
    }

    #[test]
    fn stay_exact_where_a_sketch_would_estimate() {
        let mut times = Times::default();
        for who in 0..50_000u32 {
            times.renew(None, 1_700_000_000 + who / 40);
        }
        assert_eq!(times.counts(1_700_001_250), [50_000; 4]);
    }
}
