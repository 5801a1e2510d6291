//! From a raw logit to a probability, and from a probability to the 0–100 risk score that people read.

use serde::{Deserialize, Serialize};

/// Monotone map from a raw logit to a probability: knots interpolated linearly in log-odds, clamped outside.
///
/// Fitted on a later window at true prevalence, so it also undoes the class balancing of the fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// `(raw logit, calibrated log-odds)`, both ascending, at least two. Log-odds may stay level between knots (as isotonic
    /// fits do), raw logits may not.
    pub knots: Vec<(f32, f32)>,
}

/// Why knots are no calibration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CalibrationError {
    /// Fewer than two knots.
    #[error("a calibration needs at least two knots; fit it on a larger window")]
    TooFew,
    /// A knot is infinite or not a number.
    #[error("knot {0} of the calibration is not a finite number; fit it again")]
    NotFinite(usize),
    /// A knot does not lie above the one before.
    #[error("knot {0} of the calibration does not ascend; fit it with a monotone method")]
    NotAscending(usize),
}

impl Calibration {
    /// A calibration of these knots.
    pub fn new(knots: Vec<(f32, f32)>) -> Result<Self, CalibrationError> {
        let calibration = Calibration { knots };
        calibration.check()?;
        Ok(calibration)
    }

    /// Checks knots that were read from a file.
    pub fn check(&self) -> Result<(), CalibrationError> {
        if self.knots.len() < 2 {
            return Err(CalibrationError::TooFew);
        }
        if let Some(index) = self.knots.iter().position(|(raw, odds)| !raw.is_finite() || !odds.is_finite()) {
            return Err(CalibrationError::NotFinite(index));
        }
        match self.knots.windows(2).position(|pair| pair[1].0 <= pair[0].0 || pair[1].1 < pair[0].1) {
            Some(index) => Err(CalibrationError::NotAscending(index + 1)),
            None => Ok(()),
        }
    }

    /// Calibrated log-odds of a raw logit.
    pub fn log_odds(&self, logit: f32) -> f32 {
        let above = self.knots.partition_point(|&(raw, _)| raw <= logit);
        match (above.checked_sub(1).map(|below| self.knots[below]), self.knots.get(above)) {
            (Some((x0, y0)), Some(&(x1, y1))) => {
                let share = (f64::from(logit) - f64::from(x0)) / (f64::from(x1) - f64::from(x0));
                (f64::from(y0) + share * (f64::from(y1) - f64::from(y0))) as f32
            }
            (None, Some(&(_, first))) => first,
            (Some((_, last)), None) => last,
            (None, None) => logit,
        }
    }

    /// Calibrated fraud probability, 0–1, of a raw logit. Never descends as the logit rises.
    pub fn probability(&self, logit: f32) -> f32 {
        (1.0 / (1.0 + (-f64::from(self.log_odds(logit))).exp())) as f32
    }
}

/// Probability at or below which the risk score is 0, and at or above which it is 100.
const SCORE_FLOOR: f64 = 0.0001;
const SCORE_CEILING: f64 = 0.99;

/// Risk score, 0–100, of a calibrated probability: linear in log-odds between 0.0001 (0) and 0.99 (100), rounded.
///
/// At a prevalence of half a percent nearly every probability is below 0.05, so `100 · p` would show analysts a column of
/// zeros. In log-odds 0.0005 is 12, 0.005 is 28, 0.05 is 45, 0.5 is 67, 0.9 is 83. It never descends with the probability;
/// not a number (which no verdict has) counts as 100, the side that gets looked at.
pub fn risk_score(probability: f32) -> u8 {
    let probability = f64::from(probability);
    if probability.is_nan() {
        return 100;
    }
    let log_odds = |p: f64| (p / (1.0 - p)).ln();
    let clamped = probability.clamp(SCORE_FLOOR, SCORE_CEILING);
    let share = (log_odds(clamped) - log_odds(SCORE_FLOOR)) / (log_odds(SCORE_CEILING) - log_odds(SCORE_FLOOR));
    (100.0 * share).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolates_between_knots_and_clamps_outside() {
        let calibration = Calibration::new(vec![(-2.0, -6.0), (0.0, -4.0), (2.0, 2.0)]).unwrap();
        for (logit, expected) in
            [(-9.0, -6.0), (-2.0, -6.0), (-1.0, -5.0), (0.0, -4.0), (1.0, -1.0), (2.0, 2.0), (9.0, 2.0)]
        {
            assert_eq!(calibration.log_odds(logit), expected, "at {logit}");
        }
        assert_eq!(Calibration::new(vec![(-1.0, -1.0), (1.0, 1.0)]).unwrap().probability(0.0), 0.5);
    }

    #[test]
    fn never_descends() {
        let calibration = Calibration::new(vec![(-3.0, -7.0), (-1.0, -5.5), (0.5, -5.5), (4.0, 1.5)]).unwrap();
        let steps: Vec<f32> = (-600..600).map(|step| calibration.probability(step as f32 / 100.0)).collect();
        assert!(steps.is_sorted());
        assert!(steps.iter().map(|&p| risk_score(p)).is_sorted());
    }

    #[test]
    fn refuses_knots_that_are_no_map() {
        assert_eq!(Calibration::new(vec![(0.0, 0.0)]), Err(CalibrationError::TooFew));
        assert_eq!(Calibration::new(vec![(0.0, 0.0), (0.0, 1.0)]), Err(CalibrationError::NotAscending(1)));
        assert_eq!(Calibration::new(vec![(0.0, 0.0), (1.0, -1.0)]), Err(CalibrationError::NotAscending(1)));
        assert_eq!(Calibration::new(vec![(0.0, 0.0), (1.0, f32::INFINITY)]), Err(CalibrationError::NotFinite(1)));
        assert_eq!(Calibration::new(vec![(f32::NAN, 0.0), (1.0, 1.0)]), Err(CalibrationError::NotFinite(0)));
    }

    #[test]
    fn risk_score_spreads_low_probabilities() {
        let scores = [0.0, 0.0001, 0.0005, 0.005, 0.05, 0.5, 0.9, 0.99, 1.0].map(risk_score);
        assert_eq!(scores, [0, 0, 12, 28, 45, 67, 83, 100, 100]);
        assert_eq!(risk_score(f32::NAN), 100);
    }
}
