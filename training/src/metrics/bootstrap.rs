//! Intervals by resampling.
//!
//! Payments of one campaign fall on the same few days and are anything but independent, so whole days are drawn, not
//! payments: intervals by payment would be too narrow.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::rounded;

/// An estimate with its 95 % bootstrap percentile interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate on the data as they are.
    pub value: f64,
    /// 2.5th percentile of the replicates.
    pub low: f64,
    /// 97.5th percentile of the replicates.
    pub high: f64,
}

/// Estimates `statistic` and its interval. `blocks[row]` is the block (day) of a row, 0 to `count - 1`; a replicate
/// draws as many blocks as there are, with replacement, and `statistic` is told how often each row was drawn.
pub fn block_bootstrap(
    blocks: &[u32],
    replicates: usize,
    seed: u64,
    statistic: impl Fn(&dyn Fn(usize) -> f64) -> f64,
) -> Interval {
    let count = blocks.iter().max().map_or(0, |&last| last as usize + 1);
    let value = statistic(&|_| 1.0);
    if count == 0 || replicates == 0 {
        return Interval { value: rounded(value), low: rounded(value), high: rounded(value) };
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn = vec![0f64; count];
    let mut values = Vec::with_capacity(replicates);
    for _ in 0..replicates {
        drawn.fill(0.0);
        for _ in 0..count {
            // Multiply-shift: maps 64 random bits evenly (bias below 2^-50) onto 0..count.
            let block = ((u128::from(random.next_u64()) * count as u128) >> 64) as usize;
            drawn[block] += 1.0;
        }
        values.push(statistic(&|row| drawn[blocks[row] as usize]));
    }
    values.sort_by(f64::total_cmp);
    Interval {
        value: rounded(value),
        low: rounded(percentile(&values, 0.025)),
        high: rounded(percentile(&values, 0.975)),
    }
}

/// Linear interpolation between order statistics (numpy's default).
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    sorted[below] + (at - at.floor()) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate() {
        assert_eq!(percentile(&[0.0, 1.0, 2.0, 3.0, 4.0], 0.5), 2.0);
        assert_eq!(percentile(&[0.0, 10.0], 0.25), 2.5);
    }

    #[test]
    fn the_interval_of_a_mean_has_the_width_theory_gives() {
        // 400 blocks of one row, half ones: the standard error of the mean is .5/20, the interval ± 1.96 of it.
        let values: Vec<f64> = (0..400).map(|row| f64::from(row % 2)).collect();
        let blocks: Vec<u32> = (0..400).collect();
        let mean = |times: &dyn Fn(usize) -> f64| {
            (0..400).map(|row| times(row) * values[row]).sum::<f64>() / (0..400).map(times).sum::<f64>()
        };
        let interval = block_bootstrap(&blocks, 2000, 7, mean);
        assert_eq!(interval.value, 0.5);
        assert!((interval.low - 0.451).abs() < 0.006 && (interval.high - 0.549).abs() < 0.006, "{interval:?}");
        assert_eq!(interval, block_bootstrap(&blocks, 2000, 7, mean), "the seed decides");
    }

    #[test]
    fn rows_of_one_block_come_and_go_together() {
        let blocks = [0, 0, 1, 1];
        block_bootstrap(&blocks, 50, 1, |times| {
            assert_eq!(times(0), times(1));
            assert_eq!(times(2), times(3));
            assert_eq!(times(0) + times(2), 2.0);
            0.0
        });
    }
}
