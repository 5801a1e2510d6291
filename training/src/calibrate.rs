//! From raw logits to probabilities: isotonic regression in log-odds, or a straight line where positives are few.
//!
//! Isotonic: payments in order of logit are cut into groups of about equally many positives, groups that contradict the
//! order are pooled (pool adjacent violators), and the groups become at most 32 knots which the served map joins by
//! straight lines in log-odds. Straight lines between means are not quite the group means, so a last shift of all
//! knots makes the mean predicted probability equal the share observed.

use anyhow::{Result, ensure};
use fraudnet_models::Calibration;

/// Positives from which the isotonic form is used: fewer cannot hold up more than a line.
pub const ISOTONIC_FROM: usize = 100;
/// Most knots of a map.
pub const MAX_KNOTS: usize = 32;
/// Groups of the isotonic form before pooling; two knots are kept for the ends.
const GROUPS: usize = MAX_KNOTS - 4;

/// One scored payment of the calibration window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibrant {
    /// Raw logit of the tier.
    pub logit: f32,
    /// Share of it that counts as positive, 0 for legitimate and 1 or more for fraud: a young positive also stands
    /// for those of its age that are not reported yet, which are still counted among the legitimate.
    pub positive: f64,
    /// Payments it stands for: 1, or 1 / share for a sampled negative.
    pub weight: f64,
}

/// How a map was found, for the model card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Pool adjacent violators.
    Isotonic,
    /// Platt's line.
    Line,
}

impl Form {
    /// Name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Form::Isotonic => "isotonic",
            Form::Line => "line",
        }
    }
}

/// Fits the map of one tier on payments at true prevalence.
///
/// # Errors
/// No positive, no negative, or logits that are all the same or not finite: there is no map then.
pub fn fit(calibrants: &[Calibrant]) -> Result<(Calibration, Form)> {
    ensure!(
        calibrants.iter().all(|row| row.logit.is_finite()),
        "the calibration window has logits that are not finite; lower the learning rate"
    );
    let positives = calibrants.iter().filter(|row| row.positive > 0.0).count();
    ensure!(
        positives > 0 && positives < calibrants.len(),
        "the calibration window has {positives} known frauds among {} payments; use a longer history",
        calibrants.len()
    );
    let mut sorted = calibrants.to_vec();
    sorted.sort_by(|a, b| a.logit.total_cmp(&b.logit));
    let (lowest, highest) = (sorted[0].logit, sorted[sorted.len() - 1].logit);
    ensure!(
        lowest < highest,
        "every payment of the calibration window has the same logit; the model has learnt nothing"
    );
    let (mut knots, form) = match isotonic(&sorted, positives) {
        Some(knots) => (knots, Form::Isotonic),
        None => (line(&sorted), Form::Line),
    };
    centre(&mut knots, &sorted);
    let knots = ascending(&knots);
    ensure!(
        knots.len() >= 2,
        "the logits of the calibration window lie too close together for a map; the model has learnt nothing"
    );
    Ok((Calibration { knots }, form))
}

/// A run of payments: sums over it.
#[derive(Debug, Clone, Copy)]
struct Group {
    logits: f64,
    rows: f64,
    positive: f64,
}

impl Group {
    /// Log-odds of the share positive, a half payment added on either side so that none is infinite.
    fn log_odds(&self) -> f64 {
        let positive = self.positive.min(self.rows);
        ((positive + 0.5) / (self.rows - positive + 0.5)).ln()
    }
}

fn isotonic(sorted: &[Calibrant], positives: usize) -> Option<Vec<(f64, f64)>> {
    if positives < ISOTONIC_FROM {
        return None;
    }
    let each = positives.div_ceil(GROUPS).max(5) as f64;
    // From the top, so that the last group to be short of positives is the one with almost none.
    let mut groups: Vec<Group> = Vec::new();
    let mut open = Group { logits: 0.0, rows: 0.0, positive: 0.0 };
    let mut seen = 0.0;
    for (index, row) in sorted.iter().enumerate().rev() {
        open.logits += row.weight * f64::from(row.logit);
        open.rows += row.weight;
        open.positive += row.positive;
        seen += f64::from(u8::from(row.positive > 0.0));
        let tie_goes_on = index > 0 && sorted[index - 1].logit == row.logit;
        if seen >= each && !tie_goes_on {
            groups.push(open);
            open = Group { logits: 0.0, rows: 0.0, positive: 0.0 };
            seen = 0.0;
        }
    }
    if open.rows > 0.0 {
        groups.push(open);
    }
    groups.reverse();
    let mut pooled: Vec<Group> = Vec::new();
    for group in groups {
        pooled.push(group);
        while let [.., below, above] = pooled[..]
            && below.log_odds() >= above.log_odds()
        {
            pooled.pop();
            *pooled.last_mut().expect("two groups were there") = Group {
                logits: below.logits + above.logits,
                rows: below.rows + above.rows,
                positive: below.positive + above.positive,
            };
        }
    }
    if pooled.len() < 3 {
        return None;
    }
    let mut knots: Vec<(f64, f64)> = pooled.iter().map(|group| (group.logits / group.rows, group.log_odds())).collect();
    // Beyond the outermost means the order among payments must not be lost: go on at half the logit's own slope.
    let (first, last) = (knots[0], knots[knots.len() - 1]);
    let (lowest, highest) = (f64::from(sorted[0].logit), f64::from(sorted[sorted.len() - 1].logit));
    knots.insert(0, (lowest, first.1 - 0.5 * (first.0 - lowest)));
    knots.push((highest, last.1 + 0.5 * (highest - last.0)));
    Some(knots)
}

