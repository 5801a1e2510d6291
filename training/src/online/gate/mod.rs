//! The gate: what a candidate must show before anybody hears of it.
//!
//! Map: this file (the checks and their bounds), `evidence` (both models on the same payments, as they are served), `sample` (which of
//! them count, and the differences on those), `memory` (what must not be forgotten).
//!
//! What keeps a worse model out: candidate and champion score the same payments of accounts that nothing was fitted on, and the candidate
//! must be better on all that is known by now. Either its average precision lies `gain` above the champion's, and the lower end of the
//! paired 95 % interval of the difference (whole days drawn, the same ones for both) at most `margin` of the difference below zero; at
//! a half, a candidate that is no better passes in one of ten tries. Or it finds more of the known frauds among as many alerts, with all of
//! that interval above zero (one of forty), at an average precision that is not lower: a new kind of fraud shows there first, since a few
//! dozen frauds that rise from nowhere into the alerts hardly move the whole ranking. What must not be lost besides — precision on mature
//! payments alone, recall, old frauds — is judged on few frauds each, where a good candidate seems to lose something by chance: it is refused
//! once the loss is beyond its bound by a standard error, old frauds by 1.64 of them.
//! What is *not* promised: that it is better on frauds nobody has told of yet.

mod evidence;
mod memory;
mod sample;
#[cfg(test)]
mod tests;

pub use evidence::Evidence;
use sample::{CANDIDATE, CHAMPION, Sample};

use crate::ablate::Cut;
use crate::fit::ARTIFACT_LIMIT_BYTES;
use crate::metrics::{
    Interval, Ranking, block_bootstrap, rounded, weighted_calibration_error, weighted_top_decile_ratio,
};
use crate::report::{PointReport, TierReport};
use anyhow::{Result, ensure};
use fraudnet_models::OperatingPoints;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// Bounds of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GateConfig {
    /// Least that the candidate's average precision must lie above the champion's on all that is known: a version that gains nothing is
    /// not worth the risk of a change. Below 0: it may be lower by so much.
    pub gain: f64,
    /// Most that the lower end of that difference's interval may lie below zero, as a share of the difference: at 0 one candidate of forty
    /// that is no better passes, at 0.5 one of ten, at 1 one of six.
    pub margin: f64,
    /// Most average precision that may be lost on mature payments alone, give or take a standard error.
    pub mature_loss: f64,
    /// Bootstrap replicates.
    pub replicates: usize,
    /// Most recall that may be lost: at the review rate give or take a standard error, and as decided.
    pub recall_loss: f64,
    /// Most recall of old frauds that may be lost for certain, over all of them; twice as much in any group.
    pub forgotten: f64,
    /// Largest calibration error; where the champion's is larger, half as much again.
    pub calibration_error: f64,
    /// Predicted over observed share of fraud in the top tenth: at most this, and at least one over it.
    pub top_decile: f64,
    /// Most young payments that may be reviewed or declined, in multiples of the champion's share and of the goal.
    pub young_alerts: f64,
    /// Largest mean latency, in multiples of the champion's.
    pub latency: f64,
    /// Most average precision that may be won by taking the neighbourhood away: what is better without it was fitted to noise.
    pub neighbourhood: f64,
    /// Share of payments whose decision may differ between the fp32 and the fp16 file.
    pub half_decisions: f64,
}

impl Default for GateConfig {
    fn default() -> GateConfig {
        GateConfig {
            gain: 0.01,
            margin: 0.5,
            mature_loss: 0.02,
            replicates: 500,
            recall_loss: 0.05,
            forgotten: 0.05,
            calibration_error: 0.01,
            top_decile: 2.0,
            young_alerts: 3.0,
            latency: 1.5,
            neighbourhood: 0.02,
            half_decisions: 0.002,
        }
    }
}

