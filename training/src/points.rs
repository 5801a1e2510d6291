//! Operating points: from which probability a decision applies.

use crate::metrics::Ranking;
use anyhow::{Result, ensure};
use fraudnet_models::OperatingPoints;
use serde::{Deserialize, Serialize};

/// What the points are to give, on the calibration window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PointGoals {
    /// Decline from the lowest probability at which this share of the declined is fraud.
    pub decline_precision: f64,
    /// Review (or decline) this share of payments: what analysts have time for.
    pub review_rate: f64,
    /// Challenge (or review, or decline) this share of payments: what customers put up with.
    pub challenge_rate: f64,
}

impl Default for PointGoals {
    fn default() -> PointGoals {
        PointGoals { decline_precision: 0.9, review_rate: 0.005, challenge_rate: 0.01 }
    }
}

/// Fewest payments a precision is believed from.
const LEAST_DECLINED: f64 = 20.0;

/// The points of one tier. Where no threshold reaches the precision asked, only the certain is declined (probability
/// 1 or more than any seen), and review takes what would have been declined.
///
/// # Errors
/// Rates out of order.
pub fn choose(probabilities: &[f32], positive: &[bool], goals: &PointGoals) -> Result<OperatingPoints> {
    choose_weighted(probabilities, positive, &vec![1.0; positive.len()], goals)
}

/// The same of payments that stand for `weights[i]` payments each, as a sample of them does.
///
/// # Errors
/// As [`choose`].
pub fn choose_weighted(
    probabilities: &[f32],
    positive: &[bool],
    weights: &[f64],
    goals: &PointGoals,
) -> Result<OperatingPoints> {
    ensure!(
        0.0 < goals.review_rate && goals.review_rate <= goals.challenge_rate && goals.challenge_rate < 1.0,
        "the alert rates must satisfy 0 < review ({}) <= challenge ({}) < 1",
        goals.review_rate,
        goals.challenge_rate
    );
    let ranking = Ranking::weighted(probabilities, positive, weights);
    let at_rate = |rate| threshold_within(&ranking, rate);
    let challenge = at_rate(goals.challenge_rate);
    let review = at_rate(goals.review_rate).max(challenge);
    let decline = ranking.lowest_with_precision(goals.decline_precision, LEAST_DECLINED).unwrap_or(1.0).max(review);
    Ok(OperatingPoints { challenge, review, decline })
}

/// The lowest threshold that flags no more than `rate`. Of equal probabilities (rules give few distinct ones) a
/// threshold flags all or none, so the next higher one is taken where all would be too many: halfway on, to be robust
/// to rounding.
fn threshold_within(ranking: &Ranking, rate: f64) -> f32 {
    let reached = ranking.at_alert_rate(rate).threshold.min(1.0);
    if ranking.at_threshold(reached).alert_rate <= rate * 1.05 {
        return reached;
    }
    // Just above the tie: the smallest probability that leaves it out.
    reached.next_up().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_give_what_was_asked_and_ascend() {
        // 10,000 payments, the top 100 by score: 60 fraud first, then alternating.
        let probabilities: Vec<f32> = (0..10_000).map(|row| 1.0 - row as f32 / 10_001.0).collect();
        let positive: Vec<bool> = (0..10_000).map(|row| row < 30 || (row < 100 && row % 2 == 0)).collect();
        let points = choose(&probabilities, &positive, &PointGoals::default()).unwrap();
        let ranking = Ranking::new(&probabilities, &positive);
        assert!((ranking.at_threshold(points.review).alert_rate - 0.005).abs() < 2e-4);
        assert!((ranking.at_threshold(points.challenge).alert_rate - 0.01).abs() < 2e-4);
        assert!(ranking.at_threshold(points.decline).precision >= 0.9);
        assert!(points.challenge <= points.review && points.review <= points.decline);
    }

    #[test]
    fn a_weight_counts_as_so_many_payments() {
        let probabilities: Vec<f32> = (0..4_000).map(|row| 1.0 - row as f32 / 4_001.0).collect();
        let positive: Vec<bool> = (0..4_000).map(|row| row < 40).collect();
        let weights: Vec<f64> = positive.iter().map(|&positive| if positive { 1.0 } else { 10.0 }).collect();
        let (mut all, mut labels) = (Vec::new(), Vec::new());
        for (probability, &positive) in probabilities.iter().zip(&positive) {
            let times = if positive { 1 } else { 10 };
            all.extend(std::iter::repeat_n(*probability, times));
            labels.extend(std::iter::repeat_n(positive, times));
        }
        let goals = PointGoals::default();
        let weighted = choose_weighted(&probabilities, &positive, &weights, &goals).unwrap();
        assert_eq!(weighted, choose(&all, &labels, &goals).unwrap());
    }

    #[test]
    fn without_enough_precision_only_the_certain_is_declined() {
        let probabilities: Vec<f32> = (0..1_000).map(|row| row as f32 / 2_000.0).collect();
        let points = choose(&probabilities, &[false; 1_000], &PointGoals::default()).unwrap();
        assert_eq!(points.decline, 1.0);
        assert!(
            choose(&probabilities, &[false; 1_000], &PointGoals { review_rate: 0.5, ..PointGoals::default() }).is_err()
        );
    }

    #[test]
    fn a_tie_that_is_too_large_is_left_out() {
        let mut probabilities = vec![0.3f32; 500];
        probabilities.extend(vec![0.01f32; 9_500]);
        let points = choose(&probabilities, &vec![false; 10_000], &PointGoals::default()).unwrap();
        assert_eq!(Ranking::new(&probabilities, &vec![false; 10_000]).at_threshold(points.review).alert_rate, 0.0);
    }
}
