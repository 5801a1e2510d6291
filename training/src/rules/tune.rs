//! Choosing rules: greedy forward selection by the log-likelihood a rule would add, weights refitted together after
//! every choice by logistic regression on what fires.
//!
//! Cost: candidates × thresholds × examples a round (40 × 10 × 30,000: a tenth of a second).

use super::candidates::Candidate;
use crate::logistic;
use anyhow::{Result, ensure};
use fraudnet_features::schema;
use fraudnet_models::{Rule, RuleSet};

/// Most rules of a set: what people can still hold in their heads.
pub const MAX_RULES: usize = 12;
/// Ridge on rule weights; rules fire rarely, so that an unchecked weight would follow a handful of payments.
const RIDGE: f64 = 2.0;
/// Least gain in log-likelihood worth a rule (as Akaike's criterion, doubled: rules are picked from many).
const LEAST_GAIN: f64 = 4.0;
/// Thresholds tried: the values that this share of legitimate payments stay under (or, for `below`, stay above).
const QUANTILES: [f64; 10] = [0.70, 0.80, 0.90, 0.95, 0.975, 0.99, 0.995, 0.998, 0.999, 0.9995];
/// Least share of positives a rule must fire on.
const LEAST_REACH: f64 = 0.01;

/// Examples rules are tuned on.
pub struct RuleExamples<'a> {
    /// Payment features, one slice an example.
    pub rows: Vec<&'a [f32]>,
    /// Whether fraud.
    pub positive: Vec<bool>,
    /// Payments each stands for.
    pub weights: Vec<f64>,
}

/// A candidate at one threshold, and on which examples it fires.
struct Firing {
    candidate: usize,
    threshold: f32,
    rows: Vec<u32>,
}

/// Tunes a rule set.
///
/// # Errors
/// No positive among the examples, or a candidate of a feature that this build does not compute.
pub fn tune(candidates: &[Candidate], examples: &RuleExamples<'_>) -> Result<RuleSet> {
    let positives = examples.positive.iter().filter(|&&is| is).count();
    ensure!(positives > 0, "there are no known frauds to tune rules on; use a longer history");
    let firings = firings(candidates, examples, positives)?;
    let mut chosen: Vec<usize> = Vec::new();
    let mut solution = fit(&firings, &chosen, examples);
    while chosen.len() < MAX_RULES {
        let logits = logits(&firings, &chosen, examples, &solution);
        let best = (0..firings.len())
            .filter(|&at| chosen.iter().all(|&other| firings[other].candidate != firings[at].candidate))
            .map(|at| (at, gain(&firings[at], examples, &logits)))
            // Ties keep the earlier candidate: the list's order is the order of preference.
            .fold(
                None,
                |best: Option<(usize, f64)>, (at, gain)| {
                    if best.is_none_or(|(_, most)| gain > most) { Some((at, gain)) } else { best }
                },
            );
        let Some((at, gain)) = best else { break };
        if gain < LEAST_GAIN {
            break;
        }
        chosen.push(at);
        solution = fit(&firings, &chosen, examples);
        // A rule that others made superfluous may turn against itself; a reason that lowers the score is no reason.
        while let Some(against) = solution[..chosen.len()].iter().position(|&weight| weight <= 0.0) {
            chosen.remove(against);
            solution = fit(&firings, &chosen, examples);
        }
        if !chosen.contains(&at) {
            break;
        }
    }
    let mut rules: Vec<Rule> = chosen
        .iter()
        .zip(&solution)
        .map(|(&at, &weight)| rule(&candidates[firings[at].candidate], firings[at].threshold, weight))
        .collect();
    rules.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.code.cmp(&b.code)));
    Ok(RuleSet { bias: solution[chosen.len()] as f32, rules })
}

fn rule(candidate: &Candidate, threshold: f32, weight: f64) -> Rule {
    Rule {
        code: candidate.code.to_owned(),
        text: candidate.text.to_owned(),
        feature: candidate.feature.to_owned(),
        threshold,
        below: candidate.below,
        weight: weight as f32,
    }
}

/// Whether a rule at `threshold` fires on `value`, as the served rule does.
fn fires(value: f32, threshold: f32, below: bool) -> bool {
    if below { value < threshold } else { value >= threshold }
}

fn firings(candidates: &[Candidate], examples: &RuleExamples<'_>, positives: usize) -> Result<Vec<Firing>> {
    let mut all: Vec<Firing> = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        let Some(column) = schema::payment_feature_index(candidate.feature) else {
            anyhow::bail!(
                "rule {} reads `{}`, which is no payment feature of this build; rename it in the candidates",
                candidate.code,
                candidate.feature
            );
        };
        let mut legitimate: Vec<f32> = examples
            .rows
            .iter()
            .zip(&examples.positive)
            .filter(|(_, positive)| !**positive)
            .map(|(row, _)| row[column])
            .collect();
        if legitimate.is_empty() {
            continue;
        }
        legitimate.sort_by(f32::total_cmp);
        let mut values: Vec<f32> = examples.rows.iter().map(|row| row[column]).collect();
        values.sort_by(f32::total_cmp);
        values.dedup();
        let mut thresholds: Vec<f32> = QUANTILES
            .iter()
            .filter_map(|share| {
                let share = if candidate.below { 1.0 - share } else { *share };
                let at = legitimate[((legitimate.len() - 1) as f64 * share).round() as usize];
                // Halfway to the next value there is: a flag splits at one half, a count between two counts.
                let next = values.get(values.partition_point(|value| *value <= at))?;
                Some(f32::midpoint(at, *next))
            })
            .collect();
        thresholds.sort_by(f32::total_cmp);
        thresholds.dedup();
        for threshold in thresholds {
            let rows: Vec<u32> = (0..examples.rows.len())
                .filter(|&row| fires(examples.rows[row][column], threshold, candidate.below))
                .map(|row| row as u32)
                .collect();
            let reached = rows.iter().filter(|&&row| examples.positive[row as usize]).count();
            if reached as f64 >= (LEAST_REACH * positives as f64).max(1.0) && rows.len() < examples.rows.len() {
                all.push(Firing { candidate: index, threshold, rows });
            }
        }
    }
    Ok(all)
}

