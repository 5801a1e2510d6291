//! One figure of a version as it goes on, and when it has turned: a window that ADWIN keeps over blocks of values.

use super::adwin::{Adwin, AdwinConfig};
use std::sync::Arc;

/// What is watched of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Whether it puts frauds above honest payments.
    Auc,
    /// Whether frauds were caught.
    Recall,
}

impl Measure {
    /// In words.
    pub const fn told(self) -> &'static str {
        match self {
            Measure::Auc => "the AUC on matured outcomes",
            Measure::Recall => "the share of matured frauds that were reviewed or declined",
        }
    }
}

/// A turn of a version's figures.
#[derive(Debug, Clone, PartialEq)]
pub enum OutcomeTurn {
    /// It fell.
    Fell {
        /// What.
        measure: Measure,
        /// Which version.
        model: Arc<str>,
        /// Mean over the window before.
        before: f64,
        /// Mean over what is left of the window.
        after: f64,
        /// Matured frauds of the version so far.
        matured_frauds: u64,
    },
    /// After a fall it is back, or nearly.
    Recovered {
        /// What.
        measure: Measure,
        /// Which version.
        model: Arc<str>,
        /// Mean over the window.
        now: f64,
    },
}

/// One figure of a version, value after value.
pub(super) struct Watch {
    measure: Measure,
    block: Vec<f64>,
    window: Adwin,
    /// Values so far.
    pub(super) values: u64,
    /// Mean before the latest fall, while it has not recovered.
    fallen_from: Option<f64>,
}

impl Watch {
    pub(super) fn new(measure: Measure, delta: f64) -> Watch {
        let window = Adwin::new(AdwinConfig { delta, clock: 1, ..AdwinConfig::default() });
        Watch { measure, block: Vec::new(), window, values: 0, fallen_from: None }
    }

    /// Blocks in the window.
    pub(super) fn width(&self) -> u64 {
        self.window.width()
    }

    /// Mean over the window; none before the first block.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.width() > 0).then(|| self.window.mean())
    }

    /// Adds a value, and tells whether the figure turned by it.
    pub(super) fn add(&mut self, value: f64, block_frauds: usize, model: &Arc<str>) -> Option<OutcomeTurn> {
        self.values += 1;
        self.block.push(value);
        if self.block.len() < block_frauds {
            return None;
        }
        let value = self.block.iter().sum::<f64>() / self.block.len() as f64;
        self.block.clear();
        let (measure, before) = (self.measure, self.window.mean());
        let changed = self.window.add(value);
        let after = self.window.mean();
        if changed && after < before {
            self.fallen_from = Some(self.fallen_from.unwrap_or(before).max(before));
            let (model, matured_frauds) = (Arc::clone(model), self.values);
            return Some(OutcomeTurn::Fell { measure, model, before, after, matured_frauds });
        }
        // Nine tenths of the way back from where a model that knows nothing would be.
        let nothing = if measure == Measure::Auc { 0.5 } else { 0.0 };
        let back = |from: f64| changed && after > before && after >= nothing + (from - nothing) * 0.9;
        self.fallen_from.is_some_and(back).then(|| {
            self.fallen_from = None;
            OutcomeTurn::Recovered { measure, model: Arc::clone(model), now: after }
        })
    }
}
