//! How long verdicts took: a histogram in eighths of an octave, and the mean of logarithms.

use super::sequential::ClusterMean;

/// Bins of the latency histogram: eighths of an octave of microseconds, so a quantile is told to 9 %.
const LATENCY_BINS: usize = 256;
const BINS_AN_OCTAVE: f64 = 8.0;

/// Latencies of verdicts, microseconds from arrival at the engine to the policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    bins: Box<[u32; LATENCY_BINS]>,
    sum_us: f64,
    /// Natural logarithms: their mean is that of the geometric mean, which a few stragglers do not move.
    pub logs: ClusterMean,
}

impl Default for Latency {
    fn default() -> Self {
        Latency { bins: Box::new([0; LATENCY_BINS]), sum_us: 0.0, logs: ClusterMean::default() }
    }
}

fn latency_bin(us: f64) -> usize {
    ((us.max(1.0).log2() * BINS_AN_OCTAVE) as usize).min(LATENCY_BINS - 1)
}

impl Latency {
    pub(super) fn add(&mut self, us: u64) {
        let us = us.max(1) as f64;
        let bin = &mut self.bins[latency_bin(us)];
        *bin = bin.saturating_add(1);
        self.sum_us += us;
        self.logs.add_alone(us.ln());
    }

    /// Verdicts counted.
    pub fn count(&self) -> f64 {
        self.logs.count
    }

    /// Mean, microseconds.
    pub fn mean_us(&self) -> f64 {
        if self.count() > 0.0 { self.sum_us / self.count() } else { 0.0 }
    }

    /// Quantile, microseconds: the upper edge of its bin. Zero where there is nothing.
    pub fn quantile_us(&self, quantile: f64) -> f64 {
        let total: u64 = self.bins.iter().map(|bin| u64::from(*bin)).sum();
        let wanted = (quantile * total as f64).ceil() as u64;
        let mut seen = 0;
        for (index, bin) in self.bins.iter().enumerate() {
            seen += u64::from(*bin);
            if *bin > 0 && seen >= wanted {
                return ((index + 1) as f64 / BINS_AN_OCTAVE).exp2();
            }
        }
        0.0
    }

    /// Share of verdicts slower than that, to a bin.
    pub fn share_above(&self, us: f64) -> f64 {
        let total: u64 = self.bins.iter().map(|bin| u64::from(*bin)).sum();
        let above: u64 = self.bins[latency_bin(us) + 1..].iter().map(|bin| u64::from(*bin)).sum();
        if total > 0 { above as f64 / total as f64 } else { 0.0 }
    }

    pub(super) fn merge(&mut self, other: &Latency) {
        for (own, other) in self.bins.iter_mut().zip(other.bins.iter()) {
            *own = own.saturating_add(*other);
        }
        self.sum_us += other.sum_us;
        self.logs.merge(&other.logs);
    }

    pub(super) fn halve(&mut self) {
        self.bins.iter_mut().for_each(|bin| *bin /= 2);
        self.sum_us /= 2.0;
        self.logs.halve();
    }
}