fn fit(firings: &[Firing], chosen: &[usize], examples: &RuleExamples<'_>) -> Vec<f64> {
    let columns = chosen.len();
    let mut design = vec![0.0; columns * examples.rows.len()];
    for (column, &at) in chosen.iter().enumerate() {
        for &row in &firings[at].rows {
            design[row as usize * columns + column] = 1.0;
        }
    }
    logistic::solve(&design, columns, &examples.positive, &examples.weights, RIDGE)
}

fn logits(firings: &[Firing], chosen: &[usize], examples: &RuleExamples<'_>, solution: &[f64]) -> Vec<f64> {
    let mut logits = vec![solution[chosen.len()]; examples.rows.len()];
    for (&at, weight) in chosen.iter().zip(solution) {
        for &row in &firings[at].rows {
            logits[row as usize] += weight;
        }
    }
    logits
}

/// Gain in penalised log-likelihood of adding the rule alone, to second order (the score statistic): g² / 2h. Zero for a
/// rule that would have to lower the score.
fn gain(firing: &Firing, examples: &RuleExamples<'_>, logits: &[f64]) -> f64 {
    let (mut gradient, mut curvature) = (0.0, RIDGE);
    for &row in &firing.rows {
        let row = row as usize;
        let probability = 1.0 / (1.0 + (-logits[row]).exp());
        gradient += examples.weights[row] * (if examples.positive[row] { 1.0 } else { 0.0 } - probability);
        curvature += examples.weights[row] * probability * (1.0 - probability);
    }
    if gradient <= 0.0 {
        return 0.0;
    }
    // At a base rate of half a percent the parabola overstates rare strong rules; bound the step to weight 4 (odds × 55).
    let step = (gradient / curvature).min(4.0);
    gradient * step - 0.5 * curvature * step * step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::average_precision;

    fn candidate(feature: &'static str, below: bool) -> Candidate {
        Candidate { feature, code: feature, text: "A sentence.", below }
    }

    /// 2,000 payments: frauds have many payments an hour or a young account; one column is noise.
    fn payments() -> (Vec<Vec<f32>>, Vec<bool>) {
        let width = schema::payment_features().len();
        let column = |name| schema::payment_feature_index(name).unwrap();
        let (velocity, age, noise) = (column("account_payments_1h"), column("account_age_s"), column("amount"));
        (0..2_000usize)
            .map(|row| {
                let mut payment = vec![0.0; width];
                let fraud = row % 40 == 0;
                payment[velocity] = if fraud && row % 80 == 0 || row % 97 == 0 { 4.0 } else { (row % 3) as f32 / 2.0 };
                payment[age] = if fraud && row % 80 != 0 || row % 89 == 0 { 5.0 } else { 20.0 + (row % 5) as f32 };
                payment[noise] = (row * 7919 % 1000) as f32 / 100.0;
                (payment, fraud)
            })
            .unzip()
    }

    #[test]
    fn finds_the_telling_features_and_their_thresholds() {
        let (rows, positive) = payments();
        let examples = RuleExamples {
            rows: rows.iter().map(Vec::as_slice).collect(),
            positive: positive.clone(),
            weights: vec![1.0; rows.len()],
        };
        let candidates =
            [candidate("amount", false), candidate("account_payments_1h", false), candidate("account_age_s", true)];
        let set = tune(&candidates, &examples).unwrap();
        let rule = |feature: &str| set.rules.iter().find(|rule| rule.feature == feature).unwrap();
        assert!((1.0..4.0).contains(&rule("account_payments_1h").threshold), "{set:?}");
        assert!(rule("account_age_s").below && (5.0..20.0).contains(&rule("account_age_s").threshold), "{set:?}");
        assert!(set.rules.iter().all(|rule| rule.weight > 0.0) && set.rules.len() <= MAX_RULES);
        let logits: Vec<f32> = rows.iter().map(|row| set.evaluate(row).logit).collect();
        // The best there is: 50 frauds fire a rule, and so do 43 others by the way the payments are made.
        assert!(average_precision(&logits, &positive) > 0.45);
        assert_eq!(set, tune(&candidates, &examples).unwrap());
    }

    #[test]
    fn unknown_features_and_no_frauds_are_refused() {
        let (rows, positive) = payments();
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let none =
            RuleExamples { rows: rows.clone(), positive: vec![false; rows.len()], weights: vec![1.0; rows.len()] };
        assert!(tune(&[candidate("amount", false)], &none).unwrap_err().to_string().contains("longer history"));
        let some = RuleExamples { weights: vec![1.0; rows.len()], rows, positive };
        assert!(tune(&[candidate("no_such", false)], &some).unwrap_err().to_string().contains("no_such"));
    }
}
