//! The forms of hybrid, tried on the stop window; the one with the best average precision there is kept, of equals the
//! cheaper. A form that needs a second network must be ahead by more than the standard error of its lead over days: a stop
//! window holds some hundred frauds, and the best of eight by luck is easily the wrong one.
//!
//! Trees may read a network's embedding only of payments that network was not fitted on: of its own payments it remembers the
//! answer, and trees would learn to trust it far too much. So a second network is fitted on the earlier part of the window and
//! the trees on the later part. Both pay for that with examples, which is why these forms need not win.

use super::network::{End, fit, fit_again, outputs};
use super::pool::{Member, Pool, Rows};
use super::{GenerationSettings, Hybrid, Trial};
use crate::data::split::DAY_MS;
use crate::metrics::{Ranking, block_bootstrap, rounded, weighted_average_precision};
use crate::network::TrainedNetwork;
use crate::progress::Progress;
use crate::report::blocks;
use crate::trees::{self, TreeConfig, Trees};
use anyhow::{Context, Result};
use fraudnet_features::FeatureSet;
use fraudnet_models::{NetworkOutput, Scorer};
use fraudnet_scoring::clock;

/// Share of the window, by time, that the embedding's network is fitted on.
const EARLIER: f64 = 0.6;
/// Weights of the network in a blend that are tried; the logits of either part count in its own standard deviations.
const NETWORK_SHARES: [f64; 3] = [0.25, 0.5, 0.75];

/// Replicates behind the standard error of a lead.
const REPLICATES: usize = 200;

/// What the trials gave.
pub(super) struct Choice {
    pub hybrid: Hybrid,
    pub trials: Vec<Trial>,
    /// Seconds the network and trees of the split window took.
    pub split_s: f64,
}

/// A form that was tried.
struct Candidate {
    name: String,
    scorer: Scorer,
    /// Raw logits on the stop window.
    logits: Vec<f32>,
    average_precision: f64,
    /// Whether network and trees are those of the split window.
    split: bool,
}

/// Tries every form on the stop window.
pub(super) fn choose(
    window: &Pool<'_>,
    stop: &Pool<'_>,
    network: &TrainedNetwork,
    trees_v2: &Trees,
    settings: &GenerationSettings,
) -> Result<Choice> {
    let judge = Judge { positive: stop.positive(), weights: stop.weights(), days: days(stop), seed: settings.seed };
    let tensors = stop.tensors();
    let said = logits(&outputs(&network.weights, &tensors, settings)?);
    let from_v2 = stop.rows_of(FeatureSet::V2).logits(&trees_v2.ensemble);

    let mut candidates = judge.blends("network and trees v2", FeatureSet::V2, &said, &from_v2, false);
    candidates.insert(0, judge.candidate("network alone".to_owned(), Scorer::Network, said, false));
    let (earlier, later) = window.split(EARLIER);
    let mut not_tried = None;
    let mut parts: Option<(TrainedNetwork, Trees)> = None;
    let mut split_s = 0.0;
    if later.frauds() < settings.embedding_frauds || earlier.frauds() == 0 {
        not_tried = Some(Trial {
            name: format!(
                "trees v3 on the embedding: not tried, the later part of the window holds {} frauds of the {} wanted",
                later.frauds(),
                settings.embedding_frauds
            ),
            average_precision: 0.0,
            kept: false,
        });
    } else {
        let start = clock::monotonic();
        let early = fit("the network of the embedding", &earlier, End::Watching(stop), settings)?;
        let stop_outputs = outputs(&early.weights, &tensors, settings)?;
        let stop_rows = stop.rows_with(FeatureSet::V3, &embeddings(&stop_outputs));
        let config = TreeConfig { seed: settings.seed, ..settings.trees.clone() };
        let trees = fit_trees(&later, &early, Some(&stop_rows), &config, settings)?;
        split_s = (clock::monotonic() - start).as_secs_f64();
        let from_v3 = stop_rows.logits(&trees.ensemble);
        let said = logits(&stop_outputs);
        let blends = judge.blends("its network and trees v3", FeatureSet::V3, &said, &from_v3, true);
        let alone = Scorer::Blend { features: FeatureSet::V3, network_weight: 0.0, trees_weight: 1.0 };
        candidates.push(judge.candidate("trees v3 on the embedding".to_owned(), alone, from_v3, true));
        candidates.extend(blends);
        parts = Some((early, trees));
    }
    let best = judge.best(&candidates);
    let kept = &candidates[best];
    let hybrid = match (kept.split, parts) {
        (true, Some((early, trees))) => Hybrid { scorer: kept.scorer, network: early, trees: Some(trees) },
        _ => Hybrid {
            scorer: kept.scorer,
            network: network.clone(),
            trees: kept.scorer.trees().map(|_| trees_v2.clone()),
        },
    };
    let trials = candidates.iter().enumerate().map(|(number, candidate)| Trial {
        name: candidate.name.clone(),
        average_precision: rounded(candidate.average_precision),
        kept: number == best,
    });
    Ok(Choice { hybrid, trials: trials.chain(not_tried).collect(), split_s })
}

