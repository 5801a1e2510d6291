//! What can be said without labels: where probabilities are calibrated, they tell themselves how often they should be right.
//!
//! Confidence-based performance estimation: of payments with probabilities p, Σp are expected to be fraud; of those flagged, Σp of the
//! flagged rightly; and a pair (i, j) counts for the AUC with weight pᵢ(1 − pⱼ), the chance that i is the fraud of the two. It sees the
//! model becoming unsure, and fraud piling up below the thresholds. It cannot see what the model is sure of and wrong about: that
//! takes labels.

use serde::{Deserialize, Serialize};

/// What is expected of scored payments without knowing any label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Estimate {
    /// Payments.
    pub payments: u64,
    /// Frauds expected among them.
    pub frauds: f64,
    /// Expected AUC; a half where nothing is expected to be fraud.
    pub auc: f64,
    /// Expected share of the flagged that are fraud; 0 where nothing is flagged.
    pub precision: f64,
    /// Expected share of the frauds that are flagged; 0 where nothing is expected to be fraud.
    pub recall: f64,
}

/// The estimate of payments with their calibrated probabilities (0–1) and whether each was flagged (review or decline). In n log n.
pub fn estimate(payments: impl Iterator<Item = (f32, bool)>) -> Estimate {
    let mut rows: Vec<(f32, bool)> = payments.filter(|(probability, _)| probability.is_finite()).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut frauds, mut honest, mut caught, mut flagged, mut own) = (0.0, 0.0, 0.0, 0.0, 0.0);
    // Of pairs of different probabilities the higher one wins; of equals each half.
    let mut won = 0.0;
    for equals in rows.chunk_by(|a, b| a.0 == b.0) {
        let probability = f64::from(equals[0].0).clamp(0.0, 1.0);
        let count = equals.len() as f64;
        let (risky, safe) = (probability * count, (1.0 - probability) * count);
        // A payment is no pair with itself.
        let itself = probability * (1.0 - probability) * count;
        won += risky * honest + 0.5 * (risky * safe - itself);
        own += itself;
        frauds += risky;
        honest += safe;
        let alerts = equals.iter().filter(|(_, flagged)| *flagged).count() as f64;
        flagged += alerts;
        caught += alerts * probability;
    }
    let pairs = frauds * honest - own;
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    Estimate {
        payments: rows.len() as u64,
        frauds,
        auc: if pairs > 0.0 { (won / pairs).clamp(0.0, 1.0) } else { 0.5 },
        precision: share(caught, flagged),
        recall: share(caught, frauds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::auc::roc_auc;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    #[test]
    fn small_cases_by_hand() {
        let given = estimate([(0.8, true), (0.2, false)].into_iter());
        // Pairs: 0.8 is the fraud and 0.2 is not: 0.64, won; the other way round: 0.04, lost.
        assert!((given.auc - 0.64 / 0.68).abs() < 1e-7, "{given:?}");
        assert!((given.frauds - 1.0).abs() < 1e-6 && (given.precision - 0.8).abs() < 1e-6);
        assert!((given.recall - 0.8).abs() < 1e-6);
        let tied = estimate([(0.3, false); 4].into_iter());
        assert!((tied.auc - 0.5).abs() < 1e-12 && tied.precision == 0.0);
        assert_eq!(estimate([].into_iter()).auc, 0.5);
        assert_eq!(estimate([(f32::NAN, true)].into_iter()).payments, 0);
    }

    #[test]
    fn calibrated_probabilities_tell_what_comes_true() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let mut unit = || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let rows: Vec<(f32, bool)> = (0..200_000)
            .map(|_| {
                let probability = unit().powi(6) as f32;
                (probability, unit() < f64::from(probability))
            })
            .collect();
        let told = estimate(rows.iter().map(|&(probability, _)| (probability, probability >= 0.5)));
        let of = |fraud: bool| rows.iter().filter(|row| row.1 == fraud).map(|row| row.0).collect::<Vec<f32>>();
        let auc = roc_auc(&of(true), &of(false)).unwrap();
        assert!((told.auc - auc).abs() < 0.005, "{} {auc}", told.auc);
        let frauds = of(true).len() as f64;
        assert!((told.frauds / frauds - 1.0).abs() < 0.02);
        let caught = of(true).iter().filter(|&&probability| probability >= 0.5).count() as f64;
        assert!((told.recall - caught / frauds).abs() < 0.01);
    }
}
