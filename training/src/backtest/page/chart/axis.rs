//! Axes: where a value stands between the two ends, and the ticks a reader expects.

/// One axis of a figure.
#[derive(Debug, Clone)]
pub struct Axis {
    /// Value at the left or lower end.
    low: f64,
    /// Value at the right or upper end.
    high: f64,
    /// Whether equal distances are equal ratios.
    logarithmic: bool,
    /// Values marked, with what is written there.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From `low` to at least `high`, both widened to round values; about `count` ticks, written by `write`.
    /// Ends that are no numbers, or the wrong way round, give 0 to 1.
    pub fn linear(low: f64, high: f64, count: usize, write: impl Fn(f64) -> String) -> Axis {
        let (low, high) = if low.is_finite() && high.is_finite() && low < high { (low, high) } else { (0.0, 1.0) };
        let step = round_step((high - low) / count.max(1) as f64);
        // a hair of slack, so that 0.6000000001 does not cost a whole step
        let first = (low / step + 1e-9).floor();
        let last = (high / step - 1e-9).ceil();
        let ticks = (0..=(last - first) as usize).map(|index| (first + index as f64) * step);
        Axis {
            low: first * step,
            high: last * step,
            logarithmic: false,
            ticks: ticks.map(|value| (value, write(value))).collect(),
        }
    }

    /// Shares: 0 to 1.
    pub fn shares() -> Axis {
        Axis::linear(0.0, 1.0, 5, |value| format!("{value:.1}"))
    }

    /// Shares on a logarithmic axis, whole decades from the smallest positive value (1e-5 at the least) to 1. What lies
    /// lower, zero included, stands at the lower end, whose tick says so.
    pub fn decades(smallest: f64) -> Axis {
        let smallest = if smallest.is_finite() { smallest.clamp(1e-5, 0.1) } else { 1e-5 };
        let first = smallest.log10().floor() as i32;
        let mut ticks: Vec<(f64, String)> = (first..=0)
            .map(|power| (10f64.powi(power), format!("{}%", trimmed(10f64.powi(power + 2), (-power - 2).max(0)))))
            .collect();
        ticks[0].1.insert(0, '≤');
        Axis { low: 10f64.powi(first), high: 1.0, logarithmic: true, ticks }
    }

    /// One place for each label, in order, at 0, 1, 2, …; at most `shown` of them are written, evenly chosen.
    pub fn places(labels: &[String], shown: usize) -> Axis {
        let every = labels.len().div_ceil(shown.max(1)).max(1);
        let ticks = labels.iter().enumerate().step_by(every).map(|(place, label)| (place as f64, label.clone()));
        Axis { low: -0.5, high: labels.len().max(1) as f64 - 0.5, logarithmic: false, ticks: ticks.collect() }
    }

    /// Where a value stands: 0 at the low end, 1 at the high end, never outside. None for what is no number.
    pub fn place(&self, value: f64) -> Option<f64> {
        if !value.is_finite() {
            return None;
        }
        let place = if self.logarithmic {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        Some(place.clamp(0.0, 1.0))
    }
}

/// The smallest of 1, 2, 5 × 10ⁿ that is not below `raw`.
fn round_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|factor| factor * power).find(|step| *step >= raw * 0.999).unwrap_or(10.0 * power)
}

/// A power of ten in percent, with just the decimals it needs.
fn trimmed(value: f64, decimals: i32) -> String {
    format!("{value:.*}", decimals as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        let axis = Axis::linear(0.0, 0.397, 4, |value| format!("{value:.1}"));
        let written: Vec<&str> = axis.ticks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(written, ["0.0", "0.1", "0.2", "0.3", "0.4"]);
        assert_eq!(axis.place(0.4), Some(1.0));
        assert_eq!(axis.place(f64::NAN), None);
    }

    #[test]
    fn decades_put_zero_at_the_lower_end() {
        let axis = Axis::decades(3e-4);
        assert_eq!(axis.ticks[0], (1e-4, "≤0.01%".to_owned()));
        assert_eq!(axis.ticks.last().map(|tick| tick.1.as_str()), Some("100%"));
        assert_eq!(axis.place(0.0), Some(0.0));
        assert_eq!(axis.place(1.0), Some(1.0));
        assert!((axis.place(1e-2).unwrap() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn ends_that_are_no_numbers_still_give_an_axis() {
        assert_eq!(Axis::linear(f64::NAN, 1.0, 5, |value| value.to_string()).place(0.5), Some(0.5));
        assert_eq!(Axis::linear(1.0, 1.0, 5, |value| value.to_string()).place(0.5), Some(0.5));
        assert_eq!(Axis::places(&[], 5).place(0.0), Some(0.5));
    }
}
