//! From typed to checked: what figures of experiments are reckoned by.

use super::check::Faults;
use super::raw::RawConfig;
use crate::experiments::arm::Costs;
use crate::experiments::ledger::Terms;

const HOUR_MS: f64 = 3_600_000.0;
/// Hundredths of the major unit.
const HUNDREDTHS: f64 = 100.0;

impl RawConfig {
    pub(super) fn experiments(&self, faults: &mut Faults) -> Terms {
        let experiments = &self.experiments;
        let hours = faults.within("experiments.maturity_hours", experiments.maturity_hours, 0.0..=24.0 * 365.0);
        let share = experiments.false_decline_share;
        let review = experiments.review_cost;
        Terms {
            maturity_ms: (hours * HOUR_MS) as i64,
            costs: Costs {
                false_decline_share: faults.within("experiments.false_decline_share", share, 0.0..=10.0),
                review: HUNDREDTHS * faults.within("experiments.review_cost", review, 0.0..=1_000_000.0),
            },
        }
    }
}
