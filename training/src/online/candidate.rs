//! A candidate: everything that a new version consists of, and how the parts of one are put together.
//!
//! A network and trees are blended in the share that is best on the tuning part, calibrated there on mature payments at true
//! prevalence, and get their operating points from the same payments.

use super::material::{Material, Piece};
use crate::calibrate::{self, Calibrant};
use crate::export::onnx_bytes;
use crate::generations::{Hybrid, in_lanes};
use crate::metrics::{rounded, weighted_average_precision};
use crate::network::{TrainedNetwork, Weights};
use crate::points::{self, PointGoals};
use crate::trees::Trees;
use anyhow::{Context, Result, ensure};
use fraudnet_features::{FeatureSet, Tensor};
use fraudnet_models::{NetworkSession, OperatingPoints, Precision, RuleSet, RuntimeConfig, Scorer, TierSettings};
use serde::{Deserialize, Serialize};

/// Shares of the network in a blend that are tried; either part's logits count in its own standard deviations.
const SHARES: [f64; 3] = [0.25, 0.5, 0.75];

/// A new version that nobody has judged yet.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What scores.
    pub hybrid: Hybrid,
    /// Its calibration and operating points.
    pub settings: TierSettings,
    /// The velocity rules behind it.
    pub rule_set: RuleSet,
    /// Their calibration and operating points.
    pub rules: TierSettings,
    /// How it was made.
    pub making: Making,
}

/// How a candidate was made, for the record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Making {
    /// Examples that the network was fitted on, copies of confident mistakes included.
    pub examples: u64,
    /// Copies of confident mistakes, moved towards looking like fraud.
    pub perturbed: u64,
    /// Epoch whose weights were kept.
    pub best_epoch: u64,
    /// Average precision of the network on the tuning part after each epoch.
    pub epochs: Vec<f64>,
    /// The forms that were tried on the tuning part, with their average precision.
    pub trials: Vec<Tried>,
    /// Form of the calibration.
    pub calibration: String,
}

/// A form of blend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// In words.
    pub name: String,
    /// Weighted average precision on the tuning part.
    pub average_precision: f64,
    /// Whether it is the candidate's.
    pub kept: bool,
}

/// Trees that may stand beside the network.
pub struct Beside {
    /// Where they come from, in words.
    pub name: &'static str,
    /// The columns they read.
    pub set: FeatureSet,
    /// The trees.
    pub trees: Trees,
}

/// What the exported network says of these payments, in order.
///
/// # Errors
/// What the runtime says.
pub fn network_logits(
    weights: &Weights,
    tensors: &[&Tensor],
    runtime: &RuntimeConfig,
    threads: usize,
) -> Result<Vec<f32>> {
    let file = onnx_bytes(weights, Precision::Single);
    let mut lanes = (0..threads.max(1))
        .map(|_| Ok(NetworkSession::from_bytes(&file, Precision::Single, runtime)?))
        .collect::<Result<Vec<NetworkSession>>>()?;
    in_lanes(&mut lanes, tensors, |session, batch| {
        Ok(session.run(batch)?.into_iter().map(|output| output.logit).collect())
    })
}

/// Raw logits of these payments by plain trees.
pub fn tree_logits(beside: &Beside, pieces: &[Piece]) -> Vec<f32> {
    let mut row = Vec::with_capacity(beside.set.width());
    pieces
        .iter()
        .map(|piece| {
            row.clear();
            beside.set.append(&piece.example.tensor, &[], &mut row);
            beside.trees.ensemble.logit(&row)
        })
        .collect()
}

