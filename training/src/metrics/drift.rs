//! Whether scores of one time still look like those of another.

/// Two distributions of a score, compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drift {
    /// Inner edges of the bins, ascending: a bin holds what lies above the edge before it and not above its own.
    pub edges: Vec<f64>,
    /// Share before, by bin.
    pub before: Vec<f64>,
    /// Share after, by bin.
    pub after: Vec<f64>,
    /// Population stability index: Σ (after − before) · ln(after / before). Below 0.1 is calm, above 0.25 a shift, by custom of
    /// credit scoring (Siddiqi 2006).
    pub psi: f64,
    /// Kolmogorov–Smirnov statistic: largest distance between the two cumulative shares, 0–1.
    pub ks: f64,
}

/// A share of zero would make the index infinite.
const LEAST_SHARE: f64 = 1e-4;

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
    let edges = edges(&sorted, bins);
    let shares = |scores: &mut dyn Iterator<Item = (f32, f64)>| {
        let mut shares = vec![0.0; edges.len() + 1];
        for (score, weight) in scores {
            shares[edges.partition_point(|&edge| edge < f64::from(score))] += weight;
        }
        shares
    };
    let each = 1.0 / later.len() as f64;
    let earlier_shares = shares(&mut sorted.iter().copied());
    let later_shares = shares(&mut later.iter().map(|&score| (score, each)));
    let psi = earlier_shares
        .iter()
        .zip(&later_shares)
        .map(|(before, after)| (before.max(LEAST_SHARE), after.max(LEAST_SHARE)))
        .map(|(before, after)| (after - before) * (after / before).ln())
        .sum();
    let ks = kolmogorov_smirnov(&sorted, &later);
    Drift { edges, before: earlier_shares, after: later_shares, psi, ks }
}

/// Scores at which the mass reaches 1/bins, 2/bins, …; the highest score is no edge, since nothing would lie above it.
fn edges(sorted: &[(f32, f64)], bins: usize) -> Vec<f64> {
    let highest = sorted[sorted.len() - 1].0;
    let (mut edges, mut mass) = (Vec::new(), 0.0);
    for &(score, weight) in sorted.iter().take_while(|(score, _)| *score < highest) {
        mass += weight;
        // The tolerance: tenths added up may fall short of a tenth's multiple in the last bit.
        if edges.len() + 1 < bins && mass + 1e-9 >= (edges.len() + 1) as f64 / bins as f64 {
            match edges.last() {
                Some(&last) if last == f64::from(score) => {}
                _ => edges.push(f64::from(score)),
            }
        }
    }
    edges
}

fn kolmogorov_smirnov(before: &[(f32, f64)], after: &[f32]) -> f64 {
    let each = 1.0 / after.len() as f64;
    let (mut left, mut right, mut earlier, mut later, mut widest) = (0, 0, 0.0, 0.0, 0.0f64);
    while left < before.len() && right < after.len() {
        let at = before[left].0.min(after[right]);
        while left < before.len() && before[left].0 <= at {
            earlier += before[left].1;
            left += 1;
        }
        while right < after.len() && after[right] <= at {
            later += each;
            right += 1;
        }
        widest = widest.max(f64::abs(earlier - later));
    }
    widest
}

#[cfg(test)]
mod tests {
    use super::*;

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
