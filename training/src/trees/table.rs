//! What trees are fitted on and how: the settings, the rows, and what of either is refused.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// How trees are fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TreeConfig {
    /// Most boosting rounds, one tree each.
    pub rounds: usize,
    /// Share of each tree's correction that is taken, above 0 and at most 1.
    pub learning_rate: f64,
    /// Most leaves of a tree.
    pub leaves: usize,
    /// Least rows a leaf holds (rows, not weights).
    pub least_rows: usize,
    /// Share of the columns each tree may read, above 0 and at most 1.
    pub feature_share: f64,
    /// Share of the rows each tree is fitted on, above 0 and at most 1.
    pub row_share: f64,
    /// L2 penalty on leaf values.
    pub l2: f64,
    /// Seed of the row and column draws, at most `i32::MAX`.
    pub seed: u64,
    /// Rounds without a better average precision on the stop rows before fitting ends; 0: all of `rounds` are kept.
    pub patience: usize,
}

impl Default for TreeConfig {
    fn default() -> Self {
        TreeConfig {
            rounds: 400,
            learning_rate: 0.05,
            leaves: 15,
            least_rows: 40,
            feature_share: 0.5,
            row_share: 0.8,
            l2: 5.0,
            seed: 1,
            patience: 60,
        }
    }
}

impl TreeConfig {
    /// Refuses settings that LightGBM would refuse, bend or take for something else.
    ///
    /// # Errors
    /// The first setting outside its range.
    pub fn check(&self) -> Result<()> {
        let share = |name: &str, value: f64| -> Result<()> {
            ensure!(value > 0.0 && value <= 1.0, "{name} of trees must be above 0 and at most 1, not {value}");
            Ok(())
        };
        ensure!((1..=100_000).contains(&self.rounds), "rounds of trees must be 1 to 100000, not {}", self.rounds);
        ensure!((2..=1024).contains(&self.leaves), "leaves of trees must be 2 to 1024, not {}", self.leaves);
        ensure!(
            (1..=1_000_000_000).contains(&self.least_rows),
            "least_rows of trees must be 1 to 1000000000, not {}",
            self.least_rows
        );
        share("learning_rate", self.learning_rate)?;
        share("feature_share", self.feature_share)?;
        share("row_share", self.row_share)?;
        ensure!(self.l2.is_finite() && self.l2 >= 0.0, "l2 of trees must be 0 or more, not {}", self.l2);
        ensure!(self.seed <= i32::MAX as u64, "the seed of trees must be at most {}, not {}", i32::MAX, self.seed);
        Ok(())
    }
}

/// Rows with their labels.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    /// Columns of a row.
    pub columns: usize,
    /// Row-major values; not-a-number means absent.
    pub values: &'a [f32],
    /// Whether each row is fraud.
    pub positive: &'a [bool],
    /// What each row counts for: 1, or 1 / share for a negative of which only a share was kept.
    pub weights: &'a [f32],
}

impl Table<'_> {
    /// Rows.
    pub fn rows(&self) -> usize {
        self.positive.len()
    }

    /// Refuses a table that trees cannot be fitted to or judged on. `name` says which it is ("fit", "stop").
    pub(super) fn check(&self, name: &str) -> Result<()> {
        let (rows, columns) = (self.rows(), self.columns);
        ensure!(rows > 0, "there are no {name} rows; trees need a history with labelled payments");
        ensure!(columns > 0, "the {name} rows have no columns");
        ensure!(
            i32::try_from(rows).is_ok() && i32::try_from(columns).is_ok(),
            "{rows} {name} rows of {columns} columns are more than LightGBM takes; keep a smaller share of negatives"
        );
        ensure!(
            Some(self.values.len()) == rows.checked_mul(columns) && self.weights.len() == rows,
            "{rows} {name} rows of {columns} columns cannot hold {} values and {} weights",
            self.values.len(),
            self.weights.len()
        );
        let frauds = self.positive.iter().filter(|positive| **positive).count();
        ensure!(frauds > 0, "none of the {rows} {name} rows is fraud; trees need both classes, take a longer history");
        ensure!(frauds < rows, "all of the {rows} {name} rows are fraud; trees need both classes");
        if let Some(row) = self.weights.iter().position(|weight| !(weight.is_finite() && *weight > 0.0)) {
            anyhow::bail!("the weight of {name} row {row} must be a number above 0, not {}", self.weights[row]);
        }
        if let Some(at) = self.values.iter().position(|value| value.is_infinite()) {
            anyhow::bail!(
                "column {} of {name} row {} is {}; values must be finite, or not-a-number where absent",
                at % columns,
                at / columns,
                self.values[at]
            );
        }
        Ok(())
    }
}