/// Platt's line `intercept + slope · logit` by Newton's method, with a light pull towards slope 1 through the ridge.
/// A slope that is not positive would turn the order around; it is replaced by a flat one.
fn line(sorted: &[Calibrant]) -> Vec<(f64, f64)> {
    let (mut intercept, mut slope) = (0.0f64, 1.0f64);
    for _ in 0..100 {
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, slope - 1.0, 1e-9, 0.0, 1.0);
        for row in sorted {
            let x = f64::from(row.logit);
            let p = sigmoid(intercept + slope * x);
            let (residual, curvature) = (row.weight * p - row.positive, row.weight * (p * (1.0 - p)).max(1e-12));
            g0 += residual;
            g1 += residual * x;
            h00 += curvature;
            h01 += curvature * x;
            h11 += curvature * x * x;
        }
        let determinant = h00 * h11 - h01 * h01;
        let (d0, d1) = ((h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant);
        // Bounded steps: from a poor start the plain step can leap where every probability saturates.
        intercept -= d0.clamp(-2.0, 2.0);
        slope -= d1.clamp(-0.5, 0.5);
        if d0.abs() < 1e-9 && d1.abs() < 1e-9 {
            break;
        }
    }
    let slope = slope.max(0.05);
    let (lowest, highest) = (f64::from(sorted[0].logit), f64::from(sorted[sorted.len() - 1].logit));
    vec![(lowest, intercept + slope * lowest), (highest, intercept + slope * highest)]
}

/// Shifts all knots until the mean predicted probability is the share observed.
fn centre(knots: &mut [(f64, f64)], sorted: &[Calibrant]) {
    let observed: f64 = sorted.iter().map(|row| row.positive).sum();
    let payments: f64 = sorted.iter().map(|row| row.weight).sum();
    let observed = observed.clamp(0.5, payments - 0.5);
    let base: Vec<(f64, f64)> = {
        let map: Vec<(f64, f64)> = knots.to_vec();
        sorted.iter().map(|row| (interpolate(&map, f64::from(row.logit)), row.weight)).collect()
    };
    let mut shift = 0.0;
    for _ in 0..50 {
        let (predicted, curvature) = base.iter().fold((0.0, 1e-12), |(sum, curvature), (log_odds, weight)| {
            let p = sigmoid(log_odds + shift);
            (sum + weight * p, curvature + weight * p * (1.0 - p))
        });
        let step: f64 = ((predicted - observed) / curvature).clamp(-1.0, 1.0);
        shift -= step;
        if step.abs() < 1e-10 {
            break;
        }
    }
    knots.iter_mut().for_each(|knot| knot.1 += shift);
}

