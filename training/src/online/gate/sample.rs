//! Payments that both models are judged by, and what they say of them.

use super::Evidence;
use crate::metrics::{Interval, Ranking, block_bootstrap};
use crate::online::material::Piece;
use fraudnet_models::TierSettings;

/// Champion and candidate, in this order everywhere.
pub(super) const CHAMPION: usize = 0;
pub(super) const CANDIDATE: usize = 1;

/// Payments to judge by.
pub(super) struct Sample {
    /// Their numbers in the evidence.
    pub(super) rows: Vec<usize>,
    pub(super) positive: Vec<bool>,
    pub(super) weights: Vec<f64>,
    pub(super) days: Vec<u32>,
    pub(super) logits: [Vec<f32>; 2],
}

impl Sample {
    pub(super) fn of(evidence: &Evidence, take: impl Fn(&Piece) -> bool) -> Sample {
        let pieces = evidence.pieces;
        let rows: Vec<usize> =
            (0..pieces.len()).filter(|&row| pieces[row].weight > 0.0 && take(&pieces[row])).collect();
        let (days, _) = crate::report::blocks(
            rows.iter().map(|&row| (0, pieces[row].occurred_ms.div_euclid(crate::data::split::DAY_MS) as u32)),
        );
        let of = |model: usize| rows.iter().map(|&row| evidence.logits[model][row]).collect();
        Sample {
            positive: rows.iter().map(|&row| pieces[row].is_fraud()).collect(),
            weights: rows.iter().map(|&row| pieces[row].weight).collect(),
            days,
            logits: [of(CHAMPION), of(CANDIDATE)],
            rows,
        }
    }

    pub(super) fn frauds(&self) -> usize {
        self.positive.iter().filter(|positive| **positive).count()
    }

    pub(super) fn ranking(&self, model: usize) -> Ranking {
        Ranking::weighted(&self.logits[model], &self.positive, &self.weights)
    }

    /// The candidate's average precision less the champion's, with its paired interval over whole days.
    pub(super) fn difference(&self, replicates: usize, seed: u64) -> Interval {
        let (champion, candidate) = (self.ranking(CHAMPION), self.ranking(CANDIDATE));
        block_bootstrap(&self.days, replicates, seed, |times| {
            candidate.average_precision_with(times) - champion.average_precision_with(times)
        })
    }

    /// The same of the share of frauds that is found at an alert rate.
    pub(super) fn caught(&self, replicates: usize, seed: u64, rate: f64) -> Interval {
        let (champion, candidate) = (self.ranking(CHAMPION), self.ranking(CANDIDATE));
        block_bootstrap(&self.days, replicates, seed, |times| {
            candidate.at_alert_rate_with(rate, times).recall - champion.at_alert_rate_with(rate, times).recall
        })
    }

    pub(super) fn probabilities(&self, model: usize, settings: &TierSettings) -> Vec<f32> {
        self.logits[model].iter().map(|&logit| settings.calibration.probability(logit)).collect()
    }
}