/// The hybrid of the same form on another window; `network` and `trees_v2` are already fitted on it.
pub(super) fn again(
    window: &Pool<'_>,
    first: &Hybrid,
    network: &TrainedNetwork,
    trees_v2: &Trees,
    settings: &GenerationSettings,
) -> Result<Hybrid> {
    match (first.scorer.trees(), &first.trees) {
        (Some(FeatureSet::V3), Some(first_trees)) => {
            let (earlier, later) = window.split(EARLIER);
            let early = fit_again("the network of the embedding again", &earlier, &first.network, settings)?;
            let trees = fit_trees(&later, &early, None, &super::fitting::repeated(first_trees, settings), settings)?;
            let trees = Trees { stop_average_precision: first_trees.stop_average_precision, ..trees };
            Ok(Hybrid { scorer: first.scorer, network: early, trees: Some(trees) })
        }
        (set, _) => Ok(Hybrid { scorer: first.scorer, network: network.clone(), trees: set.map(|_| trees_v2.clone()) }),
    }
}

/// Trees on v3 of the later part, with the embedding of the network of the earlier part.
fn fit_trees(
    later: &Pool<'_>,
    early: &TrainedNetwork,
    stop: Option<&Rows>,
    config: &TreeConfig,
    settings: &GenerationSettings,
) -> Result<Trees> {
    let rows = later.rows_with(
        FeatureSet::V3,
        &embeddings(&outputs(&early.weights, &later.tensors(), settings).context("embedding the later part")?),
    );
    let mut progress = Progress::start(settings.told, "fitting trees v3", "rounds", Some(config.rounds as u64));
    let stop = stop.map(Rows::table);
    let trees = trees::train(config, &rows.table(), stop.as_ref(), &mut |round| progress.advance(round as u64))?;
    progress.finish();
    Ok(trees)
}

fn logits(outputs: &[NetworkOutput]) -> Vec<f32> {
    outputs.iter().map(|output| output.logit).collect()
}

fn embeddings(outputs: &[NetworkOutput]) -> Vec<Vec<f32>> {
    outputs.iter().map(|output| output.embedding.clone()).collect()
}

/// Number of each stop example's day, from 0.
fn days(stop: &Pool<'_>) -> Vec<u32> {
    let day = |member: &Member<'_>| (member.origin.history, member.origin.at_ms.div_euclid(DAY_MS) as u32);
    blocks(stop.whole.iter().map(day)).0
}

/// The stop window's labels, weights and days.
struct Judge {
    positive: Vec<bool>,
    weights: Vec<f64>,
    days: Vec<u32>,
    seed: u64,
}

impl Judge {
    fn candidate(&self, name: String, scorer: Scorer, logits: Vec<f32>, split: bool) -> Candidate {
        Candidate { name, scorer, average_precision: self.average_precision(&logits), logits, split }
    }

    /// Number of the one to keep. Candidates stand in order of cost, those of a split window last.
    fn best(&self, candidates: &[Candidate]) -> usize {
        let first_best = |split: bool| {
            let of_kind = candidates.iter().enumerate().filter(|(_, candidate)| candidate.split == split);
            // Of equals the first.
            of_kind
                .reduce(|best, other| if other.1.average_precision > best.1.average_precision { other } else { best })
        };
        let (whole, _) = first_best(false).expect("the network alone is always tried");
        match first_best(true) {
            Some((split, _)) if self.is_ahead(&candidates[split], &candidates[whole]) => split,
            _ => whole,
        }
    }

    /// Whether `one` leads by more than the standard error of the lead, the same days drawn for both.
    fn is_ahead(&self, one: &Candidate, other: &Candidate) -> bool {
        let ranking = |candidate: &Candidate| Ranking::weighted(&candidate.logits, &self.positive, &self.weights);
        let (one, other) = (ranking(one), ranking(other));
        let lead = block_bootstrap(&self.days, REPLICATES, self.seed, |times| {
            one.average_precision_with(times) - other.average_precision_with(times)
        });
        // 95 % of a normal law lie within 1.96 standard errors on either side.
        lead.value > (lead.high - lead.low) / 3.92
    }

