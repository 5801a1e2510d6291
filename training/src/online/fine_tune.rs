//! A candidate from the champion: its network fitted further on new and replayed examples, and beside it further trees on top of its own, or
//! new ones, whichever are better on the tuning part.
//!
//! Confident mistakes take part twice: as they were, and moved a little towards looking like fraud, so that the network is pushed back
//! around the point and not only at it.
//!
//! Cost: some 1.1 ms of one core an example and epoch, 0.5 ms an example of the tuning part, seconds for the trees.

use super::candidate::{Beside, Candidate, Making, blend, network_logits, settle};
use super::champion::Champion;
use super::class::Class;
use super::config::OnlineConfig;
use super::material::{Material, Piece};
use crate::generations::Hybrid;
use crate::metrics::{rounded, weighted_average_precision};
use crate::network::{self, Example, FineTuneConfig};
use crate::trees::{self, Table, TreeConfig, Trees};
use anyhow::{Context, Result};
use fraudnet_features::{FeatureSet, Tensor};
use fraudnet_models::RuntimeConfig;

/// Trees from which on they are grown anew: each costs time in every verdict and place in the artifact.
const MOST_TREES: usize = 1_200;

/// Fits the champion further on the material. The same arguments give the same candidate, bit for bit.
///
/// # Errors
/// A champion without a network of this trainer's, a fit that diverges, or a tuning part that cannot calibrate.
pub fn fine_tune(
    champion: &Champion,
    material: &Material,
    config: &OnlineConfig,
    seed: u64,
    runtime: &RuntimeConfig,
) -> Result<Candidate> {
    let start = champion.weights.as_ref().with_context(|| {
        format!("{} has no network that could be fitted further; only a retrain can succeed it", champion.model)
    })?;
    let settings = &config.fine_tune;
    let mistakes: Vec<&Example> = of_class(&material.fit, Class::HardNegative).map(|piece| &piece.example).collect();
    let moved = network::perturb(start, &mistakes, settings.epsilon, seed);
    let mut examples: Vec<&Example> = material.fit.iter().map(|piece| &piece.example).collect();
    examples.extend(&moved);
    let watched: Vec<&Piece> = material.tune.iter().filter(|piece| piece.is_known()).collect();
    let watched: Vec<Example> =
        watched.into_iter().map(|piece| Example { weight: piece.weight as f32, ..piece.example.clone() }).collect();

    let tuning = FineTuneConfig {
        seed,
        epochs: settings.epochs,
        threads: config.threads,
        learning_rate: settings.learning_rate,
        anchor: settings.anchor,
        positive_weight: balance(&material.fit),
        ..FineTuneConfig::default()
    };
    let tuned = network::fine_tune(
        start,
        &examples,
        &tuning,
        &watched.iter().collect::<Vec<_>>(),
        weighted_average_precision,
        &mut |_| {},
    )?;
    let making = Making {
        examples: examples.len() as u64,
        perturbed: moved.len() as u64,
        best_epoch: tuned.best_epoch as u64,
        epochs: tuned.epochs.iter().map(|epoch| rounded(epoch.validation_average_precision)).collect(),
        ..Making::default()
    };

    let beside = trees_beside(champion, material, settings.rounds, seed)?;
    let tensors: Vec<&Tensor> = material.tune.iter().map(|piece| &piece.example.tensor).collect();
    let said = network_logits(&tuned.weights, &tensors, runtime, config.threads)?;
    let (hybrid, logits, trials) = blend(tuned, &said, beside, &material.tune);
    finish(hybrid, &logits, champion, material, config, Making { trials, ..making })
}

/// Calibrates and takes the champion's rules along.
fn finish(
    hybrid: Hybrid,
    logits: &[f32],
    champion: &Champion,
    material: &Material,
    config: &OnlineConfig,
    making: Making,
) -> Result<Candidate> {
    let (settings, calibration) = settle(logits, &material.tune, material, &config.goals)?;
    let manifest = &champion.artifact.manifest;
    Ok(Candidate {
        hybrid,
        settings,
        rule_set: manifest.rule_set.clone(),
        rules: manifest.rules.clone(),
        making: Making { calibration, ..making },
    })
}

/// Trees to stand beside the network: the champion's with further ones that correct them on the same examples, and new ones, for the day on
/// which the champion's know little of what goes on. Where the champion's have become too many, new ones alone.
fn trees_beside(champion: &Champion, material: &Material, rounds: usize, seed: u64) -> Result<Vec<Beside>> {
    let kept = champion.trees.as_ref();
    if rounds == 0 {
        let as_they_are = kept.map(|(set, ensemble)| Beside {
            name: "the champion's trees",
            set: *set,
            trees: Trees {
                gain: vec![0.0; ensemble.columns],
                rounds: 0,
                ensemble: ensemble.clone(),
                stop_average_precision: None,
            },
        });
        return Ok(as_they_are.into_iter().collect());
    }
    let config = TreeConfig { seed: seed & 0x7fff_ffff, rounds, ..TreeConfig::default() };
    let judged: Vec<Piece> = material.tune.iter().filter(|piece| piece.is_known()).cloned().collect();
    let rows = |set: FeatureSet| {
        (
            Rows::of(&material.fit, set, |piece| piece.example.weight),
            Rows::of(&judged, set, |piece| piece.weight as f32),
        )
    };
    let mut beside = Vec::new();
    if let Some((set, start)) = kept.filter(|(_, ensemble)| ensemble.trees.len() + rounds <= MOST_TREES) {
        let (fit, tune) = rows(*set);
        let trees = trees::grow(&config, start, &fit.table(*set), Some(&tune.table(*set)), &mut |_| {})?;
        beside.push(Beside { name: "the champion's trees and further ones", set: *set, trees });
    }
    let set = FeatureSet::V2;
    let (fit, tune) = rows(set);
    let trees = trees::train(&config, &fit.table(set), Some(&tune.table(set)), &mut |_| {})?;
    beside.push(Beside { name: "new trees", set, trees });
    Ok(beside)
}

/// How much more a fraud must count for a step to weigh examples evenly; undone in the logit by the fit.
pub(super) fn balance(fit: &[Piece]) -> f32 {
    let mean = |fraud: bool| {
        let (sum, count) = fit
            .iter()
            .filter(|piece| piece.is_fraud() == fraud)
            .fold((0.0, 0.0), |(sum, count), piece| (sum + f64::from(piece.example.weight), count + 1.0));
        if count > 0.0 { sum / count } else { 1.0 }
    };
    (mean(false) / mean(true)).max(1.0) as f32
}

fn of_class(pieces: &[Piece], class: Class) -> impl Iterator<Item = &Piece> {
    pieces.iter().filter(move |piece| piece.class == class)
}

/// Rows as trees read them.
struct Rows {
    values: Vec<f32>,
    positive: Vec<bool>,
    weights: Vec<f32>,
}

impl Rows {
    fn of(pieces: &[Piece], set: FeatureSet, weight: impl Fn(&Piece) -> f32) -> Rows {
        let mut values = Vec::with_capacity(pieces.len() * set.width());
        pieces.iter().for_each(|piece| set.append(&piece.example.tensor, &[], &mut values));
        Rows {
            values,
            positive: pieces.iter().map(Piece::is_fraud).collect(),
            weights: pieces.iter().map(weight).collect(),
        }
    }

    fn table(&self, set: FeatureSet) -> Table<'_> {
        Table { columns: set.width(), values: &self.values, positive: &self.positive, weights: &self.weights }
    }
}
