//! Population stability index: Σ (after − before) · ln(after / before) over bins of equal mass before. Below 0.1 is calm, above 0.25 a
//! shift, by custom of credit scoring (Siddiqi 2006).

/// A share of zero would make the index infinite.
pub const LEAST_SHARE: f64 = 1e-4;

/// Bins of equal mass of a sample, fewer where values tie, and the share of the sample in each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bins {
    /// Inner edges, ascending: a bin holds what lies above the edge before it and not above its own.
    pub edges: Vec<f32>,
    /// Share of the sample, by bin; one more than edges.
    pub shares: Vec<f64>,
}

impl Bins {
    /// Bins of values sorted ascending, each with its share of the whole; the shares sum to 1.
    ///
    /// # Panics
    /// Where there are no values or no bins.
    pub fn of(sorted: &[(f32, f64)], bins: usize) -> Bins {
        assert!(!sorted.is_empty() && bins > 0, "bins of at least one value");
        // The highest value is no edge, since nothing would lie above it.
        let highest = sorted[sorted.len() - 1].0;
        let (mut edges, mut mass, mut next) = (Vec::new(), 0.0, 1);
        for &(value, share) in sorted.iter().take_while(|(value, _)| *value < highest) {
            mass += share;
            // The tolerance: tenths added up may fall short of a tenth's multiple in the last bit.
            let reached = ((mass + 1e-9) * bins as f64) as usize;
            if reached < next || next >= bins {
                continue;
            }
            next = reached + 1;
            if edges.last() != Some(&value) {
                edges.push(value);
            }
        }
        let mut bins = Bins { shares: Vec::new(), edges };
        bins.shares = bins.shares_of(sorted.iter().copied());
        bins
    }

    /// Bins of values sorted ascending that count alike.
    ///
    /// # Panics
    /// As [`Bins::of`].
    pub fn of_equals(sorted: &[f32], bins: usize) -> Bins {
        let each = 1.0 / sorted.len() as f64;
        Bins::of(&sorted.iter().map(|&value| (value, each)).collect::<Vec<_>>(), bins)
    }

    /// Share of other values in each bin, each with its share of their whole.
    pub fn shares_of(&self, values: impl Iterator<Item = (f32, f64)>) -> Vec<f64> {
        let mut shares = vec![0.0; self.edges.len() + 1];
        for (value, share) in values {
            shares[self.edges.partition_point(|&edge| edge < value)] += share;
        }
        shares
    }

    /// The index of values that count alike against the sample.
    pub fn index(&self, values: &[f32]) -> f64 {
        let each = 1.0 / values.len() as f64;
        stability_index(&self.shares, &self.shares_of(values.iter().map(|&value| (value, each))))
    }
}

/// The index of shares after against shares before, bin by bin; a share below [`LEAST_SHARE`] counts as that.
pub fn stability_index(before: &[f64], after: &[f64]) -> f64 {
    before
        .iter()
        .zip(after)
        .map(|(before, after)| (before.max(LEAST_SHARE), after.max(LEAST_SHARE)))
        .map(|(before, after)| (after - before) * (after / before).ln())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_not_moved_is_calm_and_what_has_says_by_how_much() {
        let sample: Vec<f32> = (0..1_000).map(|row| row as f32).collect();
        let bins = Bins::of_equals(&sample, 10);
        assert_eq!((bins.edges.len(), bins.shares.len()), (9, 10));
        assert!(bins.shares.iter().all(|share| (share - 0.1).abs() < 1e-9));
        assert!(bins.index(&sample).abs() < 1e-9);
        // Everything moved up by a tenth of the range: the lowest bin empties into the top one.
        let moved: Vec<f32> = sample.iter().map(|value| value + 100.0).collect();
        let expected = (0.1 - LEAST_SHARE) * (0.1 / LEAST_SHARE).ln() + 0.1 * 2.0f64.ln();
        assert!((bins.index(&moved) - expected).abs() < 1e-6);
    }

    #[test]
    fn ties_share_a_bin() {
        let bins = Bins::of_equals(&[1.0; 10], 10);
        assert_eq!((bins.edges.len(), bins.shares.len()), (0, 1));
        let flags: Vec<f32> = (0..100).map(|row| f32::from(u8::from(row >= 80))).collect();
        let bins = Bins::of_equals(&flags, 10);
        assert_eq!(bins.edges, [0.0]);
        assert!((bins.shares[0] - 0.8).abs() < 1e-12);
        // What lies beside a heavy value is still cut evenly.
        let heavy: Vec<f32> = (0..100).map(|row| if row < 60 { 0.0 } else { row as f32 }).collect();
        assert_eq!(Bins::of_equals(&heavy, 10).edges, [0.0, 69.0, 79.0, 89.0]);
        let half: Vec<f32> = (0..100).map(|row| f32::from(u8::from(row >= 50))).collect();
        let expected = -0.3 * (0.5f64 / 0.8).ln() + 0.3 * (0.5f64 / 0.2).ln();
        assert!((bins.index(&half) - expected).abs() < 1e-9);
    }
}