    fn average_precision(&self, logits: &[f32]) -> f64 {
        weighted_average_precision(logits, &self.positive, &self.weights)
    }

    /// Blends of the two in every share.
    fn blends(&self, name: &str, set: FeatureSet, network: &[f32], trees: &[f32], split: bool) -> Vec<Candidate> {
        let (spread_network, spread_trees) = (self.deviation(network), self.deviation(trees));
        if spread_network <= 0.0 || spread_trees <= 0.0 {
            return Vec::new();
        }
        let blend = |share: f64| {
            // In units of each part's deviation, then scaled so that the weights add up to one: the scale is the
            // calibration's business, but a logit should stay of a logit's size.
            let (network_weight, trees_weight) = (share / spread_network, (1.0 - share) / spread_trees);
            let sum = network_weight + trees_weight;
            let scorer = Scorer::Blend {
                features: set,
                network_weight: (network_weight / sum) as f32,
                trees_weight: (trees_weight / sum) as f32,
            };
            let blended: Vec<f32> = network.iter().zip(trees).map(|(&a, &b)| scorer.combine(a, b)).collect();
            let name = format!("{name}, blended {:.0} to {:.0}", 100.0 * share, 100.0 * (1.0 - share));
            self.candidate(name, scorer, blended, split)
        };
        NETWORK_SHARES.into_iter().map(blend).collect()
    }

    /// Weighted standard deviation.
    fn deviation(&self, logits: &[f32]) -> f64 {
        let total: f64 = self.weights.iter().sum();
        let mean =
            logits.iter().zip(&self.weights).map(|(&logit, weight)| weight * f64::from(logit)).sum::<f64>() / total;
        let squared =
            logits.iter().zip(&self.weights).map(|(&logit, weight)| weight * (f64::from(logit) - mean).powi(2));
        (squared.sum::<f64>() / total).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blend_counts_each_part_in_its_own_deviations() {
        let judge =
            Judge { positive: vec![false, false, true, true], weights: vec![1.0; 4], days: vec![0; 4], seed: 1 };
        let (network, trees) = ([-1.0f32, 1.0, -1.0, 1.0], [-40.0f32, -40.0, 40.0, 40.0]);
        let blends = judge.blends("both", FeatureSet::V2, &network, &trees, false);
        assert_eq!(blends.len(), 3);
        let Scorer::Blend { network_weight, trees_weight, .. } = blends[1].scorer else { panic!("a blend") };
        assert!(
            (network_weight / trees_weight - 40.0).abs() < 1e-3 && (network_weight + trees_weight - 1.0).abs() < 1e-6
        );
        assert!(blends[0].average_precision > blends[2].average_precision, "the trees know, the network does not");
        assert_eq!(blends[0].name, "both, blended 25 to 75");
        assert!(judge.blends("flat", FeatureSet::V2, &[0.0; 4], &trees, false).is_empty());
    }

    #[test]
    fn a_second_network_must_lead_by_more_than_chance() {
        // 20 days of 50 payments, the first of each a fraud. `caught(days)` tops the frauds of those days.
        let positive: Vec<bool> = (0..1_000).map(|row| row % 50 == 0).collect();
        let judge = Judge {
            weights: vec![1.0; positive.len()],
            days: (0..1_000).map(|row| row / 50).collect(),
            seed: 1,
            positive,
        };
        let caught = |days: std::ops::Range<usize>, split: bool| {
            let logits =
                (0..1_000).map(|row| if row % 50 == 0 && days.contains(&(row / 50)) { 1.0 } else { 0.0 }).collect();
            judge.candidate(String::new(), Scorer::Network, logits, split)
        };
        assert_eq!(judge.best(&[caught(0..10, false), caught(0..12, false)]), 1, "the better one of the same cost");
        assert_eq!(judge.best(&[caught(0..10, false), caught(0..10, false)]), 0, "of equals the first");
        assert_eq!(
            judge.best(&[caught(0..10, false), caught(3..14, true)]),
            0,
            "four days won and three lost are chance"
        );
        assert_eq!(judge.best(&[caught(0..10, false), caught(0..18, true)]), 1, "eight won are not");
    }
}