/// The form of network and trees that is best on the tuning part, with its logits there; of equals the simplest.
pub fn blend(
    network: TrainedNetwork,
    said: &[f32],
    beside: Vec<Beside>,
    tune: &[Piece],
) -> (Hybrid, Vec<f32>, Vec<Tried>) {
    let judge = Judge::of(tune);
    let mut best = (Scorer::Network, said.to_vec(), None);
    let mut trials = vec![judge.tried("network alone".to_owned(), said)];
    let mut kept = 0;
    for (number, trees) in beside.iter().enumerate() {
        let of_trees = tree_logits(trees, tune);
        let (spread_network, spread_trees) = (judge.deviation(said), judge.deviation(&of_trees));
        if spread_network <= 0.0 || spread_trees <= 0.0 {
            continue;
        }
        for share in SHARES {
            // In units of each part's deviation, then scaled so that the weights add up to one.
            let (network_weight, trees_weight) = (share / spread_network, (1.0 - share) / spread_trees);
            let sum = network_weight + trees_weight;
            let scorer = Scorer::Blend {
                features: trees.set,
                network_weight: (network_weight / sum) as f32,
                trees_weight: (trees_weight / sum) as f32,
            };
            let logits: Vec<f32> = said.iter().zip(&of_trees).map(|(&a, &b)| scorer.combine(a, b)).collect();
            let name = format!("network and {}, {:.0} to {:.0}", trees.name, 100.0 * share, 100.0 * (1.0 - share));
            let tried = judge.tried(name, &logits);
            if tried.average_precision > trials[kept].average_precision {
                kept = trials.len();
                best = (scorer, logits, Some(number));
            }
            trials.push(tried);
        }
    }
    trials[kept].kept = true;
    let (scorer, logits, number) = best;
    let trees = number.and_then(|number| beside.into_iter().nth(number)).map(|beside| beside.trees);
    (Hybrid { scorer, network, trees }, logits, trials)
}

/// Calibration and operating points of logits on the tuning part, with the calibration's form.
///
/// # Errors
/// No mature frauds there, or logits that are all the same.
pub fn settle(
    logits: &[f32],
    tune: &[Piece],
    material: &Material,
    goals: &PointGoals,
) -> Result<(TierSettings, String)> {
    // By time alone: among young payments only frauds have their labels, and those would raise the prevalence.
    let aged = |piece: &Piece| piece.weight > 0.0 && piece.occurred_ms < material.facts.mature_until_ms;
    let rows: Vec<(f32, &Piece)> = logits.iter().copied().zip(tune).filter(|(_, piece)| aged(piece)).collect();
    ensure!(
        rows.iter().any(|(_, piece)| piece.is_fraud()),
        "no known fraud to tune on is old enough for its fellows' labels to be in; wait, or lower labels.maturity_days"
    );
    let calibrants: Vec<Calibrant> = rows
        .iter()
        .map(|(logit, piece)| Calibrant {
            logit: *logit,
            positive: if piece.is_fraud() { piece.weight } else { 0.0 },
            weight: piece.weight,
        })
        .collect();
    let (calibration, form) = calibrate::fit(&calibrants).context("calibrating on mature payments")?;
    let choose = |rows: &[(f32, &Piece)]| {
        let probabilities: Vec<f32> = rows.iter().map(|(logit, _)| calibration.probability(*logit)).collect();
        let positive: Vec<bool> = rows.iter().map(|(_, piece)| piece.is_fraud()).collect();
        let weights: Vec<f64> = rows.iter().map(|(_, piece)| piece.weight).collect();
        points::choose_weighted(&probabilities, &positive, &weights, goals)
    };
    // How many payments are alerted needs no labels, so those of every age tell; how many of the declined are fraud needs mature ones.
    let everyone: Vec<(f32, &Piece)> =
        logits.iter().copied().zip(tune).filter(|(_, piece)| piece.weight > 0.0).collect();
    let (rates, precision) = (choose(&everyone)?, choose(&rows)?);
    let operating_points = OperatingPoints { decline: precision.decline.max(rates.review), ..rates };
    Ok((TierSettings { calibration, operating_points }, form.name().to_owned()))
}

/// The tuning part's labels and weights.
struct Judge {
    positive: Vec<bool>,
    weights: Vec<f64>,
}

impl Judge {
    fn of(tune: &[Piece]) -> Judge {
        Judge {
            positive: tune.iter().map(Piece::is_fraud).collect(),
            weights: tune.iter().map(|piece| if piece.is_known() { piece.weight } else { 0.0 }).collect(),
        }
    }

    fn tried(&self, name: String, logits: &[f32]) -> Tried {
        let average_precision = rounded(weighted_average_precision(logits, &self.positive, &self.weights));
        Tried { name, average_precision, kept: false }
    }

    /// Weighted standard deviation.
    fn deviation(&self, logits: &[f32]) -> f64 {
        let total: f64 = self.weights.iter().sum();
        if total <= 0.0 {
            return 0.0;
        }
        let weighted = || logits.iter().map(|&logit| f64::from(logit)).zip(&self.weights);
        let mean = weighted().map(|(logit, weight)| weight * logit).sum::<f64>() / total;
        (weighted().map(|(logit, weight)| weight * (logit - mean).powi(2)).sum::<f64>() / total).sqrt()
    }
}