impl GateConfig {
    /// Refuses bounds that make no sense.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(&self) -> Result<()> {
        let shares = [
            ("gate.mature_loss", self.mature_loss),
            ("gate.recall_loss", self.recall_loss),
            ("gate.forgotten", self.forgotten),
            ("gate.calibration_error", self.calibration_error),
            ("gate.neighbourhood", self.neighbourhood),
            ("gate.half_decisions", self.half_decisions),
        ];
        ensure!((-1.0..=1.0).contains(&self.gain), "gate.gain must lie from -1 to 1, not {}", self.gain);
        for (name, value) in shares {
            ensure!((0.0..=1.0).contains(&value), "{name} must lie from 0 to 1, not {value}");
        }
        for (name, value) in [
            ("gate.top_decile", self.top_decile),
            ("gate.young_alerts", self.young_alerts),
            ("gate.latency", self.latency),
        ] {
            ensure!(value.is_finite() && value >= 1.0, "{name} must be at least 1, not {value}");
        }
        ensure!(self.margin.is_finite() && self.margin >= 0.0, "gate.margin must be 0 or more, not {}", self.margin);
        ensure!(self.replicates >= 100, "gate.replicates must be at least 100");
        Ok(())
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What is checked.
    pub name: String,
    /// What was found; none where it differs from run to run (times).
    pub value: Option<f64>,
    /// What it is held against.
    pub bound: f64,
    /// Whether it passed.
    pub passed: bool,
    /// The same in words.
    pub told: String,
}

/// All checks of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// Whether it may be published.
    pub passed: bool,
    /// Payments that both were judged on.
    pub payments: u64,
    /// Known frauds among them.
    pub frauds: u64,
    /// Average precision of the champion and of the candidate on all that is known.
    pub average_precision: [f64; 2],
    /// Their difference, with its paired interval; positive: the candidate's is higher.
    pub difference: Interval,
    /// The checks.
    pub checks: Vec<Check>,
}

impl GateReport {
    /// Why it was refused, in words; empty where it passed.
    pub fn refusals(&self) -> Vec<String> {
        self.checks.iter().filter(|check| !check.passed).map(|check| check.told.clone()).collect()
    }
}

/// Holds the candidate against the champion; `review_rate` is the share of payments that people have time for.
///
/// # Errors
/// Evidence without frauds or without anything else.
pub fn judge(evidence: &Evidence, config: &GateConfig, review_rate: f64, seed: u64) -> Result<GateReport> {
    let everyone = Sample::of(evidence, |piece| !piece.memory);
    let known = Sample::of(evidence, |piece| !piece.memory && piece.is_known());
    let mature = Sample::of(evidence, |piece| !piece.memory && piece.mature);
    ensure!(
        known.frauds() > 0 && known.frauds() < known.rows.len(),
        "the payments to judge by hold {} known frauds among {}",
        known.frauds(),
        known.rows.len()
    );
    let mut checks = Vec::new();
    let compared = known.difference(config.replicates, seed);
    let caught = known.caught(config.replicates, seed, review_rate);
    checks.push(gain(compared, caught, config));
    checks.push(mature_loss(mature.difference(config.replicates, seed), config));
    checks.push(recall(caught, config, review_rate));
    checks.push(decided(&known, evidence, config));
    checks.push(alerts(&everyone, evidence, config, review_rate));
    checks.extend(calibration(&mature, evidence, config));
    checks.extend(memory::checks(evidence, config, review_rate));
    checks.push(neighbourhood(&known, evidence, config));
    checks.push(chance(&known, seed));
    checks.extend(technical(evidence, config));
    Ok(GateReport {
        passed: checks.iter().all(|check| check.passed),
        payments: known.rows.len() as u64,
        frauds: known.frauds() as u64,
        average_precision: [
            rounded(known.ranking(0).average_precision()),
            rounded(known.ranking(1).average_precision()),
        ],
        difference: compared,
        checks,
    })
}

