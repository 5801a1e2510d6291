//! Windows in time. Nothing is drawn at random: what is tested lies after everything that was learnt.
//!
//! ```text
//! first payment                                              cut                     last payment
//! |  warm-up   |      fit       |  stop  |  calibrate  | gap  |          test           |
//!   graph only   weights learnt   early     probabilities,      labels still on their way:
//!                                 stop      thresholds          observed, never learnt
//! ```
//!
//! The cut is the moment the model could have been trained. Every label used for anything before the test is the one
//! that stood at the cut, and the gap keeps it at least `maturity_days` old, so that an unlabelled payment may be
//! taken for legitimate. What is never reported stays wrong, as in life; the test therefore also counts against truth.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// Where the windows lie, as shares of the history's extent in time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SplitSettings {
    /// Share at the start that only fills the graph.
    pub warm_up: f64,
    /// Share from which on nothing is fitted any more (the fit window ends).
    pub fit_until: f64,
    /// Share at which the model could have been trained, and the test begins.
    pub cut: f64,
    /// Days before the cut that are left out because their labels are not in yet.
    pub maturity_days: f64,
    /// Share of the time between fit and gap that serves early stopping and the choice of the hybrid's form; the rest calibrates.
    pub stop_share: f64,
}

impl Default for SplitSettings {
    fn default() -> SplitSettings {
        SplitSettings { warm_up: 0.25, fit_until: 0.55, cut: 0.80, maturity_days: 14.0, stop_share: 0.5 }
    }
}

/// Part of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Only fills the graph.
    WarmUp,
    /// Weights are learnt from it.
    Fit,
    /// Decides when to stop.
    Stop,
    /// Probabilities and thresholds are read off it.
    Calibrate,
    /// Observed, never learnt: its labels were not in at the cut.
    Gap,
    /// Held out.
    Test,
    /// After the test: not read.
    Later,
}

/// Bounds of the windows of one history, UTC milliseconds of acceptance; each window begins where the one before ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    /// First payment.
    pub first_ms: i64,
    /// The fit window begins.
    pub fit_ms: i64,
    /// The early-stop window begins.
    pub stop_ms: i64,
    /// The calibration window begins.
    pub calibrate_ms: i64,
    /// The gap begins.
    pub gap_ms: i64,
    /// The cut: the test begins.
    pub cut_ms: i64,
    /// Last payment.
    pub last_ms: i64,
    /// End of the test, exclusive: a history is read no further.
    pub end_ms: i64,
}

impl SplitSettings {
    /// The windows of a history that extends from `first_ms` to `last_ms`.
    ///
    /// # Errors
    /// Settings out of order, or a history too short for the maturity asked.
    pub fn windows(&self, first_ms: i64, last_ms: i64) -> Result<Windows> {
        ensure!(
            0.0 <= self.warm_up && self.warm_up < self.fit_until && self.fit_until < self.cut && self.cut < 1.0,
            "the split must satisfy 0 <= warm-up < fit end < cut < 1, not {} / {} / {}",
            self.warm_up,
            self.fit_until,
            self.cut
        );
        ensure!(
            self.stop_share > 0.0 && self.stop_share < 1.0,
            "the early-stop share must lie between 0 and 1, not {}",
            self.stop_share
        );
        ensure!(self.maturity_days >= 0.0, "the maturity must not be negative, but is {} days", self.maturity_days);
        let extent = (last_ms - first_ms) as f64;
        let at = |share: f64| first_ms + (share * extent) as i64;
        let (stop_ms, cut_ms) = (at(self.fit_until), at(self.cut));
        let gap_ms = cut_ms - (self.maturity_days * DAY_MS as f64) as i64;
        ensure!(
            gap_ms > stop_ms,
            "a history of {:.1} days leaves nothing to calibrate on with a maturity of {} days; use a longer history, or lower \
             --maturity-days below {:.1}",
            extent / DAY_MS as f64,
            self.maturity_days,
            (cut_ms - stop_ms) as f64 / DAY_MS as f64
        );
        let calibrate_ms = stop_ms + (self.stop_share * (gap_ms - stop_ms) as f64) as i64;
        Ok(Windows {
            first_ms,
            fit_ms: at(self.warm_up),
            stop_ms,
            calibrate_ms,
            gap_ms,
            cut_ms,
            last_ms,
            end_ms: last_ms + 1,
        })
    }
}

impl Windows {
    /// The window of a payment accepted at `at_ms`.
    pub fn of(&self, at_ms: i64) -> Window {
        match at_ms {
            at if at < self.fit_ms => Window::WarmUp,
            at if at < self.stop_ms => Window::Fit,
            at if at < self.calibrate_ms => Window::Stop,
            at if at < self.gap_ms => Window::Calibrate,
            at if at < self.cut_ms => Window::Gap,
            at if at < self.end_ms => Window::Test,
            _ => Window::Later,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_each_other_and_keep_the_gap() {
        let windows = SplitSettings::default().windows(0, 120 * DAY_MS).unwrap();
        assert_eq!(windows.fit_ms, 30 * DAY_MS);
        assert_eq!(windows.stop_ms, 66 * DAY_MS);
        assert_eq!(windows.cut_ms, 96 * DAY_MS);
        assert_eq!(windows.gap_ms, 82 * DAY_MS);
        let names: Vec<Window> = [0, 30, 66, 74, 82, 96, 120].iter().map(|day| windows.of(day * DAY_MS)).collect();
        use Window::*;
        assert_eq!(names, [WarmUp, Fit, Stop, Calibrate, Gap, Test, Test]);
        assert_eq!(windows.of(windows.cut_ms - 1), Gap);
        assert_eq!([windows.of(windows.end_ms - 1), windows.of(windows.end_ms)], [Test, Later]);
    }

    #[test]
    fn a_history_too_short_says_what_to_do() {
        let error = SplitSettings::default().windows(0, 30 * DAY_MS).unwrap_err().to_string();
        assert!(error.contains("--maturity-days below 7.5"), "{error}");
        let crossed = SplitSettings { cut: 0.3, ..SplitSettings::default() };
        assert!(crossed.windows(0, 120 * DAY_MS).is_err());
    }
}
