//! Fitting a network further on newer payments without losing what it knows.
//!
//! It starts from given weights and keeps their standardisation, takes smaller steps over fewer epochs, and every step pulls
//! each trained value back towards where it started (L2-SP: Li, Grandvalet & Davoine 2018, decoupled from the gradient as
//! AdamW decouples weight decay). Adam moves a value by about the learning rate a step, so that with an anchor `a` none
//! drifts further than about `1/a` from its start, however long it is pulled elsewhere.
//!
//! What keeps old patterns alive beside that is which examples it is given: that is the caller's replay buffer.

use super::descent::descend;
use super::gradient::score;
use super::train::{Example, Measure, Progress, TrainConfig, TrainError, TrainedNetwork, check, is_fraud};
use super::weights::Weights;
use fraudnet_features::Tensor;

/// How a network is fitted further.
#[derive(Debug, Clone, PartialEq)]
pub struct FineTuneConfig {
    /// Decides order of examples and dropout.
    pub seed: u64,
    /// Passes over the examples.
    pub epochs: usize,
    /// Payments a step.
    pub batch: usize,
    /// Payments a shard, the unit of work of a thread.
    pub shard: usize,
    /// Threads. Changes the speed, never the result.
    pub threads: usize,
    /// Peak learning rate; a tenth of a first fit's is a good start.
    pub learning_rate: f32,
    /// Decoupled weight decay of matrices. With an anchor there is little use for it.
    pub weight_decay: f32,
    /// Longest gradient.
    pub gradient_limit: f32,
    /// Share of the joined vector dropped while fitting.
    pub dropout: f32,
    /// How much more a fraud counts than a legitimate payment. Logits come out at the prior of the weighted examples: it is
    /// put into the start and taken out of the end.
    pub positive_weight: f32,
    /// Pull towards the start; 0 for none. About one over the furthest that a value may drift.
    pub anchor: f32,
    /// Decay of the running mean of weights that is evaluated and kept, a step; 0 keeps the last weights themselves.
    pub averaging: f32,
}

impl Default for FineTuneConfig {
    fn default() -> Self {
        FineTuneConfig {
            seed: 1,
            epochs: 3,
            batch: 64,
            shard: 16,
            threads: 1,
            learning_rate: 3e-4,
            weight_decay: 0.0,
            gradient_limit: 1.0,
            dropout: 0.1,
            positive_weight: 1.0,
            anchor: 10.0,
            averaging: 0.9,
        }
    }
}

impl FineTuneConfig {
    /// The same as settings of a fit that never stops early.
    fn course(&self) -> TrainConfig {
        TrainConfig {
            seed: self.seed,
            epochs: self.epochs,
            batch: self.batch,
            shard: self.shard,
            threads: self.threads,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            gradient_limit: self.gradient_limit,
            dropout: self.dropout,
            positive_weight: self.positive_weight,
            patience: self.epochs,
            stop_after: None,
            averaging: self.averaging,
            checkpoint: false,
        }
    }
}

/// Fits `start` further on `examples` and keeps the epoch that is best on `validation`, or `start` itself (epoch 0) where none is better;
/// without a validation set, the last. Same arguments, same bits.
///
/// # Errors
/// A set lacks a class, examples are not of the width the network reads, a setting makes no sense, or the fit diverges.
pub fn fine_tune(
    start: &Weights,
    examples: &[&Example],
    config: &FineTuneConfig,
    validation: &[&Example],
    average_precision: Measure,
    progress: &mut dyn FnMut(Progress),
) -> Result<TrainedNetwork, TrainError> {
    let course = config.course();
    check(&course, examples, validation)?;
    // Above 1 a pull would overshoot.
    if !(0.0..=1.0).contains(&(config.anchor * config.learning_rate)) {
        return Err(TrainError::Setting("anchor", "at least 0 and at most one over the learning rate"));
    }
    let (expected, found) = (start.payment_width(), examples[0].tensor.payment.len());
    if expected != found {
        return Err(TrainError::StartWidth { expected, found });
    }
    let mut shifted = start.clone();
    shifted.shift_logit(config.positive_weight.ln());
    let mut tuned = descend(&course, shifted, config.anchor, examples, validation, average_precision, progress)?;
    tuned.weights.shift_logit(-config.positive_weight.ln());
    if !validation.is_empty() {
        let tensors: Vec<&Tensor> = validation.iter().map(|example| &example.tensor).collect();
        let frauds: Vec<bool> = validation.iter().map(|example| is_fraud(example)).collect();
        let weights: Vec<f64> = validation.iter().map(|example| f64::from(example.weight)).collect();
        let before = average_precision(&score(start, &tensors, config.shard, config.threads), &frauds, &weights);
        if before >= tuned.validation_average_precision {
            tuned.weights = start.clone();
            (tuned.best_epoch, tuned.validation_average_precision) = (0, before);
        }
    }
    Ok(tuned)
}
