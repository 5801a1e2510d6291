//! The epochs of a fit: seeded batches, optimiser steps, a running mean of weights, early stopping on validation average
//! precision. A fit from scratch and a fine-tune differ in where they start and in what holds them there.
//!
//! Cost: that of the gradients ([`super::gradient`]); the optimiser and the copies of the weights are below 1 % of a batch.

use super::gradient::{batch_gradient, score};
use super::step::{AdamW, clip, learning_rate};
use super::train::{EpochReport, Example, Measure, Progress, TrainConfig, TrainError, TrainedNetwork, is_fraud};
use super::weights::Weights;
use fraudnet_features::Tensor;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Runs the epochs of `config` from `start`, whose standardisation stays. Every step also moves each trained value back
/// towards where it started, by `anchor` times the learning rate of the distance. The logits of what comes back still carry
/// the positive weight.
///
/// # Errors
/// [`TrainError::Diverged`]; everything else was checked by the caller.
pub(super) fn descend(
    config: &TrainConfig,
    start: Weights,
    anchor: f32,
    training: &[&Example],
    validation: &[&Example],
    average_precision: Measure,
    progress: &mut dyn FnMut(Progress),
) -> Result<TrainedNetwork, TrainError> {
    let mut weights = start;
    let home = (anchor > 0.0).then(|| weights.trained_values());
    let validation_tensors: Vec<&Tensor> = validation.iter().map(|example| &example.tensor).collect();
    let validation_labels: Vec<bool> = validation.iter().map(|example| is_fraud(example)).collect();
    let validation_weights: Vec<f64> = validation.iter().map(|example| f64::from(example.weight)).collect();
    let steps = config.epochs * training.len().div_ceil(config.batch);
    let mut optimiser = AdamW::new(&weights, config.weight_decay);
    let mut average = Average::new(&weights, config.averaging);
    let mut order: Vec<usize> = (0..training.len()).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed ^ 0x5EED_0F0D_E120_0001);
    let mut best: Option<(Weights, EpochReport)> = None;
    let mut epochs: Vec<EpochReport> = Vec::new();
    let mut step = 0;

    for epoch in 1..=config.stop_after.map_or(config.epochs, |last| last.min(config.epochs)) {
        shuffle(&mut order, &mut rng);
        let (mut loss_sum, mut weight_sum, mut done) = (0f64, 0f64, 0);
        for batch in order.chunks(config.batch) {
            let examples: Vec<&Example> = batch.iter().map(|&i| training[i]).collect();
            let (loss, mut gradient) = batch_gradient(config, &weights, &examples, step);
            let batch_weight: f64 = examples.iter().map(|example| effective_weight(config, example)).sum();
            loss_sum += loss;
            weight_sum += batch_weight;
            gradient.iter_mut().for_each(|slope| *slope /= batch_weight.max(1e-6) as f32);
            if !clip(&mut gradient, config.gradient_limit).is_finite() || !loss.is_finite() {
                return Err(TrainError::Diverged(epoch));
            }
            let mut values = weights.trained_values();
            let rate = learning_rate(config.learning_rate, step, steps);
            optimiser.step(&mut values, &gradient, rate);
            if let Some(home) = &home {
                // Decoupled, as weight decay is: under Adam a pull through the gradient would be scaled away.
                values.iter_mut().zip(home).for_each(|(value, home)| *value -= rate * anchor * (*value - home));
            }
            weights.set_trained_values(&values);
            average.add(&values);
            step += 1;
            done += examples.len();
            progress(Progress::Step { epoch, done, total: training.len(), loss: (loss_sum / weight_sum) as f32 });
        }

        let mut candidate = weights.clone();
        candidate.set_trained_values(average.values());
        let logits = score(&candidate, &validation_tensors, config.shard, config.threads);
        let (precision, better) = if validation.is_empty() {
            (0.0, true)
        } else {
            let precision = average_precision(&logits, &validation_labels, &validation_weights);
            (precision, best.as_ref().is_none_or(|(_, report)| precision > report.validation_average_precision))
        };
        let report = EpochReport {
            epoch,
            examples: done,
            loss: (loss_sum / weight_sum) as f32,
            validation_average_precision: precision,
            best: better,
        };
        progress(Progress::Epoch(report.clone()));
        epochs.push(report.clone());
        if better {
            best = Some((candidate, report));
        } else if best.as_ref().is_some_and(|(_, best)| epoch >= best.epoch + config.patience) {
            break;
        }
    }

    let (weights, report) = best.expect("there is at least one epoch");
    Ok(TrainedNetwork {
        weights,
        best_epoch: report.epoch,
        validation_average_precision: report.validation_average_precision,
        epochs,
    })
}

/// Fisher–Yates with the generator's own words, so that the order does not depend on a library's shuffling.
fn shuffle(order: &mut [usize], rng: &mut ChaCha8Rng) {
    for i in (1..order.len()).rev() {
        order.swap(i, (rng.next_u64() % (i as u64 + 1)) as usize);
    }
}

/// What an example counts for in the loss.
fn effective_weight(config: &TrainConfig, example: &Example) -> f64 {
    f64::from(example.weight) * if is_fraud(example) { f64::from(config.positive_weight) } else { 1.0 }
}

/// Running mean of weights (Polyak averaging): evens out the last steps, which matters where frauds are few.
struct Average {
    decay: f32,
    values: Vec<f32>,
    steps: u32,
}

impl Average {
    fn new(weights: &Weights, decay: f32) -> Self {
        Average { decay, values: weights.trained_values(), steps: 0 }
    }

    fn add(&mut self, values: &[f32]) {
        self.steps += 1;
        // Early on a plain mean of few steps: the first weights should not linger.
        let decay = self.decay.min(self.steps as f32 / (self.steps as f32 + 10.0));
        self.values.iter_mut().zip(values).for_each(|(mean, value)| *mean = decay * *mean + (1.0 - decay) * value);
    }

    fn values(&self) -> &[f32] {
        &self.values
    }
}
