//! The three model generations and their baselines, fitted on one set of examples, so that nothing but the model differs.
//!
//! Map, in reading order: this file (what is asked for and what comes of it), `fitting` (the order of fits, and the second
//! fit on everything known), `pool` (examples as the fits see them), `network` (one fit of the network), `hybrid` (the
//! forms of hybrid tried, and which is kept), `sessions` (every model as it will be served, from its exported bytes),
//! `graphless` (what is left of a payment without its graph, for the control run).
//!
//! Never knows a history, a protocol or a metric but the average precision that chooses the hybrid.

mod fitting;
mod graphless;
mod hybrid;
mod network;
mod pool;
mod sessions;

use crate::contender::Contender;
use crate::logistic::Logistic;
use crate::network::{TrainConfig, TrainedNetwork};
use crate::progress::Told;
use crate::trees::{TreeConfig, Trees};
pub use fitting::fit_generations;
use fraudnet_models::{Provider, RuleSet, RuntimeConfig, Scorer};
pub use graphless::without_graph;
use serde::{Deserialize, Serialize};
pub use sessions::GenerationSessions;
pub(crate) use sessions::in_lanes;

/// How the generations are fitted.
#[derive(Debug, Clone)]
pub struct GenerationSettings {
    /// Decides every draw; replaces the seeds of `trees` and `train`.
    pub seed: u64,
    /// Both generations of trees, and those of the hybrid.
    pub trees: TreeConfig,
    /// The network. Its `epochs` are the most; the stop examples say when to end. Its positive weight is replaced: sampled
    /// negatives are weighed back, so that logits speak at true prevalence.
    pub train: TrainConfig,
    /// Fit again on fit and stop examples together, with the rounds, epochs and form found, once these are known.
    pub refit: bool,
    /// Frauds of the later part of the window from which trees on an embedding are tried: they see only that part, since the
    /// network that embeds was fitted on the rest.
    pub embedding_frauds: usize,
    /// The control without a graph: edges cut, columns of the graph and of other entities' reports at their defaults, in
    /// fitting and in scoring.
    pub without_graph: bool,
    /// Whether progress is told.
    pub told: Told,
    /// Threads. Changes the speed, never the result.
    pub threads: usize,
    /// ONNX Runtime, through which embeddings and the stop logits come, as they will be served.
    pub runtime: RuntimeConfig,
}

impl Default for GenerationSettings {
    fn default() -> Self {
        GenerationSettings {
            seed: 1,
            trees: TreeConfig::default(),
            train: TrainConfig::default(),
            refit: true,
            embedding_frauds: 200,
            without_graph: false,
            told: Told::Quietly,
            threads: 2,
            runtime: RuntimeConfig {
                library: std::path::PathBuf::new(),
                providers: vec![Provider::Cpu],
                require_gpu: false,
                max_batch: crate::score::MICRO_BATCH,
                engine_cache: None,
            },
        }
    }
}

/// Everything fitted on one set of examples. Raw logits of all of them speak (roughly) at true prevalence; calibration is
/// the caller's.
#[derive(Debug, Clone, PartialEq)]
pub struct Generations {
    /// Velocity rules.
    pub rules: RuleSet,
    /// Logistic regression on the columns of v2.
    pub logistic: Logistic,
    /// Trees on v1.
    pub trees_v1: Trees,
    /// Trees on v2.
    pub trees_v2: Trees,
    /// The network, fitted on the whole window.
    pub network: TrainedNetwork,
    /// The hybrid kept.
    pub hybrid: Hybrid,
    /// Every form of hybrid tried, in order of cost.
    pub trials: Vec<Trial>,
    /// The stop examples as scored by the first-stage models, which have not learnt from them: for calibration.
    pub stop: Vec<StopRow>,
    /// Seconds each contender took to fit (in the last stage: what a new version costs), by [`Contender::index`]; what a
    /// hybrid shares with the network or the trees is counted in full.
    pub update_s: [f64; Contender::COUNT],
    /// Whether all this is the control without a graph; [`GenerationSessions`] then score without it too.
    pub without_graph: bool,
}

/// The hybrid that was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Hybrid {
    /// Its form and weights.
    pub scorer: Scorer,
    /// Its network: [`Generations::network`], or one fitted on the earlier part of the window where its trees read embeddings.
    pub network: TrainedNetwork,
    /// Its trees, where it has any.
    pub trees: Option<Trees>,
}

/// One form of hybrid, judged on the stop window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// What was tried, or why it was not.
    pub name: String,
    /// Weighted average precision on the stop examples; 0 where it was not tried.
    pub average_precision: f64,
    /// Whether it became the hybrid.
    pub kept: bool,
}

/// A stop example as scored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StopRow {
    /// Raw logits, by [`Contender::index`].
    pub logits: [f32; Contender::COUNT],
    /// Whether it was known to be fraud at the cut.
    pub fraud: bool,
    /// Payments it stands for: 1, or 1 / share for a sampled negative.
    pub weight: f64,
    /// Its history.
    pub history: u32,
    /// Its age at the cut, milliseconds.
    pub age_ms: i64,
}
