//! What a model was fitted on and how: the `data` of its manifest. Deterministic: no time of day, no speed, no path.

use crate::data::examples::Shares;
use crate::data::split::{SplitSettings, Windows};
use crate::generations::Trial;
use crate::metrics::rounded;
use crate::network::{TrainConfig, TrainedNetwork};
use crate::points::PointGoals;
use crate::trees::{TreeConfig, Trees};
use fraudnet_features::FeatureSet;
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
    /// Further payments of which trees read the row alone; none known to be fraud.
    pub row_examples: u64,
    /// Shares of payments not known to be fraud that were asked for; each kept one is weighed by one over the share kept.
    pub shares: Shares,
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
    /// The model's network; absent where it has none.
    pub network: Option<NetworkFacts>,
    /// The model's trees; absent where it has none.
    pub trees: Option<TreeFacts>,
    /// The forms of hybrid that were tried, for the hybrid; empty for others.
    pub trials: Vec<Trial>,
    /// The golden vectors.
    pub golden: GoldenFacts,
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

/// How the golden vectors compare with what is served.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GoldenFacts {
    /// Vectors published.
    pub vectors: u64,
    /// Largest difference in raw logit between them (the trainer's own forward pass, the plain trees) and the exported files.
    pub logit: f64,
}

/// How the network was fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkFacts {
    /// Trained numbers.
    pub parameters: u64,
    /// Epoch whose weights were kept.
    pub best_epoch: usize,
    /// Mean loss and early-stop average precision (sampled negatives weighed back) of every epoch.
    pub epochs: Vec<EpochFacts>,
    /// Examples a step.
    pub batch: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Weight of a fraud in the loss beyond that of a kept negative, undone in the logit.
    pub positive_weight: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Dropout of the joined vector.
    pub dropout: f64,
}

/// How trees were fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreeFacts {
    /// Name of the feature set they read.
    pub feature_set: String,
    /// Its columns.
    pub columns: u64,
    /// Columns any split reads.
    pub columns_read: u64,
    /// How they were grown.
    pub config: TreeConfig,
    /// Rounds kept.
    pub rounds: usize,
    /// Average precision on the early-stop examples at that round.
    pub average_precision: f64,
    /// Columns by share of all gain, most important first; those no split reads are left out.
    pub importance: Vec<(String, f64)>,
}

impl TreeFacts {
    /// Of these trees on that set.
    pub fn of(trees: &Trees, set: FeatureSet, config: &TreeConfig, seed: u64) -> TreeFacts {
        TreeFacts {
            feature_set: set.name().to_owned(),
            columns: set.width() as u64,
            columns_read: trees.gain.iter().filter(|&&gain| gain > 0.0).count() as u64,
            config: TreeConfig { seed, ..config.clone() },
            rounds: trees.rounds,
            average_precision: rounded(trees.stop_average_precision.unwrap_or(0.0)),
            importance: importance(trees, set),
        }
    }
}

/// Columns by share of all gain, most important first (of equals the first column); those no split reads are left out.
pub fn importance(trees: &Trees, set: FeatureSet) -> Vec<(String, f64)> {
    let total: f64 = trees.gain.iter().sum();
    let mut columns: Vec<(String, f64)> = set
        .features()
        .iter()
        .zip(&trees.gain)
        .filter(|(_, gain)| **gain > 0.0)
        .map(|(feature, gain)| (feature.name.to_owned(), rounded(gain / total)))
        .collect();
    columns.sort_by(|a, b| b.1.total_cmp(&a.1));
    columns
}

impl NetworkFacts {
    /// Of a fitted network.
    pub fn of(trained: &TrainedNetwork, config: &TrainConfig) -> NetworkFacts {
        NetworkFacts {
            parameters: trained.weights.trained_count() as u64,
            best_epoch: trained.best_epoch,
            epochs: trained
                .epochs
                .iter()
                .map(|epoch| EpochFacts {
                    loss: rounded(f64::from(epoch.loss)),
                    average_precision: rounded(epoch.validation_average_precision),
                })
                .collect(),
            batch: config.batch,
            learning_rate: rounded(f64::from(config.learning_rate)),
            positive_weight: rounded(f64::from(config.positive_weight)),
            weight_decay: rounded(f64::from(config.weight_decay)),
            dropout: rounded(f64::from(config.dropout)),
        }
    }
}

/// One epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochFacts {
    /// Mean loss.
    pub loss: f64,
    /// Average precision on the early-stop examples.
    pub average_precision: f64,
}
