//! A candidate from nothing: rules, trees and network fitted on all that is kept, as `fraudnet-train fit` does.
//!
//! Trees on an embedding are not tried: such a model's network could not be fitted further without growing its trees again.

use super::candidate::{Candidate, Making, Tried, settle};
use super::config::OnlineConfig;
use super::material::{Material, Piece};
use crate::contender::Contender;
use crate::data::examples::{Examples, Origin};
use crate::generations::{GenerationSettings, fit_generations};
use crate::metrics::rounded;
use crate::network::{Example, TrainConfig};
use crate::progress::Told;
use crate::trees::TreeConfig;
use anyhow::Result;
use fraudnet_models::RuntimeConfig;

/// What a payment of unknown truth counts where models are ranked: LightGBM takes no weight of zero, and its logit is needed all the same,
/// to know how many payments a threshold would alert.
const NEXT_TO_NOTHING: f32 = 1e-6;

/// Fits a candidate on the material. The same arguments give the same candidate, bit for bit.
///
/// # Errors
/// A part without frauds, a fit that diverges, or a tuning part that cannot calibrate.
pub fn retrain(material: &Material, config: &OnlineConfig, seed: u64, runtime: &RuntimeConfig) -> Result<Candidate> {
    let judged: Vec<Piece> = material.tune.iter().filter(|piece| piece.weight > 0.0).cloned().collect();
    let (fit, fit_origins) = examples(&material.fit, material.facts.clock_ms, |piece| piece.example.weight);
    let stop_weight = |piece: &Piece| if piece.is_known() { 1.0 } else { NEXT_TO_NOTHING } * piece.weight as f32;
    let (stop, stop_origins) = examples(&judged, material.facts.clock_ms, stop_weight);
    let examples = Examples {
        fit_payments: fit.iter().map(|example| f64::from(example.weight)).sum::<f64>() as u64,
        stop_payments: stop.iter().map(|example| f64::from(example.weight)).sum::<f64>() as u64,
        fit,
        fit_origins,
        stop,
        stop_origins,
        histories: 1,
        ..Examples::default()
    };
    let settings = GenerationSettings {
        seed: seed & 0x7fff_ffff,
        trees: TreeConfig { rounds: config.retrain.rounds, ..TreeConfig::default() },
        train: TrainConfig { epochs: config.retrain.epochs, ..TrainConfig::default() },
        refit: false,
        embedding_frauds: usize::MAX,
        told: Told::Quietly,
        threads: config.threads,
        runtime: runtime.clone(),
        ..GenerationSettings::default()
    };
    let fitted = fit_generations(&examples, &settings)?;
    let by =
        |contender: Contender| -> Vec<f32> { fitted.stop.iter().map(|row| row.logits[contender.index()]).collect() };
    let (settings, calibration) = settle(&by(Contender::Hybrid), &judged, material, &config.goals)?;
    let (rules, _) = settle(&by(Contender::Rules), &judged, material, &config.goals)?;
    let network = &fitted.hybrid.network;
    let making = Making {
        examples: examples.fit.len() as u64,
        perturbed: 0,
        best_epoch: network.best_epoch as u64,
        epochs: network.epochs.iter().map(|epoch| rounded(epoch.validation_average_precision)).collect(),
        trials: fitted
            .trials
            .iter()
            .map(|trial| Tried {
                name: trial.name.clone(),
                average_precision: trial.average_precision,
                kept: trial.kept,
            })
            .collect(),
        calibration,
    };
    Ok(Candidate { hybrid: fitted.hybrid, settings, rule_set: fitted.rules, rules, making })
}

fn examples(pieces: &[Piece], clock_ms: i64, weight: impl Fn(&Piece) -> f32) -> (Vec<Example>, Vec<Origin>) {
    let one = |piece: &Piece| {
        let weight = weight(piece);
        let origin =
            Origin { history: 0, at_ms: piece.occurred_ms, age_ms: clock_ms - piece.occurred_ms, row_weight: weight };
        (Example { weight, ..piece.example.clone() }, origin)
    };
    pieces.iter().map(one).unzip()
}
