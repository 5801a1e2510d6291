//! Whether scores of one time still look like those of another, by the statistics that the service watches drift with.

use fraudnet_scoring::drift::ks::weighted_kolmogorov_smirnov;
use fraudnet_scoring::drift::psi::{Bins, stability_index};

/// Two distributions of a score, compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drift {
    /// Inner edges of the bins, ascending: a bin holds what lies above the edge before it and not above its own.
    pub edges: Vec<f64>,
    /// Share before, by bin.
    pub before: Vec<f64>,
    /// Share after, by bin.
    pub after: Vec<f64>,
    /// Population stability index.
    pub psi: f64,
    /// Kolmogorov–Smirnov statistic: largest distance between the two cumulative shares, 0–1.
    pub ks: f64,
}

/// Compares scores before (each standing for `weights[row]` payments) with those after, in `bins` bins of equal mass before (fewer
/// where scores tie). Nothing on either side gives an empty comparison.
pub fn drift(before: &[f32], weights: &[f64], after: &[f32], bins: usize) -> Drift {
    assert!(before.len() == weights.len() && bins > 0, "one weight a score, at least one bin");
    let total: f64 = weights.iter().sum();
    if total <= 0.0 || after.is_empty() {
        return Drift::default();
    }
    let mut sorted: Vec<(f32, f64)> = before.iter().copied().zip(weights.iter().map(|weight| weight / total)).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut later = after.to_vec();
    later.sort_by(f32::total_cmp);
    let bins = Bins::of(&sorted, bins);
    let each = 1.0 / later.len() as f64;
    let after = bins.shares_of(later.iter().map(|&score| (score, each)));
    Drift {
        psi: stability_index(&bins.shares, &after),
        ks: weighted_kolmogorov_smirnov(&sorted, &later),
        edges: bins.edges.iter().copied().map(f64::from).collect(),
        before: bins.shares,
        after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fraudnet_scoring::drift::psi::LEAST_SHARE;

    #[test]
    fn what_has_not_moved_has_no_drift() {
        let scores: Vec<f32> = (0..1_000).map(|row| row as f32).collect();
        let calm = drift(&scores, &vec![1.0; 1_000], &scores, 10);
        assert_eq!((calm.edges.len(), calm.before.len()), (9, 10));
        assert!(calm.before.iter().chain(&calm.after).all(|share| (share - 0.1).abs() < 1e-9), "{calm:?}");
        assert!(calm.psi.abs() < 1e-9 && calm.ks < 1e-9);
        // A sample that stands for the whole gives the same bins.
        let sampled: Vec<f32> = (0..1_000).step_by(2).map(|row| row as f32).collect();
        let weighted = drift(&sampled, &vec![2.0; 500], &scores, 10);
        assert!(weighted.psi < 1e-3 && weighted.ks < 0.003, "{weighted:?}");
    }

    #[test]
    fn what_has_moved_shows_by_how_much() {
        // Everything moved up by a tenth of the range: the lowest bin empties into the top one.
        let scores: Vec<f32> = (0..1_000).map(|row| row as f32).collect();
        let moved: Vec<f32> = (0..1_000).map(|row| row as f32 + 100.0).collect();
        let shift = drift(&scores, &vec![1.0; 1_000], &moved, 10);
        assert!((shift.ks - 0.1).abs() < 1e-9, "{}", shift.ks);
        let expected = (0.1 - LEAST_SHARE) * (0.1 / LEAST_SHARE).ln() + 0.1 * 2.0f64.ln();
        assert!((shift.psi - expected).abs() < 1e-6, "{} {expected}", shift.psi);
    }

    #[test]
    fn ties_and_nothing_at_all_have_answers() {
        let tied = drift(&[1.0; 10], &[1.0; 10], &[1.0, 2.0], 10);
        assert_eq!((tied.edges.len(), tied.before.len()), (0, 1));
        assert!((tied.ks - 0.5).abs() < 1e-9, "{}", tied.ks);
        assert_eq!(drift(&[], &[], &[1.0], 10), Drift::default());
        assert_eq!(drift(&[1.0], &[1.0], &[], 10), Drift::default());
    }
}
