//! Fitting a network from scratch: its settings, what is told on the way, what comes of it.
//!
//! The epochs themselves are `super::descent`'s, which a fine-tune shares.

use super::descent::descend;
use super::standardise::Standardisation;
use super::weights::Weights;
use fraudnet_features::Tensor;

pub use super::gradient::gradient;

/// A payment to learn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Its tensor, as observed.
    pub tensor: Tensor,
    /// 1 fraud, 0 not.
    pub label: f32,
    /// How much it counts; 1 is normal.
    pub weight: f32,
}

/// How a network is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainConfig {
    /// Decides first weights, order of examples and dropout.
    pub seed: u64,
    /// Most passes over the training set.
    pub epochs: usize,
    /// Payments a step.
    pub batch: usize,
    /// Payments a shard; a batch is cut into shards, which are the unit of work of a thread.
    pub shard: usize,
    /// Threads. Changes the speed, never the result.
    pub threads: usize,
    /// Peak learning rate.
    pub learning_rate: f32,
    /// Decoupled weight decay of matrices.
    pub weight_decay: f32,
    /// Longest gradient.
    pub gradient_limit: f32,
    /// Share of the joined vector dropped while training.
    pub dropout: f32,
    /// How much more a fraud counts than a legitimate payment. The logit is moved back by its logarithm after the fit.
    pub positive_weight: f32,
    /// Epochs without a better validation average precision before it stops.
    pub patience: usize,
    /// Epoch after which it ends whatever the validation says, the learning rate still planned for `epochs`: how a second
    /// fit repeats what a first one found best. `None`: no such epoch.
    pub stop_after: Option<usize>,
    /// Decay of the running mean of weights that is evaluated and kept, a step; 0 keeps the last weights themselves.
    pub averaging: f32,
    /// Keeps between forward and backward pass only what each layer reads and computes the rest again: for large shards, see
    /// [`super::checkpoint`].
    pub checkpoint: bool,
}

impl Default for TrainConfig {
    fn default() -> Self {
        TrainConfig {
            seed: 1,
            epochs: 12,
            batch: 64,
            shard: 16,
            threads: 2,
            learning_rate: 2e-3,
            weight_decay: 1e-2,
            gradient_limit: 1.0,
            dropout: 0.1,
            positive_weight: 1.0,
            patience: 4,
            stop_after: None,
            averaging: 0.99,
            checkpoint: false,
        }
    }
}

/// Why there is nothing to fit, or nothing came of it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// A set of examples is empty or of one class only.
    #[error("the {0} set needs examples of both fraud and legitimate payments; take a longer history or another split")]
    OneClass(&'static str),
    /// Examples differ in width.
    #[error("an example has {found} payment features, the first has {expected}; replay the history with one build")]
    Width {
        /// Columns of the first example.
        expected: usize,
        /// Columns of this one.
        found: usize,
    },
    /// Examples are not what the network to be fitted further reads.
    #[error(
        "the examples have {found} payment features, the network to start from reads {expected}; use examples of its feature schema"
    )]
    StartWidth {
        /// Columns the network reads.
        expected: usize,
        /// Columns of the examples.
        found: usize,
    },
    /// A setting makes no sense.
    #[error("the setting `{0}` must be {1}")]
    Setting(&'static str, &'static str),
    /// Loss or weights left the range of numbers.
    #[error("the loss is no longer a number in epoch {0}; lower the learning rate")]
    Diverged(usize),
}

/// What is told while a fit runs. The caller measures time: nothing here reads a clock.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// A step was done.
    Step {
        /// Epoch, from 1.
        epoch: usize,
        /// Examples of the epoch done.
        done: usize,
        /// Examples of the epoch.
        total: usize,
        /// Mean loss of the epoch so far.
        loss: f32,
    },
    /// An epoch was done.
    Epoch(EpochReport),
}

/// An epoch of a fit.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochReport {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Examples seen in it.
    pub examples: usize,
    /// Mean weighted loss of an example.
    pub loss: f32,
    /// Average precision on the validation set after it; 0 where there is no validation set.
    pub validation_average_precision: f64,
    /// True where that is the best so far.
    pub best: bool,
}

/// A fitted network.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedNetwork {
    /// Weights of the best epoch. Logits speak at the prior of the (weighted) training set: the positive weight is undone.
    pub weights: Weights,
    /// That epoch.
    pub best_epoch: usize,
    /// Its average precision on the validation set.
    pub validation_average_precision: f64,
    /// All epochs run.
    pub epochs: Vec<EpochReport>,
}

/// Scores, classes and weights to one number, higher being better.
pub type Measure = fn(&[f32], &[bool], &[f64]) -> f64;

/// Fits a network to `training`, watching `validation`; without a validation set it runs all epochs and keeps the last.
/// Same arguments, same bits.
///
/// # Errors
/// A set lacks a class, examples differ in width, a setting makes no sense, or the fit diverges.
pub fn train(
    config: &TrainConfig,
    training: &[&Example],
    validation: &[&Example],
    average_precision: Measure,
    progress: &mut dyn FnMut(Progress),
) -> Result<TrainedNetwork, TrainError> {
    check(config, training, validation)?;
    let payment_width = training[0].tensor.payment.len();
    let standardisation = Standardisation::of(training.iter().map(|example| &example.tensor), payment_width);
    let start = Weights::initial(payment_width, &standardisation, config.seed);
    let mut trained = descend(config, start, 0.0, training, validation, average_precision, progress)?;
    // A positive weight w multiplies the odds the loss is content with by w.
    trained.weights.shift_logit(-config.positive_weight.ln());
    Ok(trained)
}

pub(super) fn is_fraud(example: &Example) -> bool {
    example.label >= 0.5
}

/// Whether a fit can begin.
pub(super) fn check(config: &TrainConfig, training: &[&Example], validation: &[&Example]) -> Result<(), TrainError> {
    let positive = [
        ("epochs", config.epochs),
        ("batch", config.batch),
        ("shard", config.shard),
        ("threads", config.threads),
        ("stop_after", config.stop_after.unwrap_or(1)),
    ];
    if let Some((name, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
        return Err(TrainError::Setting(name, "at least 1"));
    }
    let shares = [("dropout", config.dropout), ("averaging", config.averaging)];
    if let Some((name, _)) = shares.into_iter().find(|(_, value)| !(0.0..1.0).contains(value)) {
        return Err(TrainError::Setting(name, "at least 0 and below 1"));
    }
    let above = [
        ("learning_rate", config.learning_rate),
        ("gradient_limit", config.gradient_limit),
        ("positive_weight", config.positive_weight),
    ];
    if let Some((name, _)) = above.into_iter().find(|(_, value)| value.is_nan() || *value <= 0.0) {
        return Err(TrainError::Setting(name, "above 0"));
    }
    for (name, set) in [("training", training), ("validation", validation)] {
        let frauds = set.iter().filter(|example| is_fraud(example)).count();
        let left_out = name == "validation" && set.is_empty();
        if !left_out && (frauds == 0 || frauds == set.len()) {
            return Err(TrainError::OneClass(name));
        }
    }
    let expected = training[0].tensor.payment.len();
    match training.iter().chain(validation).find(|example| example.tensor.payment.len() != expected) {
        Some(example) => Err(TrainError::Width { expected, found: example.tensor.payment.len() }),
        None => Ok(()),
    }
}
