//! ADWIN, adaptive windowing (Bifet & Gavaldà 2007, "Learning from time-changing data with adaptive windowing"): a window over a stream of
//! numbers in 0–1 that grows while its mean stands still and forgets its older part when the two parts' means differ by more than chance.
//!
//! The window is an exponential histogram: row i holds at most `buckets` buckets of 2^i values each, so that 10,000 values take some 60
//! buckets. A cut between an older part of n₀ and a newer part of n₁ values is a change where |mean₀ − mean₁| > ε,
//! ε = √(2/m · σ² · ln(2 ln n / δ)) + 2/(3m) · ln(2 ln n / δ), 1/m = 1/(n₀ − s + 1) + 1/(n₁ − s + 1), with n all values, σ² their
//! variance and s the shortest part that is looked at. The defaults, that s, and when the window is looked at are those of River's
//! `drift.ADWIN`, and the sums are made in the same order: a test holds every detection on several streams to River's own.
//!
//! Cost: a value is O(1) amortised; a look is one pass over the buckets.

use std::collections::VecDeque;

/// Settings of ADWIN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdwinConfig {
    /// Chance of a false alarm that is accepted at each cut, 0–1 (δ).
    pub delta: f64,
    /// The window is looked at after every so many values, at least 1.
    pub clock: u64,
    /// Buckets of a row at most, at least 1.
    pub buckets: usize,
    /// Values of either part at least (s), at least 1.
    pub shortest: u64,
    /// Values of the window that must be exceeded before it is looked at.
    pub grace: u64,
}

impl Default for AdwinConfig {
    /// River's defaults.
    fn default() -> Self {
        AdwinConfig { delta: 0.002, clock: 32, buckets: 5, shortest: 5, grace: 10 }
    }
}

/// Several values as their sum and their squared deviations from their mean.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    sum: f64,
    deviations: f64,
}

/// The window.
#[derive(Debug, Clone)]
pub struct Adwin {
    config: AdwinConfig,
    /// Row i: buckets of 2^i values, the oldest first. The last row's first bucket is the oldest of all.
    rows: Vec<VecDeque<Bucket>>,
    values: f64,
    sum: f64,
    deviations: f64,
    seen: u64,
}

impl Adwin {
    /// An empty window.
    ///
    /// # Panics
    /// Where `clock`, `buckets` or `shortest` is zero.
    pub fn new(config: AdwinConfig) -> Adwin {
        assert!(
            config.clock > 0 && config.buckets > 0 && config.shortest > 0,
            "clock, buckets and shortest are at least 1"
        );
        Adwin { config, rows: vec![VecDeque::new()], values: 0.0, sum: 0.0, deviations: 0.0, seen: 0 }
    }

    /// Values in the window.
    pub fn width(&self) -> u64 {
        self.values as u64
    }

    /// Their mean; 0 where there are none.
    pub fn mean(&self) -> f64 {
        if self.values > 0.0 { self.sum / self.values } else { 0.0 }
    }

    /// Takes a value; true where the mean has changed. The window then holds the newer part.
    pub fn add(&mut self, value: f64) -> bool {
        self.values += 1.0;
        if self.values > 1.0 {
            let earlier = self.values - 1.0;
            let away = value - self.sum / earlier;
            self.deviations += earlier * away * away / self.values;
        }
        self.sum += value;
        self.rows[0].push_back(Bucket { sum: value, deviations: 0.0 });
        self.merge_full_rows();
        self.seen += 1;
        if !self.seen.is_multiple_of(self.config.clock) || self.values <= self.config.grace as f64 {
            return false;
        }
        let mut changed = false;
        while self.has_change() {
            changed = true;
            self.forget_oldest();
        }
        changed
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = Adwin::new(self.config);
    }