/// Better in the whole ranking, or in what is found of it.
fn gain(ranked: Interval, caught: Interval, config: &GateConfig) -> Check {
    let margin = config.margin * ranked.value.abs();
    let ranks_better = ranked.value >= config.gain && ranked.low >= -margin;
    let finds_more = caught.low > 0.0 && ranked.value >= config.gain.min(0.0);
    Check {
        name: "gain".to_owned(),
        value: Some(ranked.value),
        bound: config.gain,
        passed: ranks_better || finds_more,
        told: format!(
            "average precision on all known payments: {:+.4} against the champion (95 % from {:+.4} to {:+.4}); it must be at least {:+.3}, and the lower end at least {:+.3}. Or more frauds found by as many alerts, all of the interval above zero: {:+.4} (from {:+.4} to {:+.4})",
            ranked.value, ranked.low, ranked.high, config.gain, -margin, caught.value, caught.low, caught.high
        ),
    }
}

fn mature_loss(ranked: Interval, config: &GateConfig) -> Check {
    let least = config.gain.min(-config.mature_loss);
    Check {
        name: "mature_average_precision".to_owned(),
        value: Some(ranked.value),
        bound: least,
        passed: benefit_of_doubt(ranked) >= least,
        told: format!(
            "average precision on mature payments: {:+.4} against the champion (95 % from {:+.4} to {:+.4}); a standard error above it must be at least {least:+.3}",
            ranked.value, ranked.low, ranked.high
        ),
    }
}

/// A standard error above what was found, half of what lies above it within 95 %.
fn benefit_of_doubt(found: Interval) -> f64 {
    found.value + (found.high - found.value) / 2.0
}

fn recall(caught: Interval, config: &GateConfig, review_rate: f64) -> Check {
    Check {
        name: "recall_at_review_rate".to_owned(),
        value: Some(rounded(-caught.value)),
        bound: config.recall_loss,
        passed: benefit_of_doubt(caught) >= -config.recall_loss,
        told: format!(
            "recall at an alert rate of {:.2} %: {:+.4} against the champion (95 % from {:+.4} to {:+.4}); at most {} may be lost for certain",
            100.0 * review_rate,
            caught.value,
            caught.low,
            caught.high,
            config.recall_loss
        ),
    }
}

/// A good ranking is worth nothing behind thresholds that nothing reaches: what counts in the end is what is decided. A champion that alerts
/// more often is held to the candidate's number of alerts.
fn decided(known: &Sample, evidence: &Evidence, config: &GateConfig) -> Check {
    let of = |model: usize| {
        let settings = evidence.settings[model];
        let probabilities = known.probabilities(model, settings);
        Ranking::weighted(&probabilities, &known.positive, &known.weights)
            .at_threshold(settings.operating_points.review)
    };
    let (champion, candidate) = (of(CHAMPION), of(CANDIDATE));
    let as_many = known.ranking(CHAMPION).at_alert_rate(candidate.alert_rate);
    let before = champion.recall.min(as_many.recall);
    let lost = rounded(before - candidate.recall);
    Check {
        name: "recall_as_decided".to_owned(),
        value: Some(lost),
        bound: config.recall_loss,
        passed: lost <= config.recall_loss,
        told: format!(
            "of the known frauds {:.1} % would be reviewed or declined, {:.1} % by the champion with as many alerts; at most {} may be lost",
            100.0 * candidate.recall,
            100.0 * before,
            config.recall_loss
        ),
    }
}