fn interpolate(knots: &[(f64, f64)], at: f64) -> f64 {
    let above = knots.partition_point(|knot| knot.0 < at);
    if above == 0 {
        return knots[0].1;
    }
    if above == knots.len() {
        return knots[above - 1].1;
    }
    let ((x0, y0), (x1, y1)) = (knots[above - 1], knots[above]);
    if x1 > x0 { y0 + (at - x0) / (x1 - x0) * (y1 - y0) } else { y1 }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Knots as f32, both columns strictly ascending: those that rounding brought together are dropped.
fn ascending(knots: &[(f64, f64)]) -> Vec<(f32, f32)> {
    let mut kept: Vec<(f32, f32)> = Vec::with_capacity(knots.len());
    for &(logit, log_odds) in knots {
        let knot = (logit as f32, log_odds as f32);
        if kept.last().is_none_or(|last| knot.0 > last.0 && knot.1 > last.1) {
            kept.push(knot);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    /// Payments whose true log-odds are `truth(logit)`.
    fn drawn(count: usize, seed: u64, truth: impl Fn(f64) -> f64) -> Vec<Calibrant> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut unit = || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        (0..count)
            .map(|_| {
                let logit = (-6.0 + 3.0 * (unit() + unit() + unit() + unit() - 2.0) + 6.0 * unit().powi(8)) as f32;
                let positive = unit() < sigmoid(truth(f64::from(logit)));
                Calibrant { logit, positive: if positive { 1.0 } else { 0.0 }, weight: 1.0 }
            })
            .collect()
    }

    fn predicted(map: &Calibration, logit: f32) -> f64 {
        let knots: Vec<(f64, f64)> = map.knots.iter().map(|&(x, y)| (f64::from(x), f64::from(y))).collect();
        sigmoid(interpolate(&knots, f64::from(logit)))
    }

    #[test]
    fn an_over_confident_model_is_taken_back() {
        let truth = |logit: f64| 0.7 * logit - 0.5;
        let (map, form) = fit(&drawn(60_000, 1, truth)).unwrap();
        assert_eq!(form, Form::Isotonic);
        assert!(map.knots.len() <= MAX_KNOTS);
        assert!(map.knots.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1), "{:?}", map.knots);
        let fresh = drawn(60_000, 2, truth);
        let probabilities: Vec<f32> = fresh.iter().map(|row| predicted(&map, row.logit) as f32).collect();
        let positive: Vec<bool> = fresh.iter().map(|row| row.positive > 0.0).collect();
        let error = crate::metrics::expected_calibration_error(&probabilities, &positive, 20);
        let ratio = crate::metrics::top_decile_ratio(&probabilities, &positive).unwrap();
        assert!(error < 0.004, "{error}");
        assert!((0.85..1.15).contains(&ratio), "{ratio}");
    }

    #[test]
    fn few_positives_get_a_line_through_their_share() {
        let rows = drawn(3_000, 3, |logit| logit - 0.7);
        let positives = rows.iter().filter(|row| row.positive > 0.0).count();
        assert!(positives < ISOTONIC_FROM, "{positives}");
        let (map, form) = fit(&rows).unwrap();
        assert_eq!((form, map.knots.len()), (Form::Line, 2));
        let mean: f64 = rows.iter().map(|row| predicted(&map, row.logit)).sum::<f64>() / rows.len() as f64;
        assert!((mean - positives as f64 / rows.len() as f64).abs() < 1e-6);
    }

    #[test]
    fn two_scores_only_and_weights_above_one_work() {
        let rows: Vec<Calibrant> = (0..4_000)
            .map(|row| Calibrant {
                logit: if row % 10 == 0 { 1.0 } else { -5.0 },
                positive: if row % 30 == 0 { 1.25 } else { 0.0 },
                weight: 1.0,
            })
            .collect();
        let (map, _) = fit(&rows).unwrap();
        let share = 4_000f64.mul_add(1.0 / 30.0, 1.0).floor() * 1.25 / 400.0;
        assert!((predicted(&map, 1.0) - share).abs() < 0.03, "{} {share}", predicted(&map, 1.0));
    }

    #[test]
    fn sampled_negatives_stand_for_those_left_out() {
        let all = drawn(60_000, 4, |logit| logit);
        let sample: Vec<Calibrant> = all
            .iter()
            .enumerate()
            .filter(|(number, row)| row.positive > 0.0 || number % 5 == 0)
            .map(|(_, row)| Calibrant { weight: if row.positive > 0.0 { 1.0 } else { 5.0 }, ..*row })
            .collect();
        let ((whole, _), (sampled, form)) = (fit(&all).unwrap(), fit(&sample).unwrap());
        assert_eq!(form, Form::Isotonic);
        for logit in [-7.0, -5.0, -3.0, -1.0] {
            let (p, q) = (predicted(&whole, logit), predicted(&sampled, logit));
            assert!((p / q).ln().abs() < 0.25, "at {logit}: {p} whole, {q} sampled");
        }
    }

    #[test]
    fn hopeless_windows_are_refused() {
        let negative = Calibrant { logit: 0.0, positive: 0.0, weight: 1.0 };
        assert!(fit(&[]).is_err());
        assert!(fit(&[negative; 5]).unwrap_err().to_string().contains("longer history"));
        assert!(fit(&[negative, Calibrant { logit: 0.0, positive: 1.0, weight: 1.0 }]).is_err());
        assert!(fit(&[negative, Calibrant { logit: f32::NAN, positive: 1.0, weight: 1.0 }]).is_err());
    }
}
