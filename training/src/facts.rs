//! What a model was fitted on and how: the `data` of its manifest. Deterministic: no time of day, no speed, no path.

use crate::data::split::{SplitSettings, Windows};
use crate::points::PointGoals;
use serde::{Deserialize, Serialize};

/// Everything that went into a fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FitFacts {
    /// The histories.
    pub sources: Vec<SourceFacts>,
    /// How time was split.
    pub split: SplitSettings,
    /// Payments of the fit window.
    pub fit_payments: u64,
    /// Of them, kept as examples.
    pub fit_examples: u64,
    /// Of them, known frauds (all of the window).
    pub fit_frauds: u64,
    /// Share of payments not known to be fraud that were kept; its logarithm was added to the network's logit.
    pub negative_share: f64,
    /// Payments of the early-stop window.
    pub stop_payments: u64,
    /// Of them, kept as examples.
    pub stop_examples: u64,
    /// Of them, known frauds.
    pub stop_frauds: u64,
    /// Payments of the calibration window, all of which were scored.
    pub calibration_payments: u64,
    /// Of them, known frauds.
    pub calibration_frauds: u64,
    /// Reports the delay curve was estimated from.
    pub delay_reports: u64,
    /// Form of each tier's calibration.
    pub calibration_forms: Vec<(String, String)>,
    /// What the operating points were to give.
    pub goals: PointGoals,
    /// The network.
    pub network: NetworkFacts,
    /// Bytes of the examples' tensors over the bytes of the same values padded as f32.
    pub compact_share: f64,
}

/// One history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// Its name.
    pub name: String,
    /// How it was made, as far as known.
    pub made: serde_json::Value,
    /// Hex sha256 over the JSON form of every event, a newline after each.
    pub sha256: String,
    /// Events of all kinds.
    pub events: u64,
    /// Payments.
    pub payments: u64,
    /// Frauds by truth, where it is told for every payment.
    pub frauds: Option<u64>,
    /// Its windows.
    pub windows: Windows,
}

/// How the network was fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkFacts {
    /// Trained numbers.
    pub parameters: u64,
    /// Epoch whose weights were kept.
    pub best_epoch: usize,
    /// Mean loss and early-stop average precision (on kept examples, so not at true prevalence) of every epoch.
    pub epochs: Vec<EpochFacts>,
    /// Examples a step.
    pub batch: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Weight of a fraud in the loss, undone in the logit.
    pub positive_weight: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Dropout of the joined vector.
    pub dropout: f64,
}

/// One epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochFacts {
    /// Mean loss.
    pub loss: f64,
    /// Average precision on the early-stop examples.
    pub average_precision: f64,
}