/// A model that calls whatever is new a fraud would look good on frauds that are new: most young payments are honest.
fn alerts(everyone: &Sample, evidence: &Evidence, config: &GateConfig, goal: f64) -> Check {
    let unlabelled = |&at: &usize| !everyone.positive[at] && !evidence.pieces[everyone.rows[at]].mature;
    let young: Vec<usize> = (0..everyone.rows.len()).filter(unlabelled).collect();
    let share = |model: usize, points: &OperatingPoints| {
        let probabilities = everyone.probabilities(model, evidence.settings[model]);
        let (flagged, all) = young.iter().fold((0.0, 0.0), |(flagged, all), &at| {
            let weight = everyone.weights[at];
            (flagged + if probabilities[at] >= points.review { weight } else { 0.0 }, all + weight)
        });
        if all > 0.0 { flagged / all } else { 0.0 }
    };
    let of = |model: usize| share(model, &evidence.settings[model].operating_points);
    let (before, now) = (of(CHAMPION), of(CANDIDATE));
    let bound = rounded(config.young_alerts * before.max(goal));
    Check {
        name: "young_alert_rate".to_owned(),
        value: Some(rounded(now)),
        bound,
        passed: now <= bound,
        told: format!(
            "{:.2} % of young payments without a label would be reviewed or declined, {:.2} % by the champion; at most {:.2} % may be",
            100.0 * now,
            100.0 * before,
            100.0 * bound
        ),
    }
}

fn calibration(mature: &Sample, evidence: &Evidence, config: &GateConfig) -> [Check; 2] {
    let of = |model: usize| {
        let probabilities = mature.probabilities(model, evidence.settings[model]);
        let error = weighted_calibration_error(&probabilities, &mature.positive, &mature.weights, 20);
        (error, weighted_top_decile_ratio(&probabilities, &mature.positive, &mature.weights))
    };
    let ((before, _), (error, ratio)) = (of(CHAMPION), of(CANDIDATE));
    let bound = rounded(config.calibration_error.max(1.5 * before));
    let ratio = ratio.unwrap_or(f64::MAX);
    [
        Check {
            name: "calibration_error".to_owned(),
            value: Some(rounded(error)),
            bound,
            passed: error <= bound,
            told: format!("calibration error {error:.4}, the champion's {before:.4}; it may be {bound:.4}"),
        },
        Check {
            name: "top_decile_ratio".to_owned(),
            value: Some(rounded(ratio.min(1e6))),
            bound: config.top_decile,
            passed: ratio <= config.top_decile && ratio >= 1.0 / config.top_decile,
            told: format!(
                "predicted over observed share of fraud in the top tenth {ratio:.3}; it must lie between {:.2} and {:.2}",
                1.0 / config.top_decile,
                config.top_decile
            ),
        },
    ]
}

/// The neighbourhood must not be a burden: a model that is better without it learnt noise from it.
fn neighbourhood(known: &Sample, evidence: &Evidence, config: &GateConfig) -> Check {
    let lost = |model: usize| {
        let alone: Vec<f32> = known.rows.iter().map(|&row| evidence.alone[model][row]).collect();
        known.ranking(model).average_precision()
            - Ranking::weighted(&alone, &known.positive, &known.weights).average_precision()
    };
    let (before, now) = (lost(CHAMPION), lost(CANDIDATE));
    Check {
        name: "neighbourhood".to_owned(),
        value: Some(rounded(now)),
        bound: -config.neighbourhood,
        passed: now >= -config.neighbourhood,
        told: format!(
            "{} the average precision falls by {now:.4}, the champion's by {before:.4}; it may rise by at most {}",
            Cut::AllEdges.name(),
            config.neighbourhood
        ),
    }
}

/// Labels dealt out at random must give no skill: else the judging itself is broken.
fn chance(known: &Sample, seed: u64) -> Check {
    let mut dealt = known.positive.clone();
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x5ca7_7e2d);
    for at in (1..dealt.len()).rev() {
        dealt.swap(at, (random.next_u64() % (at as u64 + 1)) as usize);
    }
    let ones = vec![1.0; dealt.len()];
    let area = Ranking::weighted(&known.logits[CANDIDATE], &dealt, &ones).roc_auc();
    let (frauds, others) = (known.frauds() as f64, (known.rows.len() - known.frauds()) as f64);
    // Standard error of the area where scores say nothing (Mann and Whitney 1947); five of them are never met by chance.
    let bound = rounded(5.0 * ((frauds + others + 1.0) / (12.0 * frauds * others)).sqrt());
    let off = rounded((area - 0.5).abs());
    Check {
        name: "shuffled_labels".to_owned(),
        value: Some(off),
        bound,
        passed: off <= bound,
        told: format!(
            "with shuffled labels the area under the curve is {area:.4}; it may be off one half by {bound:.4}"
        ),
    }
}