    /// Two buckets of a row that has one too many become one of the next.
    fn merge_full_rows(&mut self) {
        for row in 0.. {
            if self.rows[row].len() <= self.config.buckets {
                return;
            }
            let (Some(older), Some(newer)) = (self.rows[row].pop_front(), self.rows[row].pop_front()) else { return };
            let values = size(row);
            let apart = older.sum / values - newer.sum / values;
            let deviations = older.deviations + newer.deviations + values * 0.5 * apart * apart;
            if row + 1 == self.rows.len() {
                self.rows.push(VecDeque::new());
            }
            self.rows[row + 1].push_back(Bucket { sum: older.sum + newer.sum, deviations });
        }
    }

    /// Whether any cut parts two means that differ by more than chance.
    fn has_change(&self) -> bool {
        let (mut older, mut newer) = (0.0, self.values);
        let (mut older_sum, mut newer_sum) = (0.0, self.sum);
        let shortest = self.config.shortest as f64;
        let confidence = (2.0 * self.values.ln() / self.config.delta).ln();
        let variance = self.deviations / self.values;
        for (row, buckets) in self.rows.iter().enumerate().rev() {
            for bucket in buckets {
                older += size(row);
                newer -= size(row);
                older_sum += bucket.sum;
                newer_sum -= bucket.sum;
                if newer < shortest || older < shortest {
                    continue;
                }
                let reciprocal = 1.0 / (older - shortest + 1.0) + 1.0 / (newer - shortest + 1.0);
                let bound = (2.0 * reciprocal * variance * confidence).sqrt() + 2.0 / 3.0 * confidence * reciprocal;
                if (older_sum / older - newer_sum / newer).abs() > bound {
                    return true;
                }
            }
        }
        false
    }

    fn forget_oldest(&mut self) {
        let row = self.rows.len() - 1;
        let Some(oldest) = self.rows[row].pop_front() else { return };
        let values = size(row);
        self.values -= values;
        self.sum -= oldest.sum;
        let apart = oldest.sum / values - self.sum / self.values;
        self.deviations -= oldest.deviations + values * self.values * apart * apart / (values + self.values);
        if self.rows[row].is_empty() && row > 0 {
            self.rows.pop();
        }
    }
}

/// Values of a bucket of that row.
fn size(row: usize) -> f64 {
    (1u64 << row) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    fn uniform(random: &mut ChaCha8Rng) -> f64 {
        (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    #[test]
    fn the_window_keeps_count_and_mean() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut window = Adwin::new(AdwinConfig::default());
        let values: Vec<f64> = (0..777).map(|_| uniform(&mut random)).collect();
        for &value in &values {
            assert!(!window.add(value));
        }
        assert_eq!(window.width(), 777);
        let mean = values.iter().sum::<f64>() / 777.0;
        assert!((window.mean() - mean).abs() < 1e-12);
        let deviations: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        assert!((window.deviations - deviations).abs() < 1e-9);
        assert!(window.rows.iter().all(|row| row.len() <= 5), "rows are merged");
    }

    #[test]
    fn a_step_is_found_and_what_came_before_is_forgotten() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let mut window = Adwin::new(AdwinConfig::default());
        let found = (0..2_000).find(|&at| window.add(if at < 1_000 { 0.8 } else { 0.3 } + 0.2 * uniform(&mut random)));
        assert!(found.is_some_and(|at| (1_000..1_100).contains(&at)), "{found:?}");
        // What is still there of the older part leaves as the newer one grows.
        for _ in 0..500 {
            window.add(0.3 + 0.2 * uniform(&mut random));
        }
        assert!(window.width() < 1_700 && (window.mean() - 0.4).abs() < 0.01, "{} {}", window.width(), window.mean());
        window.reset();
        assert_eq!((window.width(), window.mean()), (0, 0.0));
    }

    #[test]
    fn a_calm_stream_gives_no_alarm() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut window = Adwin::new(AdwinConfig { clock: 1, ..AdwinConfig::default() });
        let alarms = (0..20_000).filter(|_| window.add(uniform(&mut random))).count();
        assert_eq!(alarms, 0);
    }
}
