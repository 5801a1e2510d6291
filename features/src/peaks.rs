//! The largest value of a sliding window: a queue that ascends in time and descends in value, so that the first of its entries
//! within a window is the largest there (the classic sliding-window maximum).
//!
//! Cost: amortised one comparison a value; a random series of n values keeps about ln n of them, 8 bytes each.

use crate::rings::{is_full, opens_at};
use crate::times::{D30, WIDTHS};

/// The values of 30 days that nothing later has reached.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Peaks(pub(crate) Vec<(u32, f32)>);

impl Peaks {
    /// Adds a value at `now_s`, which never goes back.
    pub(crate) fn push(&mut self, now_s: u32, value: f32) {
        while self.0.last().is_some_and(|(_, held)| *held <= value) {
            self.0.pop();
        }
        if is_full(self.0.len()) {
            let expired = self.0.partition_point(|(time_s, _)| *time_s < opens_at(now_s, WIDTHS[D30]));
            self.0.drain(..expired);
        }
        self.0.push((now_s, value));
    }

    /// Largest value in a window of [`crate::times`] at `now_s`; 0 where there is none.
    pub(crate) fn largest(&self, window: usize, now_s: u32) -> f32 {
        let opens = opens_at(now_s, WIDTHS[window]);
        self.0.get(self.0.partition_point(|(time_s, _)| *time_s < opens)).map_or(0.0, |(_, value)| *value)
    }

    pub(crate) fn hash(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&(self.0.len() as u32).to_le_bytes());
        for (time_s, value) in &self.0 {
            hasher.update(&time_s.to_le_bytes()).update(&value.to_bits().to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::times::D7;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn the_largest_is_the_naive_maximum(
            start in 0u32..3_000_000,
            steps in prop::collection::vec((prop_oneof![0u32..600, 0u32..90_000, 0u32..1_000_000], 0u8..40), 1..300),
        ) {
            let (mut peaks, mut past, mut now_s) = (Peaks::default(), Vec::new(), start);
            for (gap_s, value) in steps {
                now_s += gap_s;
                for (window, bucket_s) in [(D7, 10_080), (D30, 43_200)] {
                    let within = past.iter().filter(|(time_s, _)| i64::from(time_s / bucket_s) > i64::from(now_s / bucket_s) - 60);
                    let naive = within.map(|(_, value)| *value).max().unwrap_or(0);
                    prop_assert_eq!(peaks.largest(window, now_s), f32::from(naive));
                }
                peaks.push(now_s, f32::from(value));
                past.push((now_s, value));
            }
        }
    }
}
