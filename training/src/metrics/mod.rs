//! Metrics of scored payments, all deterministic and all of fraud as the positive class.
//!
//! Reading order: [`ranking`] (average precision, ROC AUC, thresholds and alert rates), [`reliability`] (how far
//! probabilities are from what came true), [`mod@alerts`] (who is looked at), [`mod@money`] (what that saves), [`mod@card`] (accounts looked at
//! a day), [`mod@drift`] (whether scores moved), [`bootstrap`] (intervals by resampling whole days).
//! Never knows where scores come from, what a payment is, or which labels it is given.

pub mod alerts;
pub mod bootstrap;
pub mod card;
pub mod drift;
pub mod money;
pub mod ranking;
pub mod reliability;

pub use alerts::{Alerts, daily_interception};
pub use bootstrap::{Interval, block_bootstrap};
pub use card::{CardPrecision, card_precision};
pub use drift::{Drift, drift};
pub use money::{Money, money};
pub use ranking::{AtThreshold, Ranking};
pub use reliability::{
    expected_calibration_error, reliability_curve, top_decile_ratio, weighted_calibration_error,
    weighted_top_decile_ratio,
};

/// Average precision of payments that stand for `weights` payments each; zero where nothing is positive. What early stops go by.
pub fn weighted_average_precision(scores: &[f32], positive: &[bool], weights: &[f64]) -> f64 {
    Ranking::weighted(scores, positive, weights).average_precision()
}

/// Average precision of unweighted scores; zero where nothing is positive.
pub fn average_precision(scores: &[f32], positive: &[bool]) -> f64 {
    Ranking::new(scores, positive).average_precision()
}

/// Six decimals: as many as a report shows, so that its JSON reads well and two runs compare as text.
pub fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
