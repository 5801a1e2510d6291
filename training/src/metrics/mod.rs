//! Metrics of scored payments, all deterministic and all of fraud as the positive class.
//!
//! Reading order: [`ranking`] (average precision, ROC AUC, thresholds and alert rates), [`reliability`] (how far
//! probabilities are from what came true), [`bootstrap`] (intervals by resampling whole days).
//! Never knows where scores come from, what a payment is, or which labels it is given.

pub mod bootstrap;
pub mod ranking;
pub mod reliability;

pub use bootstrap::{Interval, block_bootstrap};
pub use ranking::{AtThreshold, Ranking};
pub use reliability::{expected_calibration_error, top_decile_ratio};

/// Average precision of unweighted scores; zero where nothing is positive. The form the early stop takes.
pub fn average_precision(scores: &[f32], positive: &[bool]) -> f64 {
    Ranking::new(scores, positive).average_precision()
}

/// Six decimals: as many as a report shows, so that its JSON reads well and two runs compare as text.
pub fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
