//! The training loop: seeded batches, two threads, early stopping on validation average precision.
//!
//! Every batch is cut into shards of fixed size; threads take shards, each with its own copy of the network, and the
//! gradients are summed in the order of the shards. So the result is the same to the last bit on one thread or several.
//!
//! Cost: a payment forward and backward takes 1.1 ms of one core in a release build at 16 payments a shard (880 a CPU second;
//! 790 at 32, 940 at 8: small shards stay in the cache); a second thread costs a fifth more CPU time in all. The optimiser
//! and the copies of the weights are below 1 % of a batch.

use super::forward::{Network, values};
use super::input::{NetworkInput, floats};
use super::loss::weighted_cross_entropy;
use super::shape::WIDTH;
use super::standardise::Standardisation;
use super::step::{AdamW, clip, learning_rate};
use super::weights::{Weights, unit};
use burn::tensor::Device;
use fraudnet_features::Tensor;
use fraudnet_models::Batch;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

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
    let mut weights = Weights::initial(payment_width, &standardisation, config.seed);

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
            optimiser.step(&mut values, &gradient, learning_rate(config.learning_rate, step, steps));
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

    let (mut weights, report) = best.expect("there is at least one epoch");
    // A positive weight w multiplies the odds the loss is content with by w.
    weights.shift_logit(-config.positive_weight.ln());
    Ok(TrainedNetwork {
        weights,
        best_epoch: report.epoch,
        validation_average_precision: report.validation_average_precision,
        epochs,
    })
}

/// Logits of these payments, in order, `chunk` at a time on `threads` threads.
pub fn score(weights: &Weights, tensors: &[&Tensor], chunk: usize, threads: usize) -> Vec<f32> {
    let device = Device::flex();
    let chunks: Vec<&[&Tensor]> = tensors.chunks(chunk.max(1)).collect();
    let scored = in_threads(threads, &chunks, |chunk| {
        let mut batch = Batch::default();
        batch.fill(chunk);
        let input = NetworkInput::new(&batch, weights, &device);
        values(Network::new(weights, &device).forward(&input).logit)
    });
    scored.concat()
}

/// Sum of the losses of a batch and the gradient of that sum.
fn batch_gradient(config: &TrainConfig, weights: &Weights, examples: &[&Example], step: usize) -> (f64, Vec<f32>) {
    let shards: Vec<(usize, &[&Example])> = examples.chunks(config.shard).enumerate().collect();
    let parts = in_threads(config.threads, &shards, |&(shard, examples)| {
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        rng.set_stream(1 + step as u64);
        rng.set_word_pos((shard as u128) << 32);
        let dropout = (config.dropout > 0.0).then(|| dropout(examples.len(), config.dropout, &mut rng));
        gradient(weights, examples, config.positive_weight, dropout)
    });
    let mut parts = parts.into_iter();
    let (mut loss, mut sum) = parts.next().expect("a batch has at least one shard");
    for (shard_loss, gradient) in parts {
        loss += shard_loss;
        sum.iter_mut().zip(&gradient).for_each(|(sum, slope)| *sum += slope);
    }
    (loss, sum)
}

/// Sum of the losses of some examples and the gradient of that sum, in the order of [`Weights::trained_values`].
/// `dropout` are factors on the joined vector, see [`NetworkInput::with_dropout`].
pub fn gradient(
    weights: &Weights,
    examples: &[&Example],
    positive_weight: f32,
    dropout: Option<Vec<f32>>,
) -> (f64, Vec<f32>) {
    let device = Device::flex();
    let tensors: Vec<&Tensor> = examples.iter().map(|example| &example.tensor).collect();
    let mut batch = Batch::default();
    batch.fill(&tensors);
    let mut input = NetworkInput::new(&batch, weights, &device);
    if let Some(factors) = dropout {
        input = input.with_dropout(factors);
    }
    let network = Network::new(weights, &device.clone().autodiff());
    let logit = network.forward(&input).logit;

    let mut loss = 0.0;
    let slopes = values(logit.clone()).into_iter().zip(examples).map(|(logit, example)| {
        let (one, slope) = weighted_cross_entropy(logit, example.label, example.weight, positive_weight);
        loss += f64::from(one);
        slope
    });
    let slopes = floats(slopes.collect(), [examples.len(), 1], &device);
    // The derivative of sum(slope · logit) by any weight is that of the loss.
    let gradients = (logit * slopes).sum().backward();
    (loss, network.gradient(&gradients))
}

/// Runs `work` on every item with up to `threads` threads; results in the order of the items.
fn in_threads<T: Sync, R: Send>(threads: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = threads.clamp(1, items.len().max(1));
    if threads == 1 {
        return items.iter().map(work).collect();
    }
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    let work = &work;
    let share =
        |first: usize| items.iter().enumerate().skip(first).step_by(threads).map(move |(i, item)| (i, work(item)));
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|first| scope.spawn(move || share(first).collect::<Vec<_>>())).collect();
        for (i, result) in share(0) {
            results[i] = Some(result);
        }
        for other in others {
            for (i, result) in other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                results[i] = Some(result);
            }
        }
    });
    results.into_iter().map(|result| result.expect("every item has its thread")).collect()
}

/// Factors of a dropped vector: 0 with probability `rate`, else 1 / (1 - rate), so that the mean stays.
fn dropout(examples: usize, rate: f32, rng: &mut ChaCha8Rng) -> Vec<f32> {
    (0..examples * 2 * WIDTH).map(|_| if unit(rng) < rate { 0.0 } else { 1.0 / (1.0 - rate) }).collect()
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

fn is_fraud(example: &Example) -> bool {
    example.label >= 0.5
}

fn check(config: &TrainConfig, training: &[&Example], validation: &[&Example]) -> Result<(), TrainError> {
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
