//! From typed to checked: the drift monitor.

use super::check::Faults;
use super::raw::RawConfig;
use crate::drift::{DriftConfig, MonitorConfig, OutcomeConfig};

const HOUR_MS: i64 = 3_600_000;

impl RawConfig {
    pub(super) fn drift(&self, faults: &mut Faults) -> DriftConfig {
        let drift = &self.drift;
        let least_payments = faults.within("drift.min_count", drift.min_count, 20..=1_000_000);
        let reference_payments = faults.within("drift.reference_payments", drift.reference_payments, 100..=1_000_000);
        let window_payments = faults.within("drift.window_payments", drift.window_payments, 50..=100_000);
        if least_payments > window_payments || least_payments > reference_payments {
            faults.add("drift.min_count", "must be at most drift.window_payments and drift.reference_payments");
        }
        let mut open = |key, value: f64, most: f64| {
            if !(value > 0.0 && value <= most) {
                faults.add(key, format!("is {value}, but must be above 0 and at most {most}"));
            }
            value
        };
        let ks_bound = open("drift.ks_bound", drift.ks_bound, 1.0);
        let psi_bound = open("drift.psi_bound", drift.psi_bound, 100.0);
        let estimate_bound = open("drift.estimate_bound", drift.estimate_bound, 1.0);
        let delta = open("drift.auc_delta", drift.auc_delta, 0.5);
        let recall_delta = open("drift.recall_delta", drift.recall_delta, 0.5);
        DriftConfig {
            enabled: drift.enabled,
            monitor: MonitorConfig {
                reference_payments,
                window_payments,
                compare_every: faults.within("drift.compare_every", drift.compare_every, 1..=100_000),
                least_payments,
                ks_bound,
                psi_bound,
                estimate_bound,
                quiet_comparisons: faults.within("drift.quiet_comparisons", drift.quiet_comparisons, 1..=10_000),
            },
            outcomes: OutcomeConfig {
                maturity_ms: faults.within("drift.maturity_hours", drift.maturity_hours, 1..=24 * 365) * HOUR_MS,
                block_frauds: faults.within("drift.auc_block_frauds", drift.auc_block_frauds, 1..=1_000),
                delta,
                recall_delta,
            },
        }
    }
}