fn technical(evidence: &Evidence, config: &GateConfig) -> Vec<Check> {
    let mut checks = vec![Check {
        name: "artifact_bytes".to_owned(),
        value: Some(evidence.bytes as f64),
        bound: ARTIFACT_LIMIT_BYTES as f64,
        passed: evidence.bytes <= ARTIFACT_LIMIT_BYTES,
        told: format!("the artifact takes {} bytes; it may take {ARTIFACT_LIMIT_BYTES}", evidence.bytes),
    }];
    let [before, now] = evidence.latency_us;
    checks.push(Check {
        name: "latency".to_owned(),
        // Left out of the report, which is the same however often a step is begun again.
        value: None,
        bound: config.latency,
        passed: now <= config.latency * before,
        told: format!("mean time of a payment against the champion's; it may be {} times as much", config.latency),
    });
    checks.push(Check {
        name: "golden_vectors".to_owned(),
        value: Some(rounded(evidence.golden)),
        bound: f64::from(fraudnet_models::artifact::GOLDEN_TOLERANCE),
        passed: evidence.golden <= f64::from(fraudnet_models::artifact::GOLDEN_TOLERANCE),
        told: format!("largest difference to the golden vectors {:.7}", evidence.golden),
    });
    checks.push(Check {
        name: "half_precision_decisions".to_owned(),
        value: Some(rounded(evidence.half_decisions)),
        bound: config.half_decisions,
        passed: evidence.half_decisions <= config.half_decisions,
        told: format!(
            "the fp16 file decides {:.3} % of payments otherwise; it may {:.3} %",
            100.0 * evidence.half_decisions,
            100.0 * config.half_decisions
        ),
    });
    checks
}

/// A number told how often each row was drawn.
type Statistic<'a> = dyn Fn(&dyn Fn(usize) -> f64) -> f64 + 'a;

/// The candidate on the payments it was judged by, in the form in which every model's metrics are told.
pub fn tier_report(evidence: &Evidence, replicates: usize, seed: u64) -> TierReport {
    let known = Sample::of(evidence, |piece| !piece.memory && piece.is_known());
    let ranking = known.ranking(CANDIDATE);
    let settings = evidence.settings[CANDIDATE];
    let probabilities = known.probabilities(CANDIDATE, settings);
    let by_probability = Ranking::weighted(&probabilities, &known.positive, &known.weights);
    let interval = |statistic: &Statistic<'_>| block_bootstrap(&known.days, replicates, seed, statistic);
    let points = settings.operating_points;
    let point = |(decision, threshold): (&str, f32)| {
        let at = by_probability.at_threshold(threshold);
        PointReport {
            decision: decision.to_owned(),
            threshold: f64::from(threshold),
            alert_rate: rounded(at.alert_rate),
            precision: rounded(at.precision),
            recall: rounded(at.recall),
            f1: rounded(at.f1),
        }
    };
    let rate = crate::report::ALERT_RATE;
    TierReport {
        tier: "hybrid".to_owned(),
        average_precision: interval(&|times| ranking.average_precision_with(times)),
        roc_auc: interval(&|times| ranking.roc_auc_with(times)),
        recall_at_half_percent: interval(&|times| ranking.at_alert_rate_with(rate, times).recall),
        precision_at_half_percent: rounded(ranking.at_alert_rate(rate).precision),
        calibration_error: rounded(weighted_calibration_error(&probabilities, &known.positive, &known.weights, 20)),
        top_decile_ratio: weighted_top_decile_ratio(&probabilities, &known.positive, &known.weights).map(rounded),
        points: [("challenge", points.challenge), ("review", points.review), ("decline", points.decline)]
            .into_iter()
            .map(point)
            .collect(),
    }
}
