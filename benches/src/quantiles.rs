//! Exact quantiles of measured times.

use std::time::Duration;

/// Measured times, kept one by one.
#[derive(Debug, Clone, Default)]
pub struct Quantiles {
    nanoseconds: Vec<u64>,
}

impl Quantiles {
    /// Room for so many times, so that recording does not allocate.
    pub fn with_capacity(capacity: usize) -> Quantiles {
        Quantiles { nanoseconds: Vec::with_capacity(capacity) }
    }

    /// Adds a time.
    pub fn record(&mut self, time: Duration) {
        self.nanoseconds.push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// How many times there are.
    pub fn len(&self) -> usize {
        self.nanoseconds.len()
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.nanoseconds.is_empty()
    }

    /// The time below which that share (0–1) of the times lies, microseconds; 0 where nothing was measured.
    pub fn microseconds(&self, share: f64) -> f64 {
        let mut sorted = self.nanoseconds.clone();
        sorted.sort_unstable();
        let place = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
        sorted.get(place).map_or(0.0, |&time| time as f64 / 1e3)
    }

    /// The sum of all times, seconds.
    pub fn seconds(&self) -> f64 {
        self.nanoseconds.iter().sum::<u64>() as f64 / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_times() {
        let mut times = Quantiles::default();
        assert_eq!((times.microseconds(0.5), times.is_empty()), (0.0, true));
        for microseconds in (1..=100).rev() {
            times.record(Duration::from_micros(microseconds));
        }
        let at = |share| times.microseconds(share);
        assert_eq!((at(0.0), at(0.5), at(0.99), at(1.0)), (1.0, 51.0, 100.0, 100.0));
        assert_eq!((times.len(), times.seconds()), (100, 0.005_05));
    }
}
